"""Files that are difficult for photo libraries: analysed, or refused with a clear reason."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import fuzz
import numpy as np
import pytest
from helpers import encoded, exif, overlap, stored
from PIL import Image

from albumsort.analysis import analyse_bytes, load_networks
from albumsort.choosing.labels import LabelRule
from albumsort.disk import contents
from albumsort.errors import PhotoError, TransientPhotoError
from albumsort.indexing import executors
from albumsort.indexing import outcomes as indexing_outcomes
from albumsort.networks import weights
from albumsort.photos.decode import decode
from albumsort.photos.read import read
from albumsort.photos.walk import Walk, find
from albumsort.types import THRESHOLD, Analysis, Emotion, Face

pytestmark = pytest.mark.slow

WITH_A_FACE = ["108-truncated_end_chunk.png", "176-Photoshop_(4).jpg", "178-Canon_PowerShot_A40.jpg"]


@pytest.fixture(scope="module")
def odd(shared_photos: Path) -> Path:
    return shared_photos / "odd"


def test_every_odd_file_is_analysed_or_refused_with_a_reason_that_a_person_understands(odd: Path) -> None:
    walk = Walk()
    files = list(find(odd, (), walk))
    named = {entry["file"] for entry in json.loads((odd / "manifest.json").read_text())}
    assert {file.path.name for file in files} == named
    assert walk.skipped == {".json file": 1}
    run = indexing_outcomes.outcomes(files, lambda size: frozenset(), executors.Local(2), threading.Event())
    outcomes = {file: outcome for file, outcome, _ in run}
    assert len(outcomes) == len(files) > 150
    for file, outcome in outcomes.items():
        assert not isinstance(outcome, TransientPhotoError), (file.path.name, str(outcome))
        if isinstance(outcome, PhotoError):
            assert fuzz.why_not_understandable(str(outcome)) is None, file.path.name
    assert sum(isinstance(outcome, Analysis) for outcome in outcomes.values()) > 100


@pytest.mark.parametrize("kind", ["Landscape", "Portrait"])
def test_a_photo_stored_in_all_orientations_comes_out_the_same(odd: Path, kind: str) -> None:
    files = sorted(odd.glob(f"*-{kind}_?.jpg"))
    assert len(files) == 9
    upright = [decode(read(file)) for file in files]
    assert {(u.width, u.height) for u in upright} == {(1800, 1200) if kind == "Landscape" else (1200, 1800)}
    small = [np.asarray(Image.fromarray(u.pixels).resize((60, 60)), int) for u in upright]
    # the pictures differ in little more than the camera number printed in them
    assert max(float(np.abs(picture - small[1]).mean()) for picture in small[2:]) < 8


def near_labels(face: Face) -> set[Emotion | None]:
    """Return the labels that a slightly different copy of a face may get: its label and near ties."""
    natural = weights.natural_shares()
    posterior = LabelRule(natural, natural).posterior(face.probabilities, face.nothing)
    return {answer for answer in posterior if posterior[answer] > 0.7 * posterior[face.label]}


@pytest.mark.parametrize("name", WITH_A_FACE)
def test_the_faces_of_a_photo_are_the_same_in_all_orientations(odd: Path, name: str) -> None:
    upright = Image.fromarray(decode(read(odd / name)).pixels[:, :, ::-1])
    seen = []
    for orientation in range(1, 9):
        data = encoded(stored(upright, orientation), exif=exif(orientation))
        found = analyse_bytes(data, contents.digest(data), *load_networks()).faces
        seen.append([face for face in found if face.detection >= THRESHOLD])  # detections near the floor vary
    assert seen[0]
    for faces in seen:
        assert len(faces) == len(seen[0])
        for face, expected in zip(faces, seen[0], strict=True):
            # a JPEG of turned pixels differs slightly, and an uncertain detection has an uncertain box
            sure = expected.detection > 0.99
            tolerance = (2 + 0.05 * max(expected.box.w, expected.box.h)) * (1 if sure else 2)
            for edge in ("x", "y", "w", "h"):
                assert getattr(face.box, edge) == pytest.approx(getattr(expected.box, edge), abs=tolerance)
            assert overlap(face.box, expected.box) > (0.9 if sure else 0.7)
            assert face.label in near_labels(expected)
