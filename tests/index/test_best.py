"""The best photos equal a slow definition over all photos: marks, copies, moments, filters, scores and spreading."""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest
from any_faces import sized
from helpers import EVEN, face, save
from hypothesis import given, settings
from hypothesis import strategies as st
from index_rows import HAPPY, names

from albumsort.choosing import labels
from albumsort.choosing import spread as spreading
from albumsort.choosing.corrected import Mark
from albumsort.choosing.frames import best_frame
from albumsort.choosing.passing import passes
from albumsort.choosing.promise import UNSURE
from albumsort.choosing.scores import score
from albumsort.choosing.spread import group
from albumsort.index import best as index_best
from albumsort.index import marking, queries, shares, storing
from albumsort.index import moments as index_moments
from albumsort.index import ranked as index_ranked
from albumsort.index.database import Database
from albumsort.query import By, Counted, Filters, Question, Spread
from albumsort.types import Emotion, Face, Kind, Photo

SADLY = {**EVEN, Emotion.SAD: 0.9, Emotion.HAPPY: 0.0001}
SAYS = [HAPPY, Emotion.SAD, *Kind]


@dataclass(frozen=True)
class File:
    """A file of an album."""

    folder: str
    number: int
    content: int
    day: str | None

    @property
    def path(self) -> Path:
        return Path("/", self.folder, f"{self.number}.jpg")


Saying = tuple[int, int, Emotion | Kind]


@dataclass(frozen=True)
class Album:
    """Contents with their faces, files that have them, the moment of each content (0: none), and marks of faces."""

    contents: list[list[Face]]
    files: list[File]
    moments: list[int]
    marks: list[Saying]


def drawn_album(seed: int) -> Album:
    """Return an album at random; a strategy of small lists would mostly draw empty ones."""
    chance = Random(seed)

    def any_face() -> Face:
        # sixteenths, so that means have no rounding errors and ties are ties
        happy, sad = chance.randint(1, 9), chance.randint(0, 6)
        side, detection = chance.choice([60, 100, 200]), chance.choice([0.375, 0.75, 0.99, 0.99])
        drawn = sized(side, detection=detection, happy=happy / 16, sad=sad / 16)
        return replace(drawn, eyes=chance.choice([None, 0.125, 0.875]))

    contents = [[any_face() for _ in range(chance.choice([0, 1, 1, 2, 3]))] for _ in range(5)]
    paths = chance.sample([(folder, number) for folder in ("a", "b", "b/in") for number in range(5)], 9)
    days = [None, "2024-07-01", "2024-07-02", "2024-08-01"]
    files = [File(folder, number, chance.randrange(5), chance.choice(days)) for folder, number in paths]
    moments = [chance.randrange(3) for _ in contents]
    marks = [
        (chance.randrange(5), chance.randrange(2), chance.choice(SAYS)) for _ in range(chance.choice([0, 0, 1, 3]))
    ]
    return Album(contents, files, moments, marks)


FILTERS = st.just(Filters()) | st.builds(
    Filters,
    faces=st.sampled_from([None, None, (1, 1), (2, 9)]),
    counted=st.sampled_from([Counted(), Counted(0.25), Counted(0.9, 0.2)]),
    absent=st.sampled_from([(), (), (Path("/a"),)]),
    sure=st.sampled_from([0.0, 0.0, 0.4, UNSURE]),
    unsure=st.sampled_from([False, False, True]),
    open_eyes=st.sampled_from([False, False, True]),
    marked=st.sampled_from([False, False, False, True]),
    since=st.sampled_from([None, None, "2024-07-02"]),
)
QUESTIONS = st.builds(
    Question,
    st.sampled_from([HAPPY, Emotion.SAD]),
    st.sampled_from(By),
    FILTERS,
    st.sampled_from([0.0, 0.0, 0.25, 0.5]),
    st.sampled_from([None, 1, 2, 3, 5]),
    st.sampled_from([False, False, True]),
    st.sampled_from([None, None, *Spread]),
)


