"""What the model cards promise, measured again on the networks that ship."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from albumsort import weights
from albumsort.emotions import load_classifier
from albumsort.litert import Network
from albumsort.training import album_evaluation
from albumsort.types import FOUR

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fer2013(shared_photos, tmp_path_factory):
    """FER2013 and FER+ as CSV files, or a skip."""
    source = shared_photos.parent / "data" / "fer2013"
    if not (source / "make_csv.py").is_file():
        pytest.skip(f"needs FER2013 in {source}")
    folder = tmp_path_factory.mktemp("fer2013")
    subprocess.run([sys.executable, source / "make_csv.py", folder / "fer2013.csv"], check=True)
    shutil.copy(source / "fer2013new.csv", folder)
    return folder


def test_the_emotion_network_keeps_its_promises_on_private_test(fer2013):
    pytest.importorskip("tensorflow")
    from albumsort.training import shipping

    evaluated = shipping.evaluate(fer2013 / "fer2013.csv", fer2013 / "fer2013new.csv", "PrivateTest", None)
    scores = evaluated.report.scores
    assert (scores["ferplus_8"].n, scores["fer2013_7"].n) == (3152, 3573)
    assert scores["ferplus_8"].value >= 0.855
    assert scores["ferplus_four"].value >= 0.885
    assert scores["fer2013_7"].value >= 0.69
    assert scores["fer2013_four"].value >= 0.77


def test_the_label_of_the_largest_face_is_right_for_most_photos_of_an_album(shared_photos):
    report = album_evaluation.evaluate(shared_photos / "album", load_classifier(), iter)
    assert report.balanced >= 0.83
    assert {emotion: report.top[emotion] >= 19 for emotion in FOUR} == dict.fromkeys(FOUR, True)


def test_the_emotion_network_is_small_and_takes_bytes():
    content, network = weights.load("emotion")
    assert len(content) <= 3_000_000
    answer = Network(content)(np.zeros((3, 48, 48, 1), np.uint8))
    assert answer.shape == (3, sum(len(head) for head in network.details["labels"].values()))


def test_every_network_has_a_card_and_says_how_it_was_made():
    folder = weights.folder()
    cards = {path.name for path in folder.glob("*.md")}
    assert {"emotion.md", "face_detector.md"} <= cards
    for entry in json.loads((folder / "manifest.json").read_text())["networks"].values():
        assert {"file", "sha256", "input", "output", "labels", "data", "score", "commit", "command"} <= set(entry)
        assert os.sep not in entry["file"]
        assert (Path(folder) / entry["file"]).is_file()
