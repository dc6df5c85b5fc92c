"""The Python API of albumsort; `import albumsort` exposes it, and imports this module on first use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypedDict, Unpack, cast

from . import dates
from .disk import places
from .errors import UsageError
from .index import absent, queries
from .index.best import best
from .index.database import Database
from .indexing.report import Report as Report
from .query import MOST, Counted, Filters, Question
from .query import By as By
from .query import Spread as Spread
from .types import THRESHOLD, Emotion, Photo

if TYPE_CHECKING:
    from .types import Analysis


class Filtering(TypedDict, total=False):
    """Filters of a query: which photos it returns, and which of their faces count.

    since, until: a day, month or year, like "2024-07"; both are inclusive. folders: only photos in one of these.
    faces: number of faces, or (minimum, maximum). min_score: minimum score of a photo in `Index.top`, minimum
    probability of a face's label in `Index.photos`, 0-1. min_detection, min_size, min_sharpness: faces with lower
    values do not count, 0-1; min_detection is the confidence, and the size is the longer side of the box as a share of
    the photo's shorter side. sure: least probability that a viewer agrees with the photo's label, 0-1. open_eyes: only
    photos in which nobody who matters has closed eyes. unsure, marked, undated: only photos with an unsure label, with
    marks, without a date.
    """

    since: str
    until: str
    folders: Iterable[Path | str]
    faces: int | tuple[int, int]
    min_score: float
    min_detection: float
    min_size: float
    min_sharpness: float
    sure: float
    open_eyes: bool
    unsure: bool
    marked: bool
    undated: bool


class Index:
    """An open index (see `open_index`). Use it in a `with` statement, or close it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the index; it cannot be used afterwards."""
        self._database.close()

    def top(
        self,
        emotion: Emotion | str,
        n: int = 20,
        by: By | str = By.MAX,
        *,
        every: bool = False,
        spread: Spread | str | None = None,
        **filters: Unpack[Filtering],
    ) -> list[Photo]:
        """Return the photos that show an emotion most clearly, the best first.

        The frames of a moment are one photo, the best of them; how many others there are is in its `behind`. Files with
        the same bytes are one photo: the others are in its `also`. Photos of an indexed folder that is not there now
        are left out.

        n: the greatest number of photos. by: how to score a photo in which several faces matter: "everyone", "max",
        "mean" or "min". every: return every frame and every file. spread: share out the places by "day", "month" or
        "folder". Filters: see `Filtering`. Raises UsageError if the emotion, a date, a number or a range is invalid.

        >>> with albumsort.open_index("index.sqlite") as index:
        ...     for photo in index.top("happy", n=3, faces=(1, 4)):
        ...         print(photo.path.name, photo.emotion)
        portrait.jpg happy
        """
        wanted = emotion if isinstance(emotion, Emotion) else Emotion.parse(emotion)
        if by not in list(By):
            raise UsageError(f"by={by!r}: choose from {', '.join(By)}")
        if spread is not None and spread not in list(Spread):
            raise UsageError(f"spread={spread!r}: choose from {', '.join(Spread)}")
        if n < 1:
            raise UsageError(f"n={n}: the number of photos is at least 1")
        least = _share("min_score", filters.get("min_score", 0.0))
        present = absent.without_absent(self._database, _filters(filters))
        by_group = None if spread is None else Spread(spread)
        return best(self._database, Question(wanted, By(by), present, least, min(n, MOST), every, by_group))

    def photos(self, **filters: Unpack[Filtering]) -> Iterator[Photo]:
        """Yield every photo that is neither missing nor excluded, by path. Filters: see `Filtering`.

        Copies and folders that are not there: as in `top`.

        >>> with albumsort.open_index("index.sqlite") as index:
        ...     [(photo.path.name, photo.label.value) for photo in index.photos() if photo.label]
        [('portrait.jpg', 'happy')]
        """
        least = _share("min_score", filters.get("min_score", 0.0))
        present = absent.without_absent(self._database, _filters(filters))
        return queries.photos(self._database, present, least)


def open_index(db: Path | str | None = None) -> Index:
    """Open an index that `albumsort index` or `index_photos` created; raises IndexFileError if there is none.

    db: the index file; by default ALBUMSORT_DB, or the file in the user's data folder, as for the command line. An
    index of an older version is upgraded, and a copy of the old version is kept beside it.
    """
    return Index(Database(_index_file(db)))


def analyse(path: Path | str) -> Analysis:
    """Find and classify the faces in one photo file, without an index. Raises PhotoError.

    Labels assume an ordinary album. The networks are loaded on the first call and stay in memory.

    >>> seen = albumsort.analyse("portrait.jpg")
    >>> [face] = [face for face in seen.faces if face.detection >= 0.5]
    >>> face.label.value, round(face.probabilities["happy"], 1)
    ('happy', 1.0)
    """
    from .analysis import analyse_file

    _, analysis = analyse_file(Path(path))
    return analysis


def index_photos(
    paths: Iterable[Path | str],
    db: Path | str | None = None,
    *,
    workers: int | None = None,
    exclude: Iterable[str] = (),
    rescan: bool = False,
    progress: Callable[[], object] = lambda: None,
) -> Report:
    """Index folders of photos or single photos, like `albumsort index`: analyse new and changed photos.

    db: as in `open_index`; created if it does not exist. workers: number of worker processes, by default one per CPU
    core. exclude: globs of files and folders to skip. rescan: analyse unchanged photos too. progress: called after each
    photo. Photos that cannot be analysed are in the report's `failed`. After Ctrl-C the analysed photos are stored, and
    the report's `interrupted` is true. Raises UsageError for invalid arguments, and AlbumsortError if no photo can be
    analysed or stored.

    On Windows and macOS the worker processes import the main module, so a script needs `if __name__ == "__main__":`.

    >>> report = albumsort.index_photos(["."], db="index.sqlite", workers=1)
    >>> report.found, report.failed
    (1, ())
    """
    from .indexing.executors import Local
    from .indexing.plan import make_plan
    from .indexing.run import run

    roots = [Path(path) for path in _several(paths)]
    if not roots:
        raise UsageError("no folder was given: name at least one folder of photos")
    if workers is not None and workers < 1:
        raise UsageError(f"workers={workers}: the number of worker processes is at least 1")
    with Database(_index_file(db), create=True) as database, database.alone():
        plan = make_plan(database, roots, None, [str(glob) for glob in _several(exclude)], rescan)
        return run(database, plan, Local(workers or os.cpu_count() or 1), progress)


def _index_file(db: Path | str | None) -> Path:
    return Path(db or os.environ.get("ALBUMSORT_DB") or places.index_file())


def _filters(asked: Filtering) -> Filters:
    if unknown := set(asked) - set(Filtering.__annotations__):
        raise TypeError(f"unknown filters: {', '.join(sorted(unknown))}")
    asked = cast(Filtering, {name: value for name, value in asked.items() if value is not None})
    return Filters(
        since=dates.start_of(asked["since"]) if "since" in asked else None,
        until=dates.end_of(asked["until"]) if "until" in asked else None,
        folders=tuple(Path(os.path.abspath(folder)) for folder in _several(asked.get("folders", ()))),
        faces=_range(asked["faces"]) if "faces" in asked else None,
        counted=Counted(
            _share("min_detection", asked.get("min_detection", THRESHOLD)),
            _share("min_size", asked.get("min_size", 0.0)),
            _share("min_sharpness", asked.get("min_sharpness", 0.0)),
        ),
        undated=asked.get("undated", False),
        sure=_share("sure", asked.get("sure", 0.0)),
        unsure=asked.get("unsure", False),
        open_eyes=asked.get("open_eyes", False),
        marked=asked.get("marked", False),
    )


def _several(items: Iterable[Path | str] | Path | str) -> list[Path | str]:
    """Return the items; one path or glob alone is an item, although a string can be iterated over, too."""
    return [items] if isinstance(items, str | Path) else list(items)


def _range(faces: int | tuple[int, int]) -> tuple[int, int]:
    low, high = (faces, faces) if isinstance(faces, int) else faces
    if not 0 <= low <= high:
        raise UsageError(f"faces={faces}: give a number, or the least and the greatest number")
    return min(low, MOST), min(high, MOST)


def _share(name: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise UsageError(f"{name}={value}: give a number from 0 to 1")
    return value
