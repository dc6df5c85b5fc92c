"""Drawn photos for training a detector, with their labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from face_runs import SkinTeacher, photo

from albumsort.training.faces import photos as face_photos


@pytest.fixture(scope="module")
def drawn_photos(tmp_path_factory) -> Path:
    """Write drawn photos: of people, and from a source where most show nobody."""
    folder = tmp_path_factory.mktemp("album")
    random = np.random.default_rng(0)
    for i in range(60):
        photo(folder, f"party-{i:03}.png", 1 + i % 3, random)
    for i in range(60):
        photo(folder, f"street-{i:03}.png", int(i % 20 == 0), random)
    (folder / "street-broken.png").write_bytes(b"\x89PNG broken")
    return folder


@pytest.fixture(scope="module")
def labels(drawn_photos, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("labels")
    face_photos.label_all(face_photos.gather([drawn_photos], None, ()), SkinTeacher, folder)
    return folder
