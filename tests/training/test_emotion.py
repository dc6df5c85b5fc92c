"""Data sets, augmentation, evaluation rules, and one small training run from CSV to LiteRT."""

import csv
import json
import re
import shlex
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest
from helpers import astronaut, drawn_face, encoded, need_tensorflow, write_csvs
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import albumsort
from albumsort.cli import evaluate as cli_evaluate
from albumsort.cli.app import app
from albumsort.errors import AlbumsortError, UsageError
from albumsort.networks import weights
from albumsort.training.common import recipes
from albumsort.training.common import scores as common_scores
from albumsort.training.emotion import augmentation, evaluation, examples, sources
from albumsort.training.emotion import data as datasets
from albumsort.types import FOUR, Emotion


def votes_of(**counts: int) -> np.ndarray:
    return np.array([[counts.get(name, 0) for name in datasets.VOTE_COLUMNS]], np.float32)


def test_both_files_are_read_into_splits_without_blank_images(tmp_path):
    data, votes = write_csvs(tmp_path, {"Training": 6, "PublicTest": 2, "PrivateTest": 2})
    with data.open("a") as file:
        file.write("6," + " ".join(["0"] * 2304) + ",Training\n")
    with votes.open("a") as file:
        file.write("Training,,10,0,0,0,0,0,0,0,0,0\n")
    splits = sources.load_fer2013(data, votes)
    assert {usage: len(faces) for usage, faces in splits.items()} == {"Training": 6, "PublicTest": 2, "PrivateTest": 2}
    assert splits["Training"].label.tolist() == [3, 4, 3, 4, 3, 4]


def test_files_of_different_length_are_refused(tmp_path):
    data, votes = write_csvs(tmp_path, {"Training": 4})
    votes.write_text("\n".join(votes.read_text().splitlines()[:-1]))
    with pytest.raises(AlbumsortError, match="not the same data set"):
        sources.load_fer2013(data, votes)


def test_a_file_without_the_expected_columns_is_refused_by_name(tmp_path):
    data, votes = write_csvs(tmp_path, {"Training": 2})
    data.write_text("a,b\n1,2\n")
    with pytest.raises(AlbumsortError, match="no column Usage, emotion, pixels"):
        sources.load_fer2013(data, votes)


def test_training_drops_faces_of_a_test_split_even_mirrored_or_brighter():
    random = np.random.default_rng(1)
    own, shown = random.integers(0, 255, (2, 5, 48, 48)).astype(np.uint8)
    leaked = np.stack([shown[0], shown[1][:, ::-1], (shown[2] * 0.7 + 20).astype(np.uint8)])
    pixels = np.concatenate([own, leaked])
    assert datasets.near_duplicates(pixels, shown).tolist() == [False] * 5 + [True] * 3


def test_leaks_are_removed_towards_the_reported_split(tmp_path):
    random = np.random.default_rng(2)
    a, b, c = random.integers(0, 255, (3, 4, 48, 48)).astype(np.uint8)

    def split(pixels):
        return datasets.LabelledFaces(pixels, np.zeros(len(pixels), int), np.zeros((len(pixels), 10), np.float32))

    given_splits = {
        "Training": split(np.concatenate([a, b[:1], c[:1]])),
        "PublicTest": split(np.concatenate([b, c[1:2]])),
        "PrivateTest": split(c),
    }
    clean = datasets.without_leaks(given_splits)
    assert [len(clean[usage]) for usage in datasets.USAGES] == [4, 4, 4]


def test_single_votes_are_dropped_from_the_shares():
    shares = datasets.vote_shares(votes_of(neutral=6, sadness=2, anger=1, fear=1))
    assert dict(zip(datasets.FERPLUS_LABELS, shares[0].tolist(), strict=True))["neutral"] == pytest.approx(0.75)
    assert shares.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("votes", "winner"),
    [
        (votes_of(happiness=9, neutral=1), "happy"),
        (votes_of(happiness=5, neutral=5), None),  # no more than half of the rest
        (votes_of(happiness=5, neutral=3, sadness=1, anger=1), "happy"),  # 5 of 8
        (votes_of(unknown=6, happiness=4), None),
        (votes_of(NF=10), None),
    ],
)
def test_the_official_rule_names_the_winner_or_leaves_the_face_out(votes, winner):
    expected = -1 if winner is None else datasets.FERPLUS_LABELS.index(winner)
    assert datasets.ferplus_majority(votes).tolist() == [expected]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1))
