"""Natural faces: reading verdicts, training, calibrating and scoring on them."""

import csv

import cv2
import numpy as np
import pytest
from helpers import astronaut, drawn_natural, natural_row, need_tensorflow, write_csvs, write_natural
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from albumsort.cli.app import app
from albumsort.emotions import load_classifier
from albumsort.errors import AlbumsortError, UsageError
from albumsort.networks import weights
from albumsort.training.emotion import (
    agreement,
    augmentation,
    calibration,
    crops,
    examples,
    gathering,
    natural,
    natural_scores,
    sources,
)
from albumsort.training.emotion import answers as natural_answers
from albumsort.training.emotion import data as datasets
from albumsort.training.emotion.natural import EXPRESSIONS, EYES_HEAD, NATURAL_HEAD
from albumsort.types import Box, Emotion

HEADS = (*datasets.BOTH_HEADS, NATURAL_HEAD, EYES_HEAD)
EMOTIONS = list(Emotion)


def votes(*said: str) -> np.ndarray:
    return natural.votes(said, EXPRESSIONS)


# reading


def test_tiles_and_verdicts_are_matched_to_their_rows(tmp_path):
    tiles = [np.full((96, 96), grey, np.uint8) for grey in (10, 90, 200)]
    rows = [
        natural_row(tile=1, file="b", use="valid", labels="sad", eyes="closed", weight="2.5", age="60-69"),
        natural_row(tile=0, file="a", use="unlabelled"),
        natural_row(tile=2, file="c", use="test", labels="happy happy other", eyes="open open hidden"),
    ]
    faces = natural.load(write_natural(tmp_path, tiles, rows))
    assert [int(tile.mean()) for tile in faces.tiles] == pytest.approx([90, 10, 200], abs=3)
    assert [EXPRESSIONS[i] if i >= 0 else None for i in natural.majority(faces.expressions)] == ["sad", None, "happy"]
    assert faces.expressions[2].sum() == 3
    assert faces.eyes.tolist() == [[0, 1, 0], [0, 0, 0], [2, 0, 1]]
    assert (faces.weight[0], faces.age[0]) == (2.5, "60-69")
    assert list(faces.of(natural.Use.TEST, natural.Use.VALID).file) == ["b", "c"]


def test_the_square_is_the_middle_of_its_tile():
    tile = np.zeros((1, 96, 96), np.uint8)
    tile[0, 16:80, 16:80] = np.arange(64)
    assert np.array_equal(natural.squares(tile, 64, 64)[0], tile[0, 16:80, 16:80])
    assert natural.squares(tile, 64, 32).shape == (1, 32, 32)


def test_another_verdict_makes_a_face_usable_for_training(tmp_path):
    folder = drawn_natural(tmp_path, {"unlabelled": 2, "test": 1})
    judged = tmp_path / "judged.csv"
    judged.write_text("file,label,eyes\nunlabelled-1,anger,open\n")
    faces = natural.load(folder, [judged])
    learnt = faces.of(natural.Use.TRAIN)
    assert list(learnt.file) == ["unlabelled-1"]
    assert EXPRESSIONS[natural.majority(learnt.expressions)[0]] == "anger"
    judged.write_text("file,label,eyes\ntest-0,anger,open\n")
    with pytest.raises(AlbumsortError, match="judges test-0, which is not a training face"):
        natural.load(folder, [judged])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"labels": "hapy"}, "'hapy' is no verdict; choose from neutral, happy"),
        ({"sheet": "7"}, "cannot read .*007.webp"),
        ({"tile": "400"}, "row 1 names a tile outside its sheet"),
    ],
)
def test_a_row_that_says_nothing_sensible_is_named(change, reason, tmp_path):
    rows = [natural_row(tile=0, file="a", use="train", labels="happy", eyes="open") | change]
    with pytest.raises(AlbumsortError, match=reason):
        natural.load(write_natural(tmp_path, [np.zeros((96, 96), np.uint8)], rows))


def test_other_unclear_none_and_no_majority_agree_only_with_no_label():
    said = votes("sad sad happy", "other other sad", "none", "sad happy anger", "unclear unclear unclear")
    assert natural.agreed(said).tolist() == [EMOTIONS.index(Emotion.SAD), -1, -1, -1, -1]


