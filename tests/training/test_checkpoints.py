"""Checkpoints that earlier versions wrote still load."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow has no wheels for this Python")

import keras

from albumsort.training.common.layers import conv
from albumsort.training.faces.networks import Doubled

WRITTEN_BY_EARLIER_VERSIONS = {
    "BatchNorm": {"module": "albumsort.training.networks", "registered_name": "albumsort>BatchNorm"},
    "Doubled": {"module": "albumsort.training.face_networks", "registered_name": "albumsort>Doubled"},
}


@pytest.fixture
def network() -> keras.Model:
    """A small compiled network with both layers of our own, whose statistics are not those it began with."""
    pixels = keras.Input((None, None, 3))
    model = keras.Model(pixels, Doubled()(conv(pixels, 4, 3)))
    model.compile(optimizer="adam", loss="mse")
    model.optimizer.build(model.trainable_variables)
    random = np.random.default_rng(0)
    model.set_weights([random.uniform(0.5, 1.5, weight.shape) for weight in model.get_weights()])
    return model


def test_a_checkpoint_that_names_the_old_modules_loads(network: keras.Model, tmp_path: Path) -> None:
    network.save(tmp_path / "today.keras")
    rewritten = with_old_modules(tmp_path / "today.keras", tmp_path / "last.keras")
    assert rewritten == {"BatchNorm", "Doubled"}
    loaded = keras.saving.load_model(tmp_path / "last.keras")
    pixels = np.random.default_rng(1).uniform(0, 255, (1, 8, 8, 3)).astype(np.float32)
    np.testing.assert_array_equal(loaded(pixels), network(pixels))
    resumed = keras.models.clone_model(network)
    resumed.load_weights(tmp_path / "last.keras")
    np.testing.assert_array_equal(resumed(pixels), network(pixels))


def with_old_modules(checkpoint: Path, target: Path) -> set[str]:
    """Copy a checkpoint whose layers name the modules of earlier versions; return the classes of these layers."""
    found = set()

    def old(value: dict[str, Any]) -> dict[str, Any]:
        name = value.get("class_name")
        if name not in WRITTEN_BY_EARLIER_VERSIONS:
            return value
        found.add(name)
        return value | WRITTEN_BY_EARLIER_VERSIONS[name]

    with zipfile.ZipFile(checkpoint) as today, zipfile.ZipFile(target, "w") as earlier:
        for member in today.namelist():
            content = today.read(member)
            if member == "config.json":
                content = json.dumps(json.loads(content, object_hook=old)).encode()
                assert b"albumsort.training.common" not in content
                assert b"albumsort.training.faces" not in content
            earlier.writestr(member, content)
    return found