def build(index: Database, album: Album) -> None:
    """Save an album; contents with the same moment, other than 0, are frames of it."""
    contents = album.contents
    for file in album.files:
        save(index, file.path, beside(contents[file.content]), None, f"d{file.content}")
    with index.transaction():
        for number, faces in enumerate(contents):
            marking.note_people(index, f"d{number}")
            for place, one in enumerate(beside(faces)):
                marking.save(
                    index,
                    [Mark(f"d{number}", one.box, says) for c, p, says in album.marks if (c, p) == (number, place)],
                )
        for file in album.files:
            index.writer.execute(
                "UPDATE photos SET taken_at = ? WHERE path = ?",
                (file.day and f"{file.day}T10:00:00", os.fsencode(file.path)),
            )
        for root in ("/a", "/b"):
            storing.add_root(index, Path(root))
        shares.save_natural_shares(index, EVEN, due=False)
        shares.save_albums(index, [labels.Album(Path("/a"), SADLY, 9)])
        ids = dict(index.writer.execute("SELECT p.id, c.digest FROM photos p JOIN contents c ON c.id = p.content"))
        together = defaultdict[int, list[int]](list)
        for number, digest in sorted(ids.items()):
            together[album.moments[int(digest[1:])]].append(number)
        index_moments.save_moments(index, [of for moment, of in together.items() if moment])


def beside(faces: Sequence[Face]) -> list[Face]:
    """Return the faces beside each other, so that no two overlap."""
    return [replace(one, box=replace(one.box, x=1000.0 * place)) for place, one in enumerate(faces)]


# the slow definition


def slowly(index: Database, question: Question) -> list[Photo]:
    """Return what `best` should, from every file that passes the filters."""
    files = [file for file in queries.photos(index, question.filters, every=True) if score_of(file, question)]
    found = list(files) if question.every else list(by_moment(by_content(files), question.emotion))
    found.sort(key=lambda photo: rank(photo, question))
    if question.spread is not None:
        counts = defaultdict[object, int](int)
        rounds = {}
        for photo in found:
            counts[group(photo, question.spread)] += 1
            rounds[photo.path] = counts[group(photo, question.spread)]
        found.sort(key=lambda photo: rounds[photo.path])
    return [
        replace(photo, score=(score_of(photo, question) or [0])[0], emotion=question.emotion)
        for photo in found[: question.n]
    ]


def score_of(photo: Photo, question: Question) -> tuple[float, ...] | None:
    found = score(photo.faces, question.emotion, question.by)
    return found if found is not None and found[0] >= question.least else None


def rank(photo: Photo, question: Question) -> tuple[tuple[float, ...], bytes]:
    found = score_of(photo, question)
    assert found is not None
    return tuple(-part for part in found), os.fsencode(photo.path)


def by_content(files: Sequence[Photo]) -> list[Photo]:
    """Return for each content its first file, with the others in `also`."""
    contents = defaultdict[str, list[Photo]](list)
    for file in files:
        contents[file.digest].append(file)
    return [replace(first, also=tuple(file.path for file in rest)) for first, *rest in contents.values()]


def by_moment(photos: Sequence[Photo], emotion: Emotion) -> Iterator[Photo]:
    moments = defaultdict[object, list[Photo]](list)
    for photo in photos:
        moments[photo.path if photo.moment is None else photo.moment].append(photo)
    for frames in moments.values():
        yield best_frame(frames, emotion)


@settings(max_examples=150)
@given(seed=st.integers(0, 2**32), question=QUESTIONS, looked_at=st.sampled_from([1, 5000]))
def test_the_best_equal_the_slow_definition(seed: int, question: Question, looked_at: int) -> None:
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory() as folder,
        Database(Path(folder, "index.sqlite"), create=True) as index,
    ):
        patch.setattr(index_ranked, "LOOKED_AT", looked_at)
        patch.setattr(index_ranked, "AT_ONCE", looked_at)
        patch.setattr(spreading, "PATIENCE", 0)
        build(index, drawn_album(seed))
        found = index_best.best(index, question)
        assert found == slowly(index, question)
        every = index_best.best(index, replace(question, n=None))
        if question.spread is None:
            assert found == every[: question.n]
        alone = index_best.best(index, replace(question, n=None, every=True))
        # nothing is lost: each file is shown, or equals what is shown, or is behind it
        assert sum(1 + len(photo.also) + photo.behind for photo in every) == len(alone)
        assert all(passes(photo, question.filters) for photo in found)


