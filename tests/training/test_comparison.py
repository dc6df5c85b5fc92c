"""The older systems: their networks, their training, and the comparison table."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from helpers import NO_TENSORFLOW, drawn_face, write_csvs

pytest.importorskip("tensorflow", reason=NO_TENSORFLOW)

import keras

from albumsort.errors import AlbumsortError, UsageError
from albumsort.training.comparison import batches as comparison_batches
from albumsort.training.comparison import compare as comparison
from albumsort.training.comparison import report, reproduction, systems
from albumsort.training.comparison import table as comparison_table
from albumsort.training.comparison.systems import SYSTEMS, Jitter, Plateau, System
from albumsort.training.emotion import data as datasets
from albumsort.training.emotion import sources

NETWORKS = [name for name, system in SYSTEMS.items() if system.build is not None]
FACES = {"Training": 96, "PublicTest": 24, "PrivateTest": 30}


# networks


@pytest.mark.parametrize(("name", "parameters"), [("spotle", 569_315), ("mason", 308_356)])
def test_a_network_has_as_many_parameters_as_its_authors_count(name: str, parameters: int) -> None:
    system = SYSTEMS[name]
    assert system.build is not None
    assert system.build(len(system.labels)).count_params() == parameters


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_returns_a_number_for_each_of_its_labels(name: str) -> None:
    system = SYSTEMS[name]
    assert system.build is not None
    model = system.build(len(system.labels))
    assert model.input_shape == (None, 48, 48, 1)
    answer = np.asarray(model(np.full((2, 48, 48, 1), 128, np.float32), training=False))
    assert answer.shape == (2, len(system.labels))
    assert np.isfinite(answer).all()


def test_every_label_is_a_label_of_the_shipped_network() -> None:
    for system in SYSTEMS.values():
        assert set(system.labels) <= set(datasets.FER2013_LABELS)
        assert set(system.published_recall) <= set(system.labels)


def test_the_frozen_layers_of_a_network_do_not_change() -> None:
    model = systems.vgg19_frozen(7)
    assert not model.get_layer(systems.FEATURES).trainable_weights
    assert {w.path for w in model.trainable_weights} == {w.path for w in model.get_layer(systems.HEAD).weights}


def test_names_choose_systems_once_and_an_unknown_one_is_refused() -> None:
    assert [s.name for s in systems.chosen(["svm", "mlp", "svm"])] == ["svm", "mlp"]
    assert [s.name for s in systems.chosen([])] == list(SYSTEMS)
    with pytest.raises(UsageError, match="no system knn; choose from spotle, mason"):
        systems.chosen(["knn"])


# training


def test_the_learning_rate_falls_when_public_test_stops_improving() -> None:
    system = replace(SYSTEMS["mlp"], learning_rate=0.01, plateau=Plateau(0.5, 2))
    gains = [0.3, 0.4, 0.4, 0.39, 0.38, 0.37, 0.5]
    rates = [reproduction.learning_rate(system, gains[:n]) for n in range(len(gains) + 1)]
    assert rates == [0.01, 0.01, 0.01, 0.01, 0.005, 0.005, 0.0025, 0.0025]


@pytest.mark.parametrize(
    ("gains", "finished"), [([], False), ([0.4, 0.3], False), ([0.4, 0.3, 0.4], True), ([0.4, 0.3, 0.5], False)]
)
def test_training_ends_when_public_test_stops_improving(tmp_path: Path, gains: list[float], finished: bool) -> None:
    system = replace(SYSTEMS["mlp"], patience=2)
    assert reproduction.Watch(system, tmp_path, [{"public_accuracy": g} for g in gains]).finished is finished


def test_jitter_changes_each_time_and_leaves_the_original_alone() -> None:
    face = drawn_face(np.random.default_rng(5), smile=True)
    before, random = face.copy(), np.random.default_rng(0)
    one, other = (comparison_batches.jittered(face, Jitter(10, 0.1, 0.1), random) for _ in range(2))
    assert np.array_equal(face, before)
    assert one.shape == (48, 48)
    assert one.dtype == np.uint8
    assert not np.array_equal(one, other)
    still = [comparison_batches.jittered(face, Jitter(0, 0, 0), random) for _ in range(20)]
    assert {s.tobytes() for s in still} == {face.tobytes(), face[:, ::-1].tobytes()}


def test_an_epoch_has_every_face_once_in_its_own_order() -> None:
    faces = np.arange(10, dtype=np.uint8)[:, None, None, None] * np.ones((1, 48, 48, 1), np.uint8)
    batches = comparison_batches.Batches(faces, np.arange(10), replace(SYSTEMS["mlp"], batch=4))
    first = [int(label) for i in range(len(batches)) for label in batches[i][1]]
    assert sorted(first) == list(range(10))
    assert all((batches[i][0][:, 0, 0, 0] == batches[i][1]).all() for i in range(len(batches)))
    batches.on_epoch_end()
    assert [int(label) for i in range(len(batches)) for label in batches[i][1]] != first


# comparison


def tiny(labels: int, units: int = 16) -> keras.Model:
    face = keras.layers.Input((48, 48, 1))
    x = keras.layers.AveragePooling2D(4)(keras.layers.Rescaling(1 / 255)(face))
    x = keras.layers.Dense(units, activation="relu")(keras.layers.Flatten()(x))
    return keras.Model(face, keras.layers.Dense(labels)(x))


def tiny_frozen(labels: int) -> keras.Model:
    """A network like the one on VGG19, with a trunk of one layer."""
    shape = (48, 48, 1)
    within = keras.layers.Input(shape)
    x = keras.layers.Flatten()(keras.layers.AveragePooling2D(4)(within))
    trunk = keras.Model(within, keras.layers.Dense(32, activation="relu")(x), name=systems.TRUNK)
    trunk.trainable = False
    grey, found, face = keras.layers.Input(shape), keras.layers.Input((32,)), keras.layers.Input(shape)
    features = keras.Model(grey, trunk(keras.layers.Rescaling(1 / 255)(grey)), name=systems.FEATURES)
    head = keras.Model(found, keras.layers.Dense(labels)(found), name=systems.HEAD)
    return keras.Model(face, head(features(face)))


LABELS = ("happy", "sad")
TINY = System("tiny", LABELS, 0.8, tiny, epochs=6, batch=16, published_recall={"happy": 0.9, "sad": 0.7})
VARIED = System("varied", ("sad", "happy"), 0.7, tiny, epochs=2, batch=16, setting="16", variants={"8": tiny})
MACHINE = System("machine", LABELS, 0.6, None)
FROZEN = System("frozen", LABELS, 0.5, systems.vgg19_frozen, batch=16, pretrained="vgg19.h5")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    folder = tmp_path_factory.mktemp("faces")
    faces, votes = write_csvs(folder, FACES)
    monkeypatch = pytest.MonkeyPatch()
    # drawn faces look alike: keep duplicates, or none would be left
    monkeypatch.setattr(sources, "without_leaks", lambda splits: splits)
    monkeypatch.setenv("KERAS_HOME", str(folder / "keras"))  # a missing folder, so that no weights are found
    yield SimpleNamespace(faces=faces, votes=votes, splits=sources.load(faces, votes))
    monkeypatch.undo()


def compare(
    data: SimpleNamespace, run: Path, *chosen: System, **more: Any
) -> tuple[comparison_table.ComparisonTable, list[str]]:
    told: list[str] = []
    given = {"votes": data.votes, "epochs": None, "faces": None, "vgg19_weights": None} | more
    votes, epochs, faces, weights = given.values()
    return comparison.compare(data.faces, votes, chosen, run, epochs, faces, weights, told.append), told


@pytest.fixture(scope="module")
def compared(data: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Four systems trained on drawn faces: one with a variant, an SVM, and one without weights."""
    run = tmp_path_factory.mktemp("comparison")
    result, told = compare(data, run, TINY, VARIED, MACHINE, FROZEN)
    return SimpleNamespace(run=run, told=told, rows={row.system.name: row for row in result.rows}, result=result)


