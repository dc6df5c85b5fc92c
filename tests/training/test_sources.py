"""Reading labelled faces: FER2013's CSV in every archive format, image folders, a competition's table."""

import bz2
import csv
import gzip
import lzma
import tarfile
import zipfile

import cv2
import numpy as np
import pytest
from helpers import drawn_face, need_tensorflow, write_csvs

from albumsort.errors import AlbumsortError, UsageError
from albumsort.training.emotion import data as datasets
from albumsort.training.emotion import sources


@pytest.fixture
def fer2013(tmp_path):
    return write_csvs(tmp_path, {"Training": 6, "PublicTest": 2, "PrivateTest": 2})


def packed(data, how):
    """Pack the file `data`; returns the archive."""
    content, to = data.read_bytes(), data.with_name(f"{data.name}.{how}")
    if how == "zip":
        with zipfile.ZipFile(to, "w") as pack:
            pack.writestr("data/fer2013.csv", content)
            pack.writestr("README", "of the data")
    elif how == "tar.gz":
        with tarfile.open(to, "w:gz") as pack:
            pack.add(data, "fer2013/fer2013.csv")
            pack.add(data, "fer2013/other.csv")
    else:
        to.write_bytes({"gz": gzip, "bz2": bz2, "xz": lzma}[how].compress(content))
    return to


@pytest.mark.parametrize("how", ["gz", "bz2", "xz", "zip", "tar.gz"])
def test_a_packed_file_reads_like_the_plain_one(fer2013, how):
    data, _ = fer2013
    plain, read = sources.load_fer2013(data, None), sources.load_fer2013(packed(data, how), None)
    for usage in datasets.USAGES:
        assert np.array_equal(plain[usage].pixels, read[usage].pixels)
        assert np.array_equal(plain[usage].label, read[usage].label)


def test_a_damaged_archive_is_named(fer2013):
    data, _ = fer2013
    broken = packed(data, "gz")
    broken.write_bytes(broken.read_bytes()[:-200])
    with pytest.raises(AlbumsortError, match=r"fer2013\.csv\.gz.*damaged"):
        sources.load_fer2013(broken, None)


def test_an_archive_of_several_tables_asks_which(fer2013, tmp_path):
    data, votes = fer2013
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as pack:
        pack.write(data, "one.csv")
        pack.write(votes, "two.csv")
    with pytest.raises(AlbumsortError, match="holds 2 CSV files"):
        sources.load(tmp_path / "all.zip")


def test_without_votes_there_is_one_head_for_the_labels(fer2013):
    data, votes = fer2013
    faces = sources.load_fer2013(data, None)["Training"]
    assert [head.name for head in datasets.heads_for(faces)] == ["fer2013"]
    both = sources.load_fer2013(data, votes)["Training"]
    assert datasets.heads_for(both) == datasets.BOTH_HEADS


def noise(random):
    return random.integers(0, 255, (60, 50)).astype(np.uint8)


def test_folders_are_splits_and_classes_by_any_usual_name(tmp_path):
    random = np.random.default_rng(0)
    for split, kind, n in (
        ("train", "angry", 3),
        ("train", "Happiness", 2),
        ("validation", "angry", 1),
        ("test", "4", 2),
    ):
        (tmp_path / split / kind).mkdir(parents=True)
        for i in range(n):
            cv2.imwrite(str(tmp_path / split / kind / f"{i}.jpg"), noise(random))
    splits = sources.load(tmp_path)
    assert splits["Training"].labels == ("anger", "happy", "sad")
    assert splits["Training"].label.tolist() == [1, 1, 0, 0, 0]
    assert splits["PublicTest"].label.tolist() == [0]
    assert splits["PrivateTest"].label.tolist() == [2, 2]
    assert splits["Training"].pixels.shape == (5, 48, 48)


def test_without_a_validation_split_a_tenth_is_held_out(tmp_path):
    random = np.random.default_rng(0)
    for kind in ("happy", "sad"):
        (tmp_path / "train" / kind).mkdir(parents=True)
        for i in range(20):
            cv2.imwrite(str(tmp_path / "train" / kind / f"{i}.png"), noise(random))
    splits = sources.load(tmp_path)
    assert [len(splits[usage]) for usage in datasets.USAGES] == [36, 4, 0]


def test_a_folder_that_is_no_split_is_named(tmp_path):
    (tmp_path / "holiday" / "happy").mkdir(parents=True)
    with pytest.raises(AlbumsortError, match=r"holiday.*not named after a split"):
        sources.load(tmp_path)