# examples


def test_a_copy_that_is_sure_is_shown_though_the_first_is_not(index: Database) -> None:
    doubtful = [face(happy=0.6, sad=0.3)]
    for path in ("/a/x.jpg", "/b/x.jpg", "/b/y.jpg"):
        save(index, path, doubtful, digest="d1")
    save(index, "/b/other.jpg", [face(happy=0.6)], digest="d2")
    with index.transaction():
        storing.add_root(index, Path("/a"))
        shares.save_natural_shares(index, EVEN, due=False)
        shares.save_albums(index, [labels.Album(Path("/a"), SADLY, 9)])
    first, second = index_best.best(index, Question(HAPPY))
    assert (first.path, first.label, first.also) == (
        Path("/a/x.jpg"),
        Emotion.SAD,
        (Path("/b/x.jpg"), Path("/b/y.jpg")),
    )
    assert second.path == Path("/b/other.jpg")
    happily = [photo for photo in queries.photos(index, Filters(), every=True) if photo.label is HAPPY]
    assert names(happily) == ["other.jpg", "x.jpg", "y.jpg"]
    least = min(photo.sure or 0 for photo in happily)
    sad = next(photo.sure or 0 for photo in queries.photos(index, Filters()) if photo.label is Emotion.SAD)
    assert sad > least
    unsure = index_best.best(index, Question(HAPPY, filters=Filters(unsure=True)))
    assert [(photo.path, photo.also) for photo in unsure] == [
        (Path("/b/other.jpg"), ()),
        (Path("/b/x.jpg"), (Path("/b/y.jpg"),)),
    ]


def test_a_frame_whose_mean_is_rounded_is_not_lost(index: Database) -> None:
    """The mean of these is below 0.2 if it is rounded once, and above if each step is."""
    faces = [face(happy=happy) for happy in (0.1, 0.2, 0.3)]
    for number in range(2):
        save(index, f"/{number}.jpg", faces, digest=f"d{number}")
    with index.transaction():
        index_moments.save_moments(index, [[1, 2]])
    for least in (0.2, 0.19999999999999998, 0.20000000000000004):
        found = index_best.best(index, Question(HAPPY, By.MEAN, least=least))
        assert [photo.behind for photo in found] in ([], [1])


def test_a_folder_without_faces_does_not_make_spreading_read_everything(
    index: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        save(
            index,
            f"/{number % 3}/{number}.jpg",
            [face(happy=(number + 1) / 32)] if number % 3 else [],
            digest=f"{number}",
        )
    read = list[object]()
    monkeypatch.setattr(spreading, "PATIENCE", 1)
    monkeypatch.setattr(index_best, "passes", lambda photo, _: not read.append(photo))
    found = index_best.best(index, Question(HAPPY, n=4, spread=Spread.FOLDER))
    assert names(found) == ["29.jpg", "28.jpg", "26.jpg", "25.jpg"]
    assert len(read) < 10


def test_a_moment_takes_the_place_of_the_frame_that_is_shown(index: Database) -> None:
    save(index, "/blink.jpg", [face(sad=0.9, eyes=0.05)])
    save(index, "/open.jpg", [face(sad=0.5)])
    save(index, "/other.jpg", [face(sad=0.7)])
    with index.transaction():
        index_moments.save_moments(index, [[1, 2]])
    found = index_best.best(index, Question(Emotion.SAD))
    assert [(photo.path.name, photo.score, photo.behind) for photo in found] == [
        ("other.jpg", 0.7, 0),
        ("open.jpg", 0.5, 1),
    ]


def test_spreading_reads_on_to_a_folder_of_faces_that_only_this_query_counts(
    index: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreading, "PATIENCE", 0)
    for number, happy in enumerate((0.9, 0.8)):
        save(index, f"/a/{number}.jpg", [face(happy=happy)])
    shadow = replace(face(happy=0.7), detection=0.4, matters=False)
    save(index, "/b/shadow.jpg", [shadow])
    question = Question(HAPPY, filters=Filters(counted=Counted(0.3)), n=2, spread=Spread.FOLDER)
    assert names(index_best.best(index, question)) == ["0.jpg", "shadow.jpg"]