@pytest.mark.parametrize("name", ["tiny", "machine"])
def test_a_system_learns_the_drawn_faces(compared: SimpleNamespace, name: str) -> None:
    answers = compared.rows[name].reproduced
    assert answers.accuracy.n == FACES["PrivateTest"]
    assert answers.accuracy.value > 0.9
    assert answers.votes == answers.accuracy  # votes equal to the labels
    assert answers.recall["happy"].n + answers.recall["sad"].n == FACES["PrivateTest"]


def test_the_order_of_labels_does_not_change_the_figures_of_a_system(compared: SimpleNamespace) -> None:
    row = compared.rows["varied"]
    scores = np.load(compared.run / "varied" / reproduction.SCORES)
    truth = np.arange(FACES["PrivateTest"]) % 2  # happy, sad, happy, ...
    assert row.reproduced.accuracy.value == pytest.approx((scores.argmax(axis=1) == 1 - truth).mean())
    assert row.ours == compared.rows["tiny"].ours or row.ours.accuracy == compared.rows["tiny"].ours.accuracy


def test_the_settings_of_the_run_are_stored_in_the_folder(compared: SimpleNamespace) -> None:
    trained = compared.rows["tiny"].trained
    epochs = reproduction.history(compared.run / "tiny")
    assert trained.epochs == len(epochs) <= TINY.epochs
    assert trained.faces == FACES["Training"] == compared.rows["tiny"].candidates
    assert epochs[trained.best - 1]["public_accuracy"] == max(e["public_accuracy"] for e in epochs)
    assert trained.parameters == tiny(2).count_params()
    assert trained.bytes == (compared.run / "tiny" / "network.tflite").stat().st_size
    assert trained.milliseconds > 0