# training


def test_faces_are_sampled_with_the_requested_evenness(tmp_path):
    said = ["neutral"] * 90 + ["sad"] * 10
    rows = [natural_row(tile=i, file=f"{i}", use="train", labels=word, eyes="open") for i, word in enumerate(said)]
    faces = natural.load(write_natural(tmp_path, [np.zeros((96, 96), np.uint8)] * 100, rows))
    random = np.random.default_rng(0)

    def sad(evenly):
        drawn = examples.of_natural(faces, HEADS, 1.0, evenly).draw(random, 20_000)
        return float((drawn >= 90).mean())

    assert [sad(0), sad(0.5), sad(1)] == pytest.approx([0.1, 0.25, 0.5], abs=0.02)


def test_a_teacher_replaces_missing_verdicts_and_complements_the_others(tmp_path):
    rows = [
        natural_row(tile=0, file="a", use="train", labels="sad", eyes="open"),
        natural_row(tile=1, file="b", use="unlabelled"),
    ]
    faces = natural.load(write_natural(tmp_path, [np.zeros((96, 96), np.uint8)] * 2, rows))
    source = examples.of_natural(faces, HEADS, 1.0, 0.5)
    part = dict(zip(HEADS, examples.parts(HEADS), strict=True))[NATURAL_HEAD]
    answers = np.zeros_like(source.targets)
    answers[:, part.start + EXPRESSIONS.index("neutral")] = 1
    taught = source.taught(answers, HEADS, 0.25)
    sad, neutral = (part.start + EXPRESSIONS.index(word) for word in ("sad", "neutral"))
    assert taught.targets[0, sad] == pytest.approx(0.75 * source.targets[0, sad])
    assert taught.targets[0, neutral] == pytest.approx(0.25 + 0.75 * source.targets[0, neutral])
    assert taught.targets[1, neutral] == 1
    assert taught.targets[1].sum() == 1  # the other heads have no target


def test_only_clear_votes_train_the_natural_head():
    clear, doubtful = np.zeros(10, np.float32), np.zeros(10, np.float32)
    clear[datasets.VOTE_COLUMNS.index("contempt")] = 9
    doubtful[:2] = 5
    faces = datasets.LabelledFaces(
        np.zeros((2, 48, 48), np.uint8), np.array([0, 0]), np.stack([clear, doubtful]), datasets.FER2013_LABELS
    )
    part = dict(zip(HEADS, examples.parts(HEADS), strict=True))[NATURAL_HEAD]
    told = examples.of_labelled(faces, HEADS, 1.0, voted=True).targets[:, part]
    assert told[0, EXPRESSIONS.index("other")] == 1
    assert told[1].sum() == 0
    assert examples.of_labelled(faces, HEADS, 1.0, voted=False).targets[:, part].sum() == 0


def test_crops_without_a_face_are_learnt_as_none():
    targets = examples.of_nobody(np.zeros((1, 96, 96), np.uint8), HEADS, 1.0).targets
    part = dict(zip(HEADS, examples.parts(HEADS), strict=True))[NATURAL_HEAD]
    assert EXPRESSIONS[targets[0, part].argmax()] == "none"
    assert targets.sum() == pytest.approx(1)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.sampled_from([32, 48, 64]))
