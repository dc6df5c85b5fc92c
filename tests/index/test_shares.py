"""Labels by album, the sample for the shares, and results to classify again."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import EVEN, NOW, face, save
from hypothesis import given, settings
from hypothesis import strategies as st
from index_rows import BEFORE, HAPPY, A, B, C, asked, changed, listed, mark_missing

from albumsort.answers import ANSWERS, Shares
from albumsort.choosing.labels import Album, LabelRule
from albumsort.index import counts as index_counts
from albumsort.index import lookup, queries, storing
from albumsort.index import shares as index_shares
from albumsort.index.database import Database
from albumsort.query import By, Filters
from albumsort.types import Analysis, Emotion, Expression, Face, PhotoFile, Settings

# labels by album


NATURAL = {answer: (0.4 if answer in (HAPPY, Emotion.NEUTRAL) else 0.2 / 6) for answer in ANSWERS}
SADLY = {answer: (0.72 if answer is Emotion.SAD else 0.04) for answer in ANSWERS}
DOUBTFUL = face(neutral=0.7, sad=0.25)


def add_albums(index: Database, *albums: Album, natural: Shares = NATURAL) -> None:
    with index.transaction():
        index_shares.save_natural_shares(index, natural, due=True)
        for album in albums:
            storing.add_root(index, album.root)
        index_shares.save_albums(index, albums)


def test_a_label_uses_the_deepest_album_or_else_natural_shares(index: Database) -> None:
    paths = ["/a/x.jpg", "/a/sad/x.jpg", "/a/sad2/x.jpg", "/b/x.jpg"]
    for path in paths:
        save(index, path, [DOUBTFUL])
    add_albums(index, Album(Path("/a"), NATURAL, 3), Album(Path("/a/sad"), SADLY, 3))
    labels = {str(photo.path): photo.label for photo in queries.photos(index, Filters())}
    assert labels == dict.fromkeys(paths, Emotion.NEUTRAL) | {"/a/sad/x.jpg": Emotion.SAD}
    assert {str(p.path): p.label for p in asked(index, Emotion.SAD, By.MAX, Filters(), 0.0, -1)} == labels
    assert index_counts.stats(index).labels == {Emotion.NEUTRAL: 3, Emotion.SAD: 1}


def test_an_album_changes_labels_and_their_probability_but_no_score(index: Database) -> None:
    save(index, "/a/x.jpg", [DOUBTFUL])
    add_albums(index, Album(Path("/a"), SADLY, 3))
    [photo] = asked(index, Emotion.SAD, By.MAX, Filters(), 0.0, 1)
    expected = LabelRule(NATURAL, SADLY).label(DOUBTFUL.probabilities, 0.0)
    assert (photo.label, photo.sure, photo.score) == (*expected, 0.25)
    assert photo.faces[0].probabilities == DOUBTFUL.probabilities


def test_copies_are_labelled_by_the_shares_of_their_albums(index: Database) -> None:
    save(index, "/a/x.jpg", [DOUBTFUL], digest="d1")
    save(index, "/b/x.jpg", [DOUBTFUL], digest="d1")
    add_albums(index, Album(Path("/a"), SADLY, 3), Album(Path("/b"), NATURAL, 3))
    assert [photo.label for photo in queries.photos(index, Filters(), every=True)] == [
        Emotion.SAD,
        Emotion.NEUTRAL,
    ]
    assert index_counts.stats(index).labels == {Emotion.SAD: 1, Emotion.NEUTRAL: 1}


def test_the_natural_shares_are_those_that_were_stored_last(index: Database) -> None:
    """An unreadable face has the natural shares as probabilities, which say nothing about it."""
    save(index, "/b/x.jpg", [face(neutral=0.5, happy=0.45, nothing=0.4)])
    sure = list[tuple[Emotion | None, float | None]]()
    for common in (HAPPY, Emotion.NEUTRAL):
        natural = {answer: (0.65 if answer is common else 0.05) for answer in ANSWERS}
        add_albums(index, natural=natural)
        [photo] = queries.photos(index, Filters())
        assert (photo.label, photo.sure) == LabelRule(natural, natural).label(photo.faces[0].probabilities, 0.4)
        sure.append((photo.label, photo.sure))
    assert sure[0][0] is Emotion.NEUTRAL
    assert sure[0] != sure[1]


def test_faces_without_a_probability_of_nothing_are_read_with_unknown_eyes(index: Database, database: Path) -> None:
    save(index, A, [face(happy=0.9, nothing=0.5)])
    with closing(sqlite3.connect(database)) as raw:
        raw.execute('UPDATE faces SET "nothing" = NULL, eyes = NULL')
        raw.commit()
    [photo] = queries.photos(index, Filters())
    assert photo.faces == (face(happy=0.9, eyes=None),)
    assert index_counts.stats(index).labels == {HAPPY: 1}


PROBABILITIES = st.lists(st.floats(0, 1), min_size=7, max_size=7).filter(any)
FACES = st.builds(
    lambda parts, nothing, width, height: face(
        (0, 0, width, height),
        nothing=nothing,
        **{e.value: part / sum(parts) for e, part in zip(Emotion, parts, strict=True)},
    ),
    PROBABILITIES,
    st.floats(0, 1),
    st.integers(1, 400),
    st.integers(1, 400),
)
SHARES = st.lists(st.floats(0.01, 1), min_size=8, max_size=8).map(
    lambda parts: {answer: part / sum(parts) for answer, part in zip(ANSWERS, parts, strict=True)}
)


@settings(max_examples=40)
@given(
    photos=st.lists(
        st.tuples(st.sampled_from(["/a", "/a/b", "/a/b/c", "/d"]), st.lists(FACES, max_size=3)), max_size=8
    ),
    albums=st.dictionaries(st.sampled_from([Path("/a"), Path("/a/b"), Path("/a/b/c"), Path("/")]), SHARES),
    natural=SHARES,
)
def test_the_counts_are_those_of_the_labels_that_are_listed(
    photos: list[tuple[str, list[Face]]], albums: dict[Path, Shares], natural: Shares
) -> None:
    """SQL counts the labels that Python lists."""
    with tempfile.TemporaryDirectory() as folder, Database(Path(folder, "index.sqlite"), create=True) as index:
        for number, (where, faces) in enumerate(photos):
            distinct = {face.box.area: face for face in faces}  # one is the largest
            save(index, f"{where}/{number}.jpg", list(distinct.values()))
        add_albums(index, *(Album(root, shares, 1) for root, shares in albums.items()), natural=natural)
        counts, listed = index_counts.stats(index), list(queries.photos(index, Filters()))
    labels = [photo.label for photo in listed if photo.faces]
    assert counts.labels == {e: labels.count(e) for e in Emotion if e in labels}
    assert counts.unlabelled == labels.count(None)
    assert counts.without_face == len(listed) - len(labels)


def test_the_counts_name_the_albums_with_their_shares(index: Database) -> None:
    album = Album(Path("/a"), SADLY, 1204)
    add_albums(index, album)
    with index.transaction():
        storing.add_root(index, Path("/never estimated"))
    assert index_counts.stats(index).albums == (album,)
    assert index_counts.stats(index).roots == (Path("/a"), Path("/never estimated"))


def test_an_album_has_its_latest_shares_and_loses_them_when_it_is_forgotten(index: Database) -> None:
    add_albums(index, Album(Path("/a"), NATURAL, 3))
    add_albums(index, Album(Path("/a"), SADLY, 4))
    assert index_shares.album_of(index, Path("/a/x.jpg")) == Album(Path("/a"), SADLY, 4)
    assert index_shares.album_of(index, Path("/b/x.jpg")) is None
    assert not index_shares.shares_due(index)
    with index.transaction():
        storing.forget(index, [], [Path("/a")])
    assert index_shares.album_of(index, Path("/a/x.jpg")) is None
    with index.transaction():
        storing.add_root(index, Path("/a"))
    assert index_shares.shares_due(index)


def test_shares_stay_due_until_they_are_estimated(index: Database) -> None:
    add_albums(index, Album(Path("/a"), NATURAL, 3))
    with index.transaction():
        index_shares.save_natural_shares(index, NATURAL, due=True)
    with index.transaction():
        index_shares.save_natural_shares(index, NATURAL, due=False)  # a later run without changes
    assert index_shares.shares_due(index)
    with index.transaction():
        index_shares.save_albums(index, [Album(Path("/a"), SADLY, 4)])
    assert not index_shares.shares_due(index)


def test_an_album_that_was_forgotten_meanwhile_gets_no_shares(index: Database) -> None:
    add_albums(index, Album(Path("/a"), NATURAL, 3))
    with index.transaction():
        index_shares.save_albums(index, [Album(Path("/a"), SADLY, 4), Album(Path("/forgotten"), SADLY, 4)])
    assert index_counts.stats(index).albums == (Album(Path("/a"), SADLY, 4),)
    assert index.dangling() == 0


# faces to estimate the shares from


def test_an_album_with_thousands_of_inner_albums_leaves_out_their_photos(index: Database) -> None:
    save(index, "/a/own.jpg", [face(happy=0.9)])
    save(index, "/a/1234/deep/theirs.jpg", [face(sad=0.9)])
    with index.transaction():
        for number in range(3000):
            storing.add_root(index, Path(f"/a/{number}"))
            storing.add_root(index, Path(f"/a/{number}/deep"))
        storing.add_root(index, Path("/a"))
    [row] = index_shares.sample(index, Path("/a"), 100)
    assert row[list(Emotion).index(HAPPY)] == 0.9


def stored(*faces: Face) -> list[tuple[float, ...]]:
    return [(*face.probabilities.values(), face.nothing) for face in faces]


def test_a_small_album_is_sampled_whole_without_what_is_not_in_it(index: Database) -> None:
    inside = face(happy=0.9, nothing=0.1), face(sad=0.8)
    save(index, "/a/1.jpg", [inside[0], replace(face(fear=0.9), detection=0.49)])
    save(index, "/a/2.jpg", [inside[1]])
    for number, path in enumerate(("/a/deep/x.jpg", "/ab/x.jpg", "/a.jpg", "/a/gone.jpg")):
        save(index, path, [face(anger=0.9)], digest=f"other {number}")
    mark_missing(index, Path("/a/gone.jpg"))
    with index.transaction():
        for root in ("/a", "/a/deep"):
            storing.add_root(index, Path(root))
    assert index_shares.sample(index, Path("/a"), 100) == stored(*inside)
    assert index_shares.sample(index, Path("/a/deep"), 100) == stored(face(anger=0.9))
    assert index_shares.sample(index, Path("/none"), 100) == []


@pytest.mark.parametrize("faces_each", [1, 3])
def test_a_large_album_is_sampled_evenly_and_reproducibly(index: Database, faces_each: int) -> None:
    count = 300
    with index.transaction():
        storing.add_root(index, Path("/a"))
        for number in range(count):
            file = PhotoFile(Path(f"/a/{number:03}.jpg"), 1, 1)
            faces = (face(happy=number / count),) * faces_each
            storing.save(index, file, Analysis(f"d{number}", 64, 48, None, faces), NOW)
    taken = index_shares.sample(index, Path("/a"), 50)
    assert 20 <= len(taken) <= 50
    assert taken == index_shares.sample(index, Path("/a"), 50)
    happy = [row[list(Emotion).index(HAPPY)] for row in taken]
    assert min(happy) < 0.1
    assert max(happy) > 0.9
    assert abs(sum(happy) / len(happy) - 0.5) < 0.1


def test_an_album_of_crowds_among_landscapes_is_sampled_evenly_too(index: Database) -> None:
    """The faces per photo are estimated from the whole index, which is too low here."""
    with index.transaction():
        storing.add_root(index, Path("/crowds"))
        for number in range(900):
            faces = (face(happy=number / 900),) * 3
            crowd = number % 3 == 0
            file = PhotoFile(Path("/crowds" if crowd else "/hills", f"{number:03}.jpg"), 1, 1)
            storing.save(index, file, Analysis(f"d{number}", 64, 48, None, faces if crowd else ()), NOW)
    happy = [row[list(Emotion).index(HAPPY)] for row in index_shares.sample(index, Path("/crowds"), 50)]
    assert 20 <= len(happy) <= 50
    assert min(happy) < 0.1
    assert max(happy) > 0.9


# results that only need classification


LATER = Settings(NOW.finding, "classified later", NOW.dating)
EXPRESSIONS = [Expression({e: (0.94 if e is Emotion.SAD else 0.01) for e in Emotion}, 0.2, 0.4)]


def test_results_of_another_classifier_are_current_but_unclassified(index: Database) -> None:
    save(index, A, [face(happy=0.9)], crops=b"crops of a")
    save(index, B, [], settings=LATER)
    save(index, C, [face(happy=0.9)], settings=BEFORE, crops=b"crops of c")
    assert changed(index, A, B, C, settings=LATER) == [C]
    save(index, "/album/d.jpg", [face(happy=0.9)], settings=BEFORE)  # an older method stored no crops
    assert lookup.count_unclassified(index, LATER) == 2
    stored = lookup.unclassified(index, LATER, -1, 10)
    assert [(count, crops) for _, count, crops in stored] == [(1, b"crops of a"), (1, b"crops of c")]
    assert [lookup.detections(index, content) for content, _, _ in stored] == [[0.9], [0.9]]


def test_unclassified_results_come_in_batches_each_once(index: Database) -> None:
    for number in range(7):
        save(index, f"/album/{number}.jpg", [], digest=f"d{number}")
    seen, last = list[int](), -1
    while batch := lookup.unclassified(index, LATER, last, 3):
        assert len(batch) <= 3
        seen += [content for content, _, _ in batch]
        last = seen[-1]
    assert len(seen) == len(set(seen)) == lookup.count_unclassified(index, LATER) == 7


def test_new_expressions_change_what_the_faces_show_and_nothing_else(index: Database) -> None:
    save(index, A, [face((1, 2, 30, 40), happy=0.9)], "2024-07-01T10:00:00", digest="d1", crops=b"crops")
    [before] = queries.photos(index, Filters())
    [(content, _, _)] = lookup.unclassified(index, LATER, -1, 10)
    with index.transaction():
        storing.save_expressions(index, content, EXPRESSIONS, LATER)
    [after] = queries.photos(index, Filters())
    [was], [told] = before.faces, EXPRESSIONS
    judged = replace(was, probabilities=told.probabilities, nothing=told.nothing, eyes=told.eyes)
    assert after == replace(before, faces=(LabelRule(EVEN, EVEN).relabelled(judged),))
    assert (was.label, after.label) == (HAPPY, Emotion.SAD)
    assert (lookup.count_unclassified(index, LATER), lookup.count_unclassified(index, NOW)) == (0, 1)


def test_missing_photos_are_classified_again_and_forgotten_ones_are_not(index: Database) -> None:
    save(index, A, [face(happy=0.9)], digest="d1")
    save(index, B, [face(happy=0.9)], digest="former bytes")
    save(index, B, [face(happy=0.9)], digest="new bytes", settings=LATER)
    mark_missing(index, A)
    assert lookup.count_unclassified(index, LATER) == len(lookup.unclassified(index, LATER, -1, 10)) == 1


def test_a_result_that_is_distrusted_is_stale_in_all_its_photos(index: Database) -> None:
    save(index, A, [face(happy=0.9)], digest="d1")
    save(index, B, [face(happy=0.9)], digest="d1")
    [(content, _, _)] = lookup.unclassified(index, LATER, -1, 10)
    with index.transaction():
        assert storing.distrust(index, content) == [A, B]
    assert changed(index, A, B) == [A, B]
    assert (listed(index), lookup.count_unclassified(index, LATER)) == (["a.jpg", "b.jpg"], 0)


def test_crops_are_deleted_with_their_results(index: Database, database: Path) -> None:
    def crops() -> list[tuple[bytes]]:
        with closing(sqlite3.connect(database)) as raw:
            return raw.execute("SELECT pixels FROM crops ORDER BY content").fetchall()

    save(index, A, [face(happy=0.9)], digest="d1", crops=b"first")
    save(index, A, [face(happy=0.9)], digest="d1", crops=b"second")
    save(index, B, [face(happy=0.9)], digest="d2", crops=b"other")
    assert crops() == [(b"second",), (b"other",)]
    save(index, A, [], digest="d1")
    assert crops() == [(b"other",)]
    with index.transaction():
        storing.forget(index, [B])
    assert crops() == []


def test_rows_that_refer_to_nothing_are_counted(index: Database, database: Path) -> None:
    save(index, A, [face(happy=0.9), face(sad=0.9)], digest="d1")
    assert index.dangling() == 0
    with closing(sqlite3.connect(database)) as raw:
        raw.execute("DELETE FROM contents")
        raw.commit()
    assert index.dangling() == 3
