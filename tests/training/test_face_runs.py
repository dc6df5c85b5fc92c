"""Training a detector: calibration, a whole run, the command."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from face_runs import SkinTeacher, paint_face, photo, review, row, rows
from helpers import landscape, need_tensorflow
from typer.testing import CliRunner

from albumsort.cli.app import app
from albumsort.errors import UsageError
from albumsort.faces import rows as face_rows
from albumsort.faces.scores import Calibration
from albumsort.networks import weights
from albumsort.training.common import shards
from albumsort.training.faces import calibration, candidates
from albumsort.training.faces import labels as face_labels
from albumsort.training.faces import photos as face_photos
from albumsort.training.faces.photos import Split

# calibration


def test_a_face_is_counted_once_and_unsure_faces_are_ignored():
    faces = rows(row(0, 0, 20, 20), row(50, 50, 20, 20, face_labels.UNSURE))
    found = rows(row(1, 0, 20, 20), row(0, 1, 20, 20), row(50, 50, 20, 20), row(90, 90, 9, 9))
    right, counted = calibration.matched(found, faces)
    assert right.tolist() == [True, False, False, False]
    assert counted.tolist() == [True, True, False, True]


def test_detections_with_a_calibrated_score_of_one_half_are_right_half_of_the_time():
    random = np.random.default_rng(0)
    true_one = Calibration(0.4, 1.3, -0.7)
    scores = random.uniform(0.01, 0.99, (20_000, 2)).astype(np.float32)
    true = random.random(len(scores)) < true_one(*scores.T)
    fitted = calibration.fit(calibration.Survey(scores, scores[:, 0], true, 1, 1))
    assert [fitted.proposal, fitted.verification, fitted.offset] == pytest.approx([0.4, 1.3, -0.7], abs=0.08)


# training


@pytest.fixture(scope="module")
def trained(drawn_photos, tmp_path_factory) -> dict[str, Any]:
    """A detector trained on drawn faces, interrupted during the proposer's training."""
    need_tensorflow()
    from albumsort.training.faces import fitting, shipping

    run = tmp_path_factory.mktemp("training") / "run"
    recipe = fitting.FaceRecipe(
        canvases=64,
        checked=8,
        steps_an_epoch=28,
        proposer_epochs=(5, 1),
        proposer_batch=4,
        verifier_epochs=(2, 1),
        verifier_batch=16,
        averaging=0.9,
    )
    drawn = face_photos.gather([drawn_photos], None, ())

    def train(watch: Any = iter) -> Any:
        return shipping.train(drawn, SkinTeacher, "skin", recipe, run, "test", watch)

    class Stop(fitting.Scored):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 2:
                raise KeyboardInterrupt
            super().on_epoch_begin(epoch, logs)

    whole, fitting.Scored = fitting.Scored, Stop
    try:
        with pytest.raises(KeyboardInterrupt):
            train()
    finally:
        fitting.Scored = whole
    return {"run": run, "recipe": recipe, "drawn": drawn, "result": train()}