def test_the_table_is_written_as_csv_and_markdown_with_every_system(compared: SimpleNamespace) -> None:
    with (compared.run / report.TABLE).open(newline="") as file:
        lines = {line["system"]: line for line in csv.DictReader(file)}
    assert list(lines) == ["tiny", "varied", "machine", "frozen"]
    tiny_line = lines["tiny"]
    assert float(tiny_line["published"]) == 0.8
    assert float(tiny_line["reproduced"]) == pytest.approx(compared.rows["tiny"].reproduced.accuracy.value, abs=1e-4)
    assert float(tiny_line["albumsort"]) == pytest.approx(compared.rows["tiny"].ours.accuracy.value, abs=1e-4)
    assert int(tiny_line["reproduced_n"]) == int(tiny_line["reproduced_votes_n"]) == FACES["PrivateTest"]
    page = (compared.run / report.PAGE).read_text()
    widths = {line.count("|") for line in page.splitlines() if line.startswith(("| system", "| tiny", "| frozen"))}
    assert len(widths) == 1
    assert "| published | 0.90 | 0.70 |" in page


def test_a_system_without_its_weights_gets_a_line_that_says_so(compared: SimpleNamespace) -> None:
    row = compared.rows["frozen"]
    assert row.trained is None
    assert row.ours.accuracy.n == FACES["PrivateTest"]
    assert "frozen | happy, sad | 0.500 | not run: no ImageNet weights" in (compared.run / "comparison.md").read_text()
    assert any("vgg19.h5" in line and "--vgg19-weights" in line for line in compared.told)
    assert not (compared.run / "frozen").exists()


@pytest.mark.parametrize("chart", ["comparison.png", "tiny/curves.png", "varied/curves.png", "varied/variants.png"])
def test_charts_are_drawn(compared: SimpleNamespace, chart: str) -> None:
    assert (compared.run / chart).stat().st_size > 5000


def test_a_table_for_the_terminal_has_the_same_lines(compared: SimpleNamespace) -> None:
    table = report.table(compared.result)
    assert [*table.columns[0].cells] == ["tiny", "varied", "machine", "frozen"]


def test_systems_in_the_folder_are_not_trained_again(data: SimpleNamespace, compared: SimpleNamespace) -> None:
    before = {path: path.stat().st_mtime_ns for path in compared.run.glob("*/result.json")}
    result, told = compare(data, compared.run, TINY, VARIED, MACHINE, epochs=1, faces=10)
    assert {path: path.stat().st_mtime_ns for path in compared.run.glob("*/result.json")} == before
    assert [row.reproduced for row in result.rows] == [compared.rows[row.system.name].reproduced for row in result.rows]
    assert sum("kept, 96 faces" in line for line in told) == 4  # the variant, too


def test_an_interrupted_training_resumes_after_its_last_complete_epoch(data: SimpleNamespace, tmp_path: Path) -> None:
    class Stopping(reproduction.Watch):
        def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            if epoch == 2:
                raise KeyboardInterrupt
            super().on_epoch_begin(epoch, logs)

    def go(folder: Path) -> None:
        reproduction.reproduce(TINY, tiny, data.splits, folder, 4, None, None)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reproduction, "Watch", Stopping)
        with pytest.raises(KeyboardInterrupt):
            go(tmp_path / "stopped")
    assert reproduction.finished(tmp_path / "stopped") is None
    go(tmp_path / "stopped")
    go(tmp_path / "whole")
    stopped, whole = (reproduction.history(tmp_path / name) for name in ("stopped", "whole"))
    assert [row["epoch"] for row in stopped] == [1, 2, 3, 4]
    assert [row["cross_entropy"] for row in stopped] == pytest.approx([row["cross_entropy"] for row in whole], abs=0.01)


def test_a_folder_of_other_faces_is_neither_continued_nor_quoted(
    data: SimpleNamespace, compared: SimpleNamespace, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="started with other faces"):
        reproduction.reproduce(TINY, tiny, data.splits, compared.run / "tiny", 2, 50, None)
    other, votes = write_csvs(tmp_path, {**FACES, "PrivateTest": 20})
    with pytest.raises(UsageError, match="trained on other data"):
        compare(SimpleNamespace(faces=other, votes=votes), compared.run, TINY)