def test_augmentation_keeps_shape_and_type_and_leaves_the_original_alone(seed):
    face = drawn_face(np.random.default_rng(5), smile=True)
    before = face.copy()
    changed = augmentation.augment(face, np.random.default_rng(seed))
    assert changed.shape == (48, 48)
    assert changed.dtype == np.uint8
    assert np.array_equal(face, before)


def test_augmentation_repeats_itself_for_the_same_seed():
    face = drawn_face(np.random.default_rng(5), smile=True)
    one, other = (augmentation.augment(face, np.random.default_rng(9)) for _ in range(2))
    assert np.array_equal(one, other)


def test_restricting_the_answers_ignores_classes_outside_the_subset():
    labels = ("a", "b", "c")
    scores = np.array([[0.2, 0.1, 0.9], [0.1, 0.3, 0.8], [0.0, 0.0, 1.0]])
    truth = np.array([0, 0, 2])
    assert evaluation.restricted(scores, labels, truth, ("a", "b")).tolist() == [True, False]


def test_the_interval_of_an_accuracy_encloses_it_and_narrows_with_n():
    few, many = common_scores.accuracy([True, False] * 20), common_scores.accuracy([True, False] * 2000)
    assert few.low < few.value < few.high
    assert many.high - many.low < (few.high - few.low) / 5


def test_the_best_temperature_undoes_overconfidence():
    random = np.random.default_rng(0)
    logits = random.normal(0, 1.5, (4000, 8)).astype(np.float32)
    drawn = [random.choice(8, p=p / p.sum()) for p in evaluation.softmax(logits).astype(float)]
    shares = np.eye(8, dtype=np.float32)[drawn]
    assert evaluation.best_temperature(logits * 2, shares) == pytest.approx(2, rel=0.1)
    assert evaluation.calibration_error(evaluation.softmax(logits * 2, 2), shares) < 0.03
    assert evaluation.calibration_error(evaluation.softmax(logits * 2), shares) > 0.05


@pytest.mark.slow
def test_a_network_can_start_from_another_with_more_blocks_and_new_labels(trained):
    from albumsort.training.common import conversion
    from albumsort.training.emotion import conversion as emotion_conversion
    from albumsort.training.emotion import networks

    content = (trained["run"] / "emotion.tflite").read_bytes()
    faces = trained["faces"]["PrivateTest"].pixels
    before = conversion.run_litert(content, faces)
    deeper = networks.deep(4)
    conversion.take_weights(deeper, content, faces[..., None], [1, 3, None, 9])
    after = conversion.run_litert(emotion_conversion.to_litert(deeper), faces)
    assert np.abs(after[:, [0, 1, 3]] - before[:, [1, 3, 9]]).max() < 0.3
    with pytest.raises(AlbumsortError, match="features"):
        conversion.take_weights(networks.plain(15), content, faces[..., None], list(range(15)))