def history(folder: Path) -> list[dict[str, str]]:
    with (folder / "history.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_an_interrupted_run_resumes_and_its_losses_fall(trained):
    lines = history(trained["run"] / "proposer-0")
    assert [line["epoch"] for line in lines] == [str(i + 1) for i in range(5)]
    assert float(lines[-1]["loss"]) < 0.6 * float(lines[0]["loss"])
    assert float(lines[-1]["validation_loss"]) < 0.7 * float(lines[0]["validation_loss"])
    (later,) = history(trained["run"] / "proposer-1")
    assert float(later["loss"]) < float(lines[1]["loss"])  # it started with the result of the first cycle
    assert len(history(trained["run"] / "verifier-1")) == 1


@pytest.mark.slow
def test_the_detector_that_was_trained_finds_a_drawn_face(trained, tmp_path, monkeypatch):
    from albumsort.faces import detector as faces
    from albumsort.networks import weights
    from albumsort.training.faces import shipping

    (tmp_path / "manifest.json").write_text('{"networks": {}}')
    shipping.install(trained["run"], tmp_path)
    monkeypatch.setattr(weights, "folder", lambda: tmp_path)
    weights.manifest.cache_clear()
    try:
        detector = faces.load_detector(floor=0.1)
    finally:
        weights.manifest.cache_clear()
    pixels = np.ascontiguousarray(np.asarray(landscape(320, 240))[:, :, ::-1])
    expected = paint_face(pixels, 130, 60, 60)
    best = detector.detect(pixels)[0]
    found = rows(row(best.box.x, best.box.y, best.box.w, best.box.h))
    assert face_rows.overlaps(found, expected[None])[0, 0] > 0.5


@pytest.mark.slow
def test_a_run_can_be_evaluated_instead_of_the_shipped_networks(trained, tmp_path):
    pixels = np.ascontiguousarray(np.asarray(landscape(320, 240))[:, :, ::-1])
    expected = paint_face(pixels, 130, 60, 60)
    cv2.imwrite(str(tmp_path / "drawn.png"), pixels)
    known = [{"file": "drawn.png", "set": "drawn", "boxes": [[float(v) for v in expected[:4]]]}]
    (tmp_path / "boxes.json").write_text(json.dumps(known))

    def evaluated(*options: Any) -> Any:
        arguments = ["model", "evaluate", "--network", "faces", "--boxes", tmp_path, *options]
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    def recall(run: Path) -> str:
        (line,) = [line for line in evaluated("--run", run).stdout.splitlines() if line.startswith("drawn")]
        return line

    assert "1.000" in recall(trained["run"])
    blind = tmp_path / "blind"
    shutil.copytree(trained["run"], blind)
    entries = json.loads((blind / "entries.json").read_text())
    entries["face_verifier"]["calibration"][2] = -30.0
    (blind / "entries.json").write_text(json.dumps(entries))
    assert "0.000 [0.000" in recall(blind)
    (tmp_path / "unfinished").mkdir()
    refused = evaluated("--run", tmp_path / "unfinished")
    assert (refused.exit_code, "holds no finished face detector" in refused.stderr) == (1, True)


@pytest.mark.slow
def test_the_integer_proposer_nearly_agrees_with_the_trained_one(trained):
    from albumsort.faces import proposer as face_proposer
    from albumsort.networks.litert import Network
    from albumsort.training.faces import fitting, networks

    network = Network((trained["run"] / "face_proposer.tflite").read_bytes())
    learnt = fitting.averaged("proposer", trained["run"] / "proposer-1")
    pixels = np.ascontiguousarray(np.asarray(landscape(300, 200))[:, :, ::-1])
    paint_face(pixels, 130, 60, 60)
    given = face_proposer.proposer_input(pixels, networks.NEIGHBOURS)
    assert given.shape == (1, 224, 80, 12)
    assert np.array_equal(given[0, :200, :75].reshape(200, 300, 3) + np.int16(128), pixels)
    ours, expected = network(given)[0], np.asarray(learnt(given + np.float32(128)))[0]
    assert ours.shape == (28, 40, 5)
    for part in (slice(0, 1), slice(1, 3), slice(3, 5)):
        a, b = ours[..., part], expected[..., part]
        assert np.abs(a - b).mean() < 0.15 * b.std(), part


@pytest.mark.slow
def test_a_run_belongs_to_its_recipe_its_photos_and_its_teacher(trained):
    from albumsort.training.faces import shipping

    other = replace(trained["recipe"], seed=1)
    with pytest.raises(UsageError, match="another recipe"):
        shipping.train(trained["drawn"], SkinTeacher, "skin", other, trained["run"], "test", iter)
    with pytest.raises(UsageError, match="other photos or another teacher"):
        shipping.train(trained["drawn"], SkinTeacher, "eyes", trained["recipe"], trained["run"], "test", iter)


@pytest.mark.slow
def test_the_verifier_can_start_from_a_finished_one_and_learns_from_reviews(trained, tmp_path):
    from albumsort.networks.litert import Network
    from albumsort.training.faces import fitting, shipping, verifier
    from albumsort.training.faces.verifier import Candidates

    start = shipping.Start.read(str(trained["run"]))
    labels = face_photos.read(trained["run"] / "labels")
    groups = [p for p in labels if p.split is Split.TRAINING and len(p.sure) > 1]
    lines = [f"{p.name},other,{','.join(f'{v:.0f}' for v in face[:4])}" for p in groups for face in p.sure[1:]]
    recipe = replace(trained["recipe"], proposer_epochs=(), verifier_epochs=(2,), steps_an_epoch=40)
    run = tmp_path / "run"
    shutil.copytree(trained["run"] / "labels", run / "labels")

    def train(recipe: Any, lines: list[str], start: Any = start) -> Any:
        reviewed = review(tmp_path, *lines)
        return shipping.train(trained["drawn"], SkinTeacher, "skin", recipe, run, "on", iter, reviewed, start)

    with pytest.raises(UsageError, match="no epochs for the proposer"):
        train(recipe, lines, None)
    with pytest.raises(UsageError, match="no round for the verifier"):
        train(replace(recipe, verifier_epochs=()), lines)
    with pytest.raises(UsageError, match="no verdict"):
        train(recipe, ["a.jpg,cat,,,,"])
    with pytest.raises(UsageError, match=r"names a\.jpg: no training photos"):
        train(recipe, ["a.jpg,empty,,,,"])
    assert not (run / "recipe.json").exists()
    made = train(recipe, lines)
    assert made.proposer.read_bytes() == start.proposer
    assert made.entries["face_proposer"]["command"] == "test"
    assert made.entries["face_verifier"]["command"] == "on"
    assert set(made.entries["face_verifier"]["inputs"]) == {"method", "photos", "names", "teacher", "reviewed", "start"}
    assert "corrected by a reviewer" in made.entries["face_verifier"]["data"]
    with pytest.raises(UsageError, match="review or start"):
        train(recipe, lines[1:])

    learnt = Candidates(shards.read(run / "candidates-0"))
    assert learnt.true.sum() > 50
    assert (learnt.rows[:, candidates.RULED_OUT] > 0).sum() > 50
    same = fitting.taken("verifier", start.verifier, verifier.some(learnt, 200))
    crops = np.stack([learnt.crop(i)[8:56, 8:56] for i in range(0, len(learnt), 7)]).astype(np.float32)
    ours, theirs = np.asarray(same(crops, training=False)), Network(start.verifier)(crops)
    assert 1 / (1 + np.exp(-ours[:, 0])) == pytest.approx(theirs[:, 0], abs=0.1)
    assert ours[:, 1:] == pytest.approx(theirs[:, 1:], abs=0.1)


@pytest.mark.slow
def test_a_proposer_loaded_from_a_file_agrees_with_the_file(trained):
    from albumsort.networks.litert import Network
    from albumsort.training.common.layers import BatchNorm
    from albumsort.training.faces import conversion, fitting, shipping
    from albumsort.training.faces import proposer as face_proposing

    model, random = fitting.averaged("proposer", trained["run"] / "proposer-1"), np.random.default_rng(0)
    for layer in model.layers:  # a block adds nothing at first, and little after so few steps
        if isinstance(layer, BatchNorm) and np.abs(np.array(layer.gamma)).max() < 0.5:
            layer.gamma.assign(random.uniform(0.3, 1, layer.gamma.shape))
    content = conversion.proposer_to_litert(model, shipping.proposer_examples(trained["run"] / "labels", 0))
    pixels, _ = face_proposing.Batches(shards.read(trained["run"] / "canvases"), 16, 1, 0)[0]
    taken = np.asarray(fitting.taken("proposer", content, pixels)(pixels.astype(np.float32), training=False))
    network = Network(content)
    given = np.concatenate([network((one ^ 128).view(np.int8)[None]) for one in pixels])
    for i in range(given.shape[-1]):  # without the blocks it is .64; their part depends on the processor
        assert np.corrcoef(taken[..., i].ravel(), given[..., i].ravel())[0, 1] > 0.7, i


@pytest.mark.slow
def test_a_deeper_verifier_starts_with_the_outputs_of_the_file(monkeypatch):
    need_tensorflow()
    from albumsort.networks.litert import Network
    from albumsort.training.faces import conversion, fitting, networks

    random = np.random.default_rng(0)
    monkeypatch.setattr(networks, "VERIFIER_BLOCKS", (1, 1))
    shallow = networks.verifier()
    for weight in shallow.trainable_variables:
        if not np.array(weight).any():  # weights that start at 0: scales of blocks, offsets, outputs
            weight.assign(random.normal(0, 0.3, weight.shape))
    content = conversion.verifier_to_litert(shallow)
    monkeypatch.undo()
    crops = random.integers(0, 256, (50, 48, 48, 3)).astype(np.uint8)
    deeper = fitting.taken("verifier", content, crops)
    assert deeper.count_params() > shallow.count_params()
    given, expected = (Network(c)(crops.astype(np.float32)) for c in (conversion.verifier_to_litert(deeper), content))
    assert np.ptp(expected[:, 1:], axis=0).min() > 1.5
    assert given == pytest.approx(expected, abs=0.1)  # in 8-bit integers


@pytest.mark.slow
def test_another_kind_of_network_cannot_be_a_start(trained):
    from albumsort.errors import AlbumsortError
    from albumsort.training.faces import fitting

    crops = np.zeros((4, 48, 48, 3), np.uint8)
    for content in ((trained["run"] / "face_proposer.tflite").read_bytes(), weights.load("emotion")[0]):
        with pytest.raises(AlbumsortError, match="it is another network"):
            fitting.taken("verifier", content, crops)


@pytest.mark.slow
def test_the_manifest_entries_describe_the_training(trained):
    entries = trained["result"].entries
    assert set(entries) == {"face_proposer", "face_verifier"}
    assert len(entries["face_verifier"]["calibration"]) == 3
    assert entries["face_proposer"]["data"].endswith("by skin")
    assert sum((trained["run"] / entry["file"]).stat().st_size for entry in entries.values()) < 1_500_000
    assert {path.name for path in (trained["run"] / "report").iterdir()} >= {"curves.png", "reliability.png"}


# the command


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--network", "cats"], "choose emotion or faces"),
        (["faces"], "Missing option '--photos'"),
        (["faces", "--photos", "."], "Missing option '--teacher'"),
        (["faces", "--photos", ".", "--teacher", "none.onnx"], "none.onnx: no such file"),
        (["--network", "faces", "--photos", ".", "--epochs", "2"], "No such option: --epochs"),
        (
            ["--network=faces", "--photos", ".", "--teacher", __file__, "--reviewed", "none.csv"],
            "none.csv: no such file",
        ),
        (["emotion", "--data", "x.csv", "--photos", "."], "No such option: --photos"),
        (["--data", "x.csv", "--reviewed", "x.csv"], "--judged and --reviewed need natural faces"),
        (["emotion"], "Missing option '--data'"),
    ],
)
def test_the_command_names_missing_inputs(options, reason, tmp_path):
    need_tensorflow()
    done = CliRunner().invoke(app, ["model", "train", *options, "--run", str(tmp_path / "run")])
    assert done.exit_code == 2
    assert reason in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_folder_without_a_finished_detector_cannot_be_a_start(tmp_path):
    need_tensorflow()
    photo(tmp_path, "party.png", 1, np.random.default_rng(0))
    options = ["--photos", tmp_path, "--teacher", __file__, "--start", tmp_path, "--run", tmp_path / "run"]
    done = CliRunner().invoke(app, ["model", "train", "--network", "faces", *(str(option) for option in options)])
    assert done.exit_code == 1
    assert f"{tmp_path} holds no finished face detector" in done.stderr
    assert not (tmp_path / "run").exists()