def test_few_faces_without_votes_make_a_table_that_says_so(data: SimpleNamespace, tmp_path: Path) -> None:
    (row,) = compare(data, tmp_path, MACHINE, faces=40, votes=None)[0].rows
    assert row.trained is not None
    assert row.trained.faces == 40
    assert row.ours.votes is None
    page = (tmp_path / "comparison.md").read_text()
    assert "40 of 96" in page
    assert "votes |" not in page


def test_a_label_that_no_face_has_is_refused_before_anything_is_trained(data: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"mason needs faces of anger, neutral; .* has none in Training"):
        compare(data, tmp_path, TINY, SYSTEMS["mason"])
    assert list(tmp_path.iterdir()) == []


def test_a_pretrained_network_starts_with_the_weights_of_its_file(data: SimpleNamespace, tmp_path: Path) -> None:
    file = tmp_path / "vgg19.h5"
    keras.utils.set_random_seed(3)
    source = tiny_frozen(2).get_layer(systems.FEATURES).get_layer(systems.TRUNK)
    write_as_keras_ships(source, file)
    system = replace(FROZEN, build=tiny_frozen, learning_rate=0.01)
    learnt, public = (data.splits[split].only(LABELS) for split in ("Training", "PublicTest"))
    model = reproduction._fit(system, tiny_frozen, learnt, public, tmp_path, 12, file)
    for kept, given in zip(model.get_layer(systems.FEATURES).weights, source.weights, strict=True):
        assert np.array_equal(np.asarray(kept), np.asarray(given))
    assert max(row["public_accuracy"] for row in reproduction.history(tmp_path)) > 0.9


def test_vgg19_takes_a_file_as_keras_ships_it(tmp_path: Path) -> None:
    source = keras.applications.VGG19(include_top=False, weights=None, input_shape=(48, 48, 3))
    write_as_keras_ships(source, tmp_path / "vgg19.h5")
    trunk = systems.vgg19_frozen(2).get_layer(systems.FEATURES).get_layer(systems.TRUNK)
    reproduction._load(trunk, tmp_path / "vgg19.h5")
    for loaded, kept in zip(trunk.weights, source.weights, strict=True):
        assert np.array_equal(np.asarray(loaded), np.asarray(kept))


def test_a_file_that_is_not_vgg19_is_refused_by_name(data: SimpleNamespace, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.h5"
    wrong.write_bytes(b"nothing of the kind")
    with pytest.raises(AlbumsortError, match=r"wrong\.h5 does not hold the weights of VGG19"):
        compare(data, tmp_path / "run", FROZEN, vgg19_weights=wrong)


def write_as_keras_ships(model: keras.Model, file: Path) -> None:
    """Write weights as in Keras' published files: a group per layer, listed in attributes."""
    import h5py

    with h5py.File(file, "w") as out:
        out.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            group = out.create_group(layer.name)
            group.attrs["weight_names"] = [w.name.encode() for w in layer.weights]
            for weight in layer.weights:
                group.create_dataset(weight.name, data=np.asarray(weight))


# the command


@pytest.fixture
def command(data: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    from typer.testing import CliRunner

    from albumsort.cli.app import app

    monkeypatch.setattr(systems, "SYSTEMS", {s.name: s for s in (TINY, MACHINE)})
    return lambda *words: CliRunner().invoke(
        app, ["model", "compare", "--data", str(data.faces), *map(str, words)], catch_exceptions=False
    )


def test_the_command_prints_the_table(command: Callable[..., Any], tmp_path: Path) -> None:
    result = command("--run", tmp_path, "--system", "tiny", "--epochs", "1")
    assert result.exit_code == 0
    assert "| tiny | happy, sad | 0.800 |" in result.stdout
    assert "1 (1)" in result.stdout
    assert f"Table, chart and curves are in {tmp_path}" in result.stderr
    assert json.loads((tmp_path / "tiny" / "result.json").read_text())["epochs"] == 1


def test_the_command_refuses_an_unknown_system(command: Callable[..., Any], tmp_path: Path) -> None:
    result = command("--run", tmp_path, "--system", "spotle")
    assert result.exit_code == 2
    assert "no system spotle; choose from tiny, machine" in result.stderr


def test_runs_of_one_system_each_add_up_to_one_table(command: Callable[..., Any], tmp_path: Path) -> None:
    for name in ("machine", "tiny"):
        result = command("--run", tmp_path, "--system", name, "--epochs", "1")
        assert result.exit_code == 0
    with (tmp_path / report.TABLE).open(newline="") as file:
        assert [line["system"] for line in csv.DictReader(file)] == ["tiny", "machine"]
    assert "machine" not in result.stderr  # listed, but neither trained nor searched for
    assert "PrivateTest in fer2013.csv" in result.stdout