def fit(faces, public, recipe, run):
    """Train only on labelled faces."""
    from albumsort.training.emotion import fitting

    heads = datasets.BOTH_HEADS
    check = fitting.check(public, None, heads, recipe)
    fitting.fit([examples.of_labelled(faces, heads, 1.0, False)], check, heads, recipe, run)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A network trained for six epochs on drawn faces, resumed once, and converted."""
    need_tensorflow()
    from albumsort.training.emotion import fitting, shipping
    from albumsort.training.emotion.gathering import Further

    folder = tmp_path_factory.mktemp("training")
    data, votes = write_csvs(folder, {"Training": 512, "PublicTest": 40, "PrivateTest": 40})
    recipe = fitting.Recipe(epochs=6, batch=32, precision="float32", averaging=0.9)
    faces = sources.load_fer2013(data, votes)
    run = folder / "run"
    interrupted = KeyboardInterrupt()

    class Stop(fitting.Epochs):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise interrupted
            super().on_epoch_begin(epoch, logs)

    whole, fitting.Epochs = fitting.Epochs, Stop
    try:
        with pytest.raises(KeyboardInterrupt):
            fit(faces["Training"], faces["PublicTest"], recipe, run)
    finally:
        fitting.Epochs = whole
    # drawn faces look alike: keep duplicates, or none would be left
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(sources, "without_leaks", lambda splits: splits)
    shipping.train(data, votes, Further(), recipe, run, "test")
    yield {"run": run, "data": data, "votes": votes, "recipe": recipe, "faces": faces}
    monkeypatch.undo()


@pytest.mark.slow
def test_an_interrupted_run_resumes_after_its_last_complete_epoch(trained):
    with (trained["run"] / "history.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2", "3", "4", "5", "6"]


@pytest.mark.slow
def test_the_converted_network_learnt_the_drawn_faces_and_agrees_with_keras(trained):
    from albumsort.training.common import conversion
    from albumsort.training.emotion import fitting, shipping

    content = (trained["run"] / shipping.MODEL).read_bytes()
    faces = trained["faces"]["PrivateTest"]
    logits = conversion.run_litert(content, faces.pixels)
    model = fitting.averaged(trained["run"], datasets.BOTH_HEADS)
    kept = (fitting.predict(model, faces.pixels) + fitting.predict(model, faces.pixels[:, :, ::-1])) / 2
    assert np.abs(logits - kept).max() < 0.3
    assert evaluation.evaluate(logits, faces, datasets.BOTH_HEADS).scores["ferplus_8"].value > 0.9
    assert len(content) <= 3_000_000


@pytest.mark.slow
def test_a_run_without_natural_faces_is_not_installed(trained, tmp_path):
    from albumsort.training.emotion import shipping

    with pytest.raises(UsageError, match="needs FER2013, FER\\+ and natural faces"):
        shipping.install(trained["run"], tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_run_stores_its_command_quoted_for_a_shell(trained, tmp_path, monkeypatch):
    from albumsort.training.emotion import shipping

    run = tmp_path / "the 1st run; it's mine"
    shutil.copytree(trained["run"], run)
    recipe = ["--recipe", run / "recipe.json", "--run", run, "--quiet"]
    typed = ["model", "train", *map(str, ["--data", trained["data"], "--votes", trained["votes"], *recipe])]
    monkeypatch.setattr(sys, "argv", ["/usr/bin/albumsort", *typed])
    assert CliRunner().invoke(app, typed, catch_exceptions=False).exit_code == 0
    kept = json.loads((run / shipping.ENTRY).read_text())["command"]
    assert shlex.split(kept) == ["albumsort", *typed]


@pytest.mark.slow
def test_a_student_learns_from_its_teacher_on_unlabelled_faces(trained, tmp_path):
    from albumsort.training.emotion import fitting

    heads = datasets.BOTH_HEADS
    recipe = replace(trained["recipe"], epochs=8, teachers=(str(trained["run"]),), averaging=0.5)
    faces, public = trained["faces"]["Training"], trained["faces"]["PublicTest"]
    unlabelled = datasets.LabelledFaces.unvoted(faces.pixels, np.full(len(faces), -1))
    source = examples.of_labelled(unlabelled, heads, 1.0, False)
    assert source.targets.sum() == 0
    (taught,) = fitting.taught([source], heads, recipe)
    assert taught.targets.sum(axis=1) == pytest.approx(np.full(len(faces), 2), abs=1e-4)
    fitting.fit([source], fitting.check(public, None, heads, recipe), heads, recipe, tmp_path / "student")
    student = fitting.averaged(tmp_path / "student", heads)
    assert evaluation.evaluate(fitting.predict(student, public.pixels), public, heads).scores["ferplus_8"].value > 0.8


@pytest.mark.slow
def test_a_run_of_another_recipe_is_not_resumed(trained):
    other = replace(trained["recipe"], seed=7)
    with pytest.raises(UsageError, match="another recipe"):
        fit(trained["faces"]["Training"], trained["faces"]["PublicTest"], other, trained["run"])


@pytest.mark.parametrize("killed", ["scores", "average.weights.h5", "history.csv", "last.keras"])
def test_an_epoch_interrupted_by_a_kill_is_repeated_and_recorded_once(killed, tmp_path, monkeypatch):
    need_tensorflow()
    import keras

    from albumsort.training.common import epochs

    def model():
        made = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
        made.compile(optimizer=epochs.adamw(1e-3, 0.01, 6), loss="mse")
        return made

    def reach(step):
        if step == killed and epoch_begun == ["1", "2"]:
            raise KeyboardInterrupt

    class Scored(epochs.Checkpoints):
        def on_epoch_begin(self, epoch, logs=None):
            epoch_begun.append(str(epoch + 1))
            super().on_epoch_begin(epoch, logs)

        def scores(self):
            reach("scores")
            return {"score": 0.5}

    def replace_file(path, write):
        reach(path.name)
        whole(path, write)

    def go_on():
        learning, average = model(), model()
        epochs.resume(learning, average, tmp_path)
        x, done = np.ones((6, 2), np.float32), int(learning.optimizer.iterations) // 3
        watch = Scored(tmp_path, average, 0.9)
        learning.fit(x, x[:, :1], 2, epochs=2, initial_epoch=done, callbacks=[watch], verbose=0)

    epoch_begun, whole = [], epochs.replace_file
    monkeypatch.setattr(epochs, "replace_file", replace_file)
    with pytest.raises(KeyboardInterrupt):
        go_on()
    # each line is an epoch with averaged weights; only the files for further training are missing
    assert epochs.epochs_of(tmp_path) == (2 if killed == "last.keras" else 1)
    go_on()
    assert epoch_begun == ["1", "2", "2"]
    with (tmp_path / "history.csv").open(newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]


@pytest.mark.slow
def test_a_run_is_not_resumed_with_other_votes(trained, tmp_path):
    from albumsort.training.emotion import shipping
    from albumsort.training.emotion.gathering import Further

    lines = trained["votes"].read_text().splitlines()
    other = tmp_path / "votes.csv"
    other.write_text("\n".join([lines[0], lines[2], *lines[2:]]) + "\n")
    with pytest.raises(UsageError, match="started with other faces, labels or votes"):
        shipping.train(trained["data"], other, Further(), trained["recipe"], trained["run"], "test")


def test_a_run_belongs_to_its_inputs_and_an_old_run_adopts_them(tmp_path):
    recipes.claim_inputs(tmp_path, {"faces": 3}, "faces")
    recipes.claim_inputs(tmp_path, {"faces": 3}, "faces")
    with pytest.raises(UsageError, match="started with other faces"):
        recipes.claim_inputs(tmp_path, {"faces": 4}, "faces")


def test_votes_distinguish_data_only_if_they_are_trained_on():
    faces = datasets.LabelledFaces.unvoted(np.zeros((2, 48, 48), np.uint8), np.array([3, 4]))
    voted = replace(faces, votes=np.ones((2, 10), np.float32))
    assert datasets.digest({"a": faces}) == datasets.digest({"a": voted})
    assert datasets.digest({"a": faces}, voted=True) != datasets.digest({"a": voted}, voted=True)


@pytest.mark.parametrize("content", ['{"epochs": 3,', "[1, 2]"])
def test_an_invalid_recipe_is_refused_by_name(content, tmp_path):
    need_tensorflow()
    from albumsort.training.emotion import fitting

    path = tmp_path / "broken.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=r"broken\.json is no recipe"):
        fitting.chosen(str(path))


def test_a_recipe_with_an_unknown_field_is_refused(tmp_path):
    need_tensorflow()
    from albumsort.training.emotion import fitting

    path = tmp_path / "recipe.json"
    path.write_text(json.dumps({"epochs": 3, "epoch": 4}))
    with pytest.raises(UsageError, match="unknown field epoch"):
        fitting.chosen(str(path))


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("epochs", "sixty", 'epochs is "sixty", not a whole number'),
        ("epochs", 2.5, "epochs is 2.5, not a whole number"),
        ("learning_rate", None, "learning_rate is null, not a number"),
        ("teachers", "shipped", 'teachers is "shipped", not a list of texts'),
        ("labels", ["happy", 3], r'labels is \["happy", 3\], not a list of texts'),
    ],
)
def test_a_recipe_with_a_field_of_the_wrong_type_is_refused_before_any_work(field, value, reason, tmp_path):
    need_tensorflow()
    from albumsort.training.emotion import fitting

    path = tmp_path / "recipe.json"
    path.write_text(json.dumps({field: value}))
    with pytest.raises(UsageError, match=rf"recipe\.json: {reason}"):
        fitting.chosen(str(path))


@pytest.mark.slow
def test_the_report_draws_every_chart_into_one_page(tmp_path):
    pytest.importorskip("matplotlib")
    from albumsort.training.emotion import report

    random = np.random.default_rng(0)
    n = 120
    votes = np.zeros((n, len(datasets.VOTE_COLUMNS)), np.float32)
    votes[np.arange(n), random.integers(0, 8, n)] = 10
    faces = datasets.LabelledFaces(random.integers(0, 255, (n, 48, 48)).astype(np.uint8), np.zeros(n, int), votes)
    history = tmp_path / "history.csv"
    history.write_text("epoch,loss,ferplus_8,ferplus_four,fer2013_7,fer2013_four\n1,2,.3,.4,.5,.6\n2,1,.4,.5,.6,.7\n")
    logits = random.normal(size=(n, 15)).astype(np.float32)
    first = evaluation.answers(logits, faces, datasets.BOTH_HEADS)[0]
    page = report.write(tmp_path / "report", first, faces, "PublicTest", 1.0, history)
    shown = re.findall(r'src="(\w+\.png)"', page.read_text())
    assert len(shown) == 7
    assert all((page.parent / name).stat().st_size > 5000 for name in shown)
    assert "Head ferplus on PublicTest: 120 faces" in page.read_text()
    assert "against the votes" in page.read_text()


@pytest.mark.slow
def test_a_report_on_labels_does_not_mention_votes(tmp_path):
    pytest.importorskip("matplotlib")
    from albumsort.training.emotion import report

    faces = datasets.LabelledFaces.unvoted(np.zeros((8, 48, 48), np.uint8), np.arange(8) % 7)
    logits = np.random.default_rng(0).normal(size=(8, 15)).astype(np.float32)
    given = evaluation.leading(evaluation.answers(logits, faces, datasets.BOTH_HEADS))
    text = report.write(tmp_path, given, faces, "PrivateTest", 1.0, None).read_text()
    assert "Head fer2013 on PrivateTest: 8 faces" in text
    assert "votes" not in text


# the command


@pytest.fixture
def album(tmp_path):
    """A folder for each of the four emotions, all with the same portrait."""
    for emotion in FOUR:
        (tmp_path / "album" / emotion).mkdir(parents=True)
        (tmp_path / "album" / emotion / "portrait.jpg").write_bytes(encoded(astronaut()))
    return tmp_path / "album"


def evaluated(*options):
    """Run the command in this process."""
    return CliRunner().invoke(app, ["model", "evaluate", *map(str, options)], catch_exceptions=False)


def test_a_photo_that_cannot_be_read_is_named_and_the_others_of_the_album_are_judged(album):
    whole = evaluated("--album", album)
    (album / "sad" / "broken.jpg").write_bytes(b"no photo")
    done = evaluated("--album", album, "--quiet")
    assert (whole.exit_code, done.exit_code) == (0, 1)
    assert done.stdout == whole.stdout
    assert "broken.jpg: " in done.stderr


@pytest.mark.parametrize("command", ["train", "evaluate", "compare"])
def test_the_model_commands_have_the_common_options(command):
    asked = CliRunner().invoke(app, ["model", command, "--quiet", "--version"])
    assert (asked.exit_code, asked.stdout) == (0, f"albumsort {albumsort.__version__}\n")


@pytest.mark.parametrize("command", ["train", "evaluate", "compare"])
def test_the_model_commands_take_no_index_as_they_use_none(command):
    asked = CliRunner().invoke(app, ["model", command, "--db", "x.sqlite", "--version"])
    assert asked.exit_code == 2
    assert "No such option: --db" in asked.stderr


@pytest.mark.parametrize("quiet", [False, True])
def test_quiet_training_prints_only_the_path_of_the_network(tmp_path, monkeypatch, quiet):
    need_tensorflow()
    from albumsort.training.emotion import shipping

    def train(*_):
        print("epoch 1  loss 2.0", file=sys.stderr)
        return "run/network.tflite"

    monkeypatch.setattr(shipping, "train", train)
    options = ["--data", "faces.csv", "--run", str(tmp_path), *(["--quiet"] if quiet else [])]
    done = CliRunner().invoke(app, ["model", "train", *options])
    assert (done.exit_code, done.stdout) == (0, "run/network.tflite\n")
    assert ("epoch" in done.stderr, "History" in done.stderr) == (not quiet, not quiet)


def test_an_album_is_judged_by_the_run_that_is_named(album, tmp_path):
    need_tensorflow()
    from albumsort.training.emotion import shipping

    content, network = weights.load("emotion")
    run = tmp_path / "run"
    run.mkdir()
    (run / shipping.MODEL).write_bytes(content)
    bias = [9.0 if name == "sad" else 0.0 for name in network.details["natural"]["labels"]]
    natural = network.details["natural"] | {"bias": bias}
    (run / shipping.ENTRY).write_text(json.dumps(network.details | {"natural": natural}))
    own, shipped = (evaluated("--album", album, *more) for more in (("--run", run), ()))
    assert (own.exit_code, shipped.exit_code) == (0, 0)
    column = list(Emotion).index(Emotion.SAD) + 1
    lines = {words[0]: words for words in map(str.split, own.stdout.splitlines()) if words and words[0] in FOUR}
    assert [lines[name][column] for name in FOUR] == ["1"] * len(FOUR)
    assert own.stdout != shipped.stdout


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["faces", "--no-faces", ".", "--album", "a"], "No such option: --album"),
        (["--network", "faces", "--split", "Training", "--no-faces", "."], "No such option: --split"),
        (["emotion", "--album", ".", "--against", "x.onnx"], "No such option: --against"),
        (["--album", ".", "--split", "PublicTest"], "--votes, --labels and --split need --data"),
        (["--album", ".", "--answers", "fer=fer.csv"], "--faces and --answers need --natural"),
        (["--album", ".", "--report", "r"], "--report needs --data or --natural"),
    ],
)
def test_options_that_would_change_nothing_are_refused(options, reason):
    done = evaluated(*options)
    assert done.exit_code == 2
    assert reason in done.stderr


def test_evaluated_figures_are_printed_with_units(capsys):
    from albumsort.training.emotion import shipping

    scores = {
        "ferplus_8": evaluation.Score(0.875, 0.75, 0.96, 40),
        "fer2013_happy_sad": evaluation.Score(0.5, 0.4, 0.6, 9),
    }
    report = evaluation.EvaluationReport(scores, "ferplus", ("happy", "sad"), 0.0321, np.array([[12, 3], [0, 25]]))
    cli_evaluate._print_evaluated(shipping.Evaluated("PublicTest", 1_234_567, 1.25, report, 0.456))
    assert [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()] == [
        "PublicTest; accuracy with 95 % bootstrap interval",
        "FER+ official rule, 8 classes 0.875 [0.750, 0.960] n=40",
        "labels: happy, sad 0.500 [0.400, 0.600] n=9",
        "calibration error, ferplus 0.032 at T=1.25",
        "size, time a face (one thread) 1.23 MB, 0.46 ms",
        "",
        "Confusion (rows: verdict, columns: network)",
        "happy sad",
        "happy 12 3",
        "sad 0 25",
    ]


def test_labels_that_no_head_has_are_refused(tmp_path):
    need_tensorflow()
    data, votes = write_csvs(tmp_path, {"Training": 2, "PublicTest": 2, "PrivateTest": 2})
    done = evaluated("--data", data, "--votes", votes, "--labels", "hapy,sad")
    assert done.exit_code == 2
    assert "no head of the network has the labels hapy, sad; its labels are neutral, happy" in done.stderr