def test_a_tile_is_augmented_to_the_requested_side_with_its_surroundings(seed, side):
    tile = np.full((96, 96), 50, np.uint8)
    tile[16:80, 16:80] = 200
    changed = augmentation.augment(tile, np.random.default_rng(seed), 0.0, square=64, side=side)
    assert changed.shape == (side, side)
    middle = changed[side // 3 : -side // 3, side // 3 : -side // 3]
    assert middle.min() == 200  # shift, turn and zoom keep the centre in the centre
    assert changed.min() >= 50


# photos


def photo_with(tmp_path, name, image):
    folder = tmp_path / "photos"
    folder.mkdir(exist_ok=True)
    image.save(folder / name)
    return folder


def test_a_judged_face_of_a_photo_is_cut_as_the_program_cuts_it(tmp_path):
    folder = photo_with(tmp_path, "a.png", astronaut())
    [(place, tile)] = crops.find_faces(folder, frozenset(), lambda files: files)
    judged = tmp_path / "judged.csv"
    with judged.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(crops.JUDGED_COLUMNS)
        box = place.box
        for label in ("happy", "happy", "sad"):
            writer.writerow(["a.png", box.x, box.y, box.w, box.h, place.lean, label, "open"])
    assert crops.is_about_photos(judged)
    faces = crops.judged(judged, folder, frozenset(), lambda files: files)
    assert np.abs(faces.tiles[0].astype(int) - tile).max() <= 1
    assert faces.expressions.sum() == 3  # one face, three viewers
    assert EXPRESSIONS[natural.majority(faces.expressions)[0]] == "happy"
    assert len(crops.judged(judged, folder, frozenset({"a.png"}), lambda files: files)) == 0


def test_a_place_ruled_out_by_a_reviewer_is_not_a_face(tmp_path):
    folder = photo_with(tmp_path, "a.png", astronaut())
    review = tmp_path / "review.csv"
    review.write_text("photo,verdict,x,y,w,h\na.png,other,300,300,60,60\na.png,face,200,60,100,120\n")
    [tile] = crops.nobody(review, folder, frozenset(), lambda files: files)
    pixels = np.asarray(astronaut())[:, :, ::-1]
    assert np.array_equal(tile, crops.tile(np.ascontiguousarray(pixels), Box(300, 300, 60, 60), 0.0))


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        ({"judged": ["x.csv"]}, "name their folder with --natural"),
        ({"natural": "n", "reviewed": "r.csv"}, "name their folder with --faces"),
        ({"without": "p.csv"}, "name their folder with --faces"),
    ],
)
def test_incomplete_sources_are_refused(named, reason):
    with pytest.raises(UsageError, match=reason):
        gathering.Sources(**named)


# figures


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(2, 60), st.booleans())
def test_weighted_average_precision_and_area_are_those_of_scikit_learn(seed, n, tied):
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(seed)
    scores = random.random(n).astype(np.float32)
    if tied:
        scores = np.round(scores, 1)
    positive, weight = random.random(n) < 0.4, (random.random(n) + 0.1).astype(np.float32)
    positive[:2] = True, False
    ours = natural_scores.average_precision(scores, positive, weight)
    assert ours == pytest.approx(metrics.average_precision_score(positive, scores, sample_weight=weight), abs=1e-5)
    area = natural_scores.area_under_roc(scores, positive, weight)
    assert area == pytest.approx(metrics.roc_auc_score(positive, scores, sample_weight=weight), abs=1e-5)


def test_calibration_corrects_the_training_shares_and_overconfidence():
    random = np.random.default_rng(1)
    shares = np.array([0.5, 0.3, 0.05, 0.05, 0.04, 0.02, 0.02, 0.01, 0.01])
    truth = random.choice(9, 6000, p=shares)
    evidence = random.normal(0, 1, (6000, 9)) + 3 * np.eye(9)[truth]
    calibrated = 3 * evidence + np.log(shares)  # the log posterior of such evidence
    no_face = random.normal(0, 9, (6000, 1))  # dropped
    leaning = np.hstack([1.7 * (calibrated + np.linspace(-1, 1, 9)), no_face]).astype(np.float32)
    said, weight = np.eye(10, dtype=np.float32)[truth], np.ones(6000, np.float32)
    scaling = calibration.fit(leaning, said, weight)
    assert scaling.temperature == pytest.approx(1.7, rel=0.1)
    fitted = scaling.probabilities(leaning).mean(axis=0)
    assert fitted == pytest.approx(np.bincount(truth, minlength=9) / 6000, abs=0.01)
    weight[truth == 3] = 10
    assert calibration.fit(leaning, said, weight).offsets[3] > scaling.offsets[3] + 1