def test_an_image_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "train" / "happy").mkdir(parents=True)
    (tmp_path / "train" / "happy" / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(AlbumsortError, match=r"broken\.jpg"):
        sources.load(tmp_path)


def write_table(path, rows, emotion=True):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow((["emotion"] if emotion else []) + list(sources.PIXEL_COLUMNS))
        for word, face in rows:
            writer.writerow(([word] if emotion else []) + face.ravel().tolist())
    return path


def test_a_competitions_label_words_are_mapped_to_emotions(tmp_path):
    random = np.random.default_rng(0)
    table = write_table(
        tmp_path / "train.csv", [(w, drawn_face(random, smile=True)) for w in ("Sad", "Fear", "smug", "Happy")]
    )
    faces, words = sources.load_competition(table)
    assert words == ["Sad", "Fear", "smug", "Happy"]
    assert faces.labels == ("fear", "happy", "sad", "smug")
    assert faces.label.tolist() == [2, 0, 3, 1]


def test_a_pixel_that_is_not_a_number_is_reported_with_its_row(tmp_path):
    random = np.random.default_rng(0)
    table = write_table(tmp_path / "train.csv", [("sad", drawn_face(random, smile=False))])
    table.write_text(table.read_text().rstrip() + "\nhappy," + ",".join(["x"] * 2304))
    with pytest.raises(AlbumsortError, match="row 2 has a pixel that is no number"):
        sources.load_competition(table)


def test_votes_on_other_faces_are_refused(tmp_path, fer2013):
    random = np.random.default_rng(0)
    table = write_table(tmp_path / "train.csv", [("sad", noise(random)[:48, :48]) for _ in range(4)])
    with pytest.raises(UsageError, match="votes on FER2013"):
        sources.load(table, fer2013[1])


def test_a_subset_of_labels_keeps_its_faces_in_the_requested_order(fer2013):
    faces = sources.load_fer2013(*fer2013)["Training"]
    chosen = faces.only(("sad", "fear", "happy"))
    assert chosen.labels == ("sad", "fear", "happy")
    assert chosen.label.tolist() == [2, 0, 2, 0, 2, 0]
    head = datasets.heads_for(chosen)[0]
    assert (head.name, head.labels) == ("ferplus", ("happy", "sad", "fear"))
    assert datasets.shares(head, chosen).sum(axis=1).tolist() == pytest.approx([1] * 6)
    with pytest.raises(UsageError, match="no label bliss"):
        faces.only(("bliss",))


def test_unlabelled_faces_stay_unlabelled():
    faces = datasets.LabelledFaces.unvoted(np.zeros((3, 48, 48), np.uint8), np.array([3, -1, 4]))
    head = datasets.heads_for(faces)[0]
    assert datasets.truth(head, faces).tolist() == [3, -1, 4]
    assert datasets.shares(head, faces).sum(axis=1).tolist() == [1, 0, 1]
    assert len(faces.only(("happy", "sad"))) == 2


@pytest.mark.slow
def test_answers_to_a_competition_use_its_own_words(tmp_path):
    need_tensorflow()
    from dataclasses import replace

    from albumsort.training.emotion import competition

    random = np.random.default_rng(0)
    words = [("Happy", True), ("SAD", False)]
    known = write_table(tmp_path / "train.csv", [(w, drawn_face(random, smile)) for w, smile in words * 60])
    asked = write_table(
        tmp_path / "test.csv", [("", drawn_face(random, smile)) for _, smile in words * 10], emotion=False
    )
    answers = competition.fit_predict(known, asked, replace(competition.RECIPE, epochs=4, batch=32))
    assert set(answers) <= {"Happy", "SAD"}
    assert np.mean([answer == word for answer, (word, _) in zip(answers, words * 10, strict=True)]) > 0.8


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda label, pixels, usage: [label, "300 " + pixels.split(" ", 1)[1], usage], "row 2 has a pixel or"),
        (lambda label, pixels, usage: [label, "x " + pixels.split(" ", 1)[1], usage], "row 2 has a pixel or"),
        (lambda label, pixels, usage: ["happy", pixels, usage], "row 2 has a pixel or a label"),
        (lambda label, pixels, usage: ["9", pixels, usage], "row 2 has the label 9, not 0 to 6"),
        (lambda label, pixels, usage: ["-1", pixels, usage], "row 2 has the label -1"),
        (lambda label, pixels, usage: [label], "row 2 has 0 pixels"),
        (lambda label, pixels, usage: [label, pixels], "row 2 has no split"),
    ],
)
def test_a_row_that_is_no_face_is_named(fer2013, change, reason):
    data, _ = fer2013
    with data.open(newline="") as file:
        rows = list(csv.reader(file))
    rows[2] = change(*rows[2])
    with data.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    with pytest.raises(AlbumsortError, match=reason):
        sources.load_fer2013(data, None)


def test_a_vote_that_is_not_a_number_is_named(fer2013):
    data, votes = fer2013
    lines = votes.read_text().splitlines()
    votes.write_text("\n".join([*lines[:3], lines[3].replace("9", "nine"), *lines[4:]]))
    with pytest.raises(AlbumsortError, match="row 3 has a vote"):
        sources.load_fer2013(data, votes)