def test_a_confusion_says_how_often_each_answer_is_given_to_faces_of_each_kind():
    sad, neutral, nothing = EMOTIONS.index(Emotion.SAD), EMOTIONS.index(Emotion.NEUTRAL), len(EMOTIONS)
    given = np.array([neutral] * 75 + [sad] * 25 + [neutral] * 100 + [-1] * 50)
    truth = np.array([sad] * 100 + [neutral] * 100 + [sad] * 50)
    found = calibration.confusion(given, truth, np.ones(250, np.float32))
    assert found["sad"]["sad"] == pytest.approx(0.25, abs=0.02)  # answers that are not telling are dropped
    assert found["neutral"]["neutral"] == pytest.approx(1, abs=0.02)
    assert found["nothing"]["nothing"] == pytest.approx(0.5)  # no face of that kind was judged
    assert all(sum(row.values()) == pytest.approx(1, abs=1e-4) for row in found.values())
    heavier = calibration.confusion(given, truth, np.where(given == sad, 3.0, 1.0))
    assert heavier["sad"]["sad"] == pytest.approx(0.5, abs=0.02)
    assert nothing == 7


def seen(labels, sure, eyes=None):
    chosen = np.array([-1 if label is None else EMOTIONS.index(label) for label in labels])
    probabilities = np.full((len(labels), len(EMOTIONS)), 0.02)
    for row, label in zip(probabilities, chosen, strict=True):
        row[label] = 0.88
    eyes = np.ones(len(labels)) if eyes is None else np.array(eyes)
    return agreement.Seen(probabilities, chosen, np.array(sure, float), eyes)


def viewed(said, eyes=None, weight=None, **groups):
    return agreement.Viewed(
        votes(*said),
        natural.votes(eyes or ["open"] * len(said), ("open", "closed", "hidden")),
        np.ones(len(said), np.float32) if weight is None else np.array(weight, np.float32),
        {name: np.array(values) for name, values in groups.items()},
    )


def test_a_report_weights_every_face_and_null_agrees_with_no_expression():
    said = ["happy", "neutral", "sad", "other", "anger happy sad"]
    labels = [Emotion.HAPPY, Emotion.SAD, Emotion.SAD, None, Emotion.ANGER]
    scored = agreement.report(
        seen(labels, [0.9, 0.6, 0.7, np.nan, 0.5]),
        viewed(said, weight=[4, 2, 1, 2, 1], age=["a", "a", "b", "b", "b"]),
        0.5,
    )
    assert scored.agreement.value == pytest.approx((4 + 1 + 2) / 10)
    assert scored.false_negatives.value == pytest.approx((2 + 1) / 10)  # neutral called sad; no majority called angry
    assert scored.null.value == pytest.approx(0.2)
    assert scored.named[Emotion.SAD].precision.value == pytest.approx(1 / 3)
    assert scored.named[Emotion.SAD].recall.value == 1
    assert {name: (s.value, s.n) for name, s in scored.groups["age"].items()} == {
        "a": (pytest.approx(4 / 6), 2),
        "b": (pytest.approx(3 / 4), 3),
    }
    assert scored.agreement.low < scored.agreement.value < scored.agreement.high


def test_calibration_is_measured_against_the_share_of_agreeing_viewers():
    faces = viewed(["sad sad happy"] * 9)
    exact = agreement.calibration_error(seen([Emotion.SAD] * 9, [2 / 3] * 9), faces.expressions, faces.weight)
    overconfident = agreement.calibration_error(seen([Emotion.SAD] * 9, [0.9] * 9), faces.expressions, faces.weight)
    assert exact == pytest.approx(0, abs=1e-6)
    assert overconfident == pytest.approx(0.9 - 2 / 3, abs=1e-6)


def test_hidden_eyes_are_never_called_closed_and_laughing_ones_are_counted():
    faces = viewed(["happy", "happy", "neutral", "neutral"], ["open", "open", "closed", "closed"])
    eyes = agreement.report(seen([Emotion.HAPPY] * 4, [0.9] * 4, [0.1, 0.9, 0.2, np.nan]), faces, 0.5).eyes
    assert eyes is not None
    assert (eyes.precision, eyes.recall, eyes.laughing) == (0.5, 0.5, (2, 1))


# a whole run


@pytest.mark.slow
def test_a_run_on_natural_faces_writes_weights_that_the_program_loads(tmp_path, monkeypatch):
    need_tensorflow()
    from albumsort.training.emotion import fitting, shipping

    data, said = write_csvs(tmp_path, {"Training": 96, "PublicTest": 20, "PrivateTest": 2})
    faces = natural.load(drawn_natural(tmp_path, {"train": 300, "valid": 60, "test": 40, "unlabelled": 20}))
    monkeypatch.setattr(sources, "without_leaks", lambda splits: splits)  # drawn faces look alike
    nobody = np.random.default_rng(0).integers(0, 256, (60, 96, 96), np.uint8)
    recipe = fitting.Recipe(
        epochs=8, steps=25, batch=32, averaging=0.9, mixup=0.0, augmentation=0.2, natural_share=0.6, nobody_share=0.15
    )
    found = gathering.Further(faces, nobody=nobody)
    shipping.train(data, said, found, recipe, tmp_path / "run", "the command")
    (tmp_path / "weights").mkdir()
    shipping.install(tmp_path / "run", tmp_path / "weights")
    with (tmp_path / "run" / "history.csv").open() as file:
        assert {"natural", "ap_happy", "eyes_auc", "ferplus_8"} <= set(next(csv.DictReader(file)))
    monkeypatch.setattr(weights, "folder", lambda: tmp_path / "weights")
    weights.manifest.cache_clear()
    try:
        classifier, test = load_classifier(), faces.of(natural.Use.TEST)
        assert weights.manifest()["emotion"].details["command"] == "the command"
        assert classifier.side == 48
        seen = natural_answers.of_crops(classifier, test.squares(48))
        assert natural_scores.share(seen.label == natural.agreed(test.expressions), test.weight) > 0.85
        happy = natural.agreed(test.expressions) == EMOTIONS.index(Emotion.HAPPY)
        assert (seen.eyes[happy] < 0.5).mean() > 0.8  # the drawn smiles have closed eyes
        noise = classifier.classify(np.random.default_rng(1).integers(0, 256, (9, 48, 48), np.uint8), [0.5] * 9)
        assert np.median([expression.nothing for expression in noise]) > 0.5
    finally:
        weights.manifest.cache_clear()


# commands


def test_natural_faces_are_scored_with_their_groups_their_sizes_and_a_sheet(tmp_path):
    folder = drawn_natural(tmp_path, {"test": 12, "valid": 8})
    done = CliRunner().invoke(
        app, ["model", "evaluate", "--natural", str(folder), "--report", str(tmp_path / "report")]
    )
    assert done.exit_code == 0, done.output
    for table in ("test, by emotion", "test + valid, by group", "The same faces made smaller"):
        assert table in done.stdout
    assert "60 and older" in done.stdout
    assert cv2.imread(str(tmp_path / "report" / "disagreements.png")) is not None


def test_another_program_is_scored_by_the_table_of_its_answers(tmp_path):
    folder = drawn_natural(tmp_path, {"test": 4})
    table = tmp_path / "other.csv"
    table.write_text("file,happy,sad\n" + "".join(f"test-{i},0.9,0.1\n" for i in range(4)))
    done = CliRunner().invoke(app, ["model", "evaluate", "--natural", str(folder), "--answers", f"other={table}"])
    assert done.exit_code == 0, done.output
    [line] = [line.split() for line in done.stdout.splitlines() if line.startswith("other, test  ")]
    assert line[3] == "0.500"  # every other drawn face smiles
    table.write_text("file,happy\ntest-0,1\n")
    done = CliRunner().invoke(app, ["model", "evaluate", "--natural", str(folder), "--answers", f"other={table}"])
    assert done.exit_code == 1
    assert "has no row for test-1 and 2 more" in done.stderr


def test_a_judged_face_of_a_photo_is_matched_with_what_was_found_there(tmp_path):
    folder = photo_with(tmp_path, "a.png", astronaut())
    listing = tmp_path / "photos.csv"
    listing.write_text(
        "file,box,source,weight,labels\na.png,190 60 100 120,web,2,happy happy happy\na.png,10 10 30 30,web,1,none\n"
    )
    classifier = load_classifier()
    judged = natural_answers.judged_faces(listing, folder)
    said, faces, failed = natural_answers.of_photos(classifier, judged, lambda paths: paths)
    assert said.label.tolist() == [EMOTIONS.index(Emotion.HAPPY), -1]  # no face was detected at the second place
    assert faces.weight.tolist() == [2, 1]
    assert failed == []
