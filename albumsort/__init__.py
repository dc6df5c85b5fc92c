"""albumsort: find the photos in an album that show an emotion most clearly, without leaving this machine.

>>> import albumsort
>>> report = albumsort.index_photos(["."], db="index.sqlite")
>>> with albumsort.open_index("index.sqlite") as index:
...     best = index.top("happy", n=20)

Importing it is fast: the functions import what they need on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import AlbumsortError, IndexFileError, PhotoError, UsageError, WeightsError
from .types import FOUR, Analysis, Box, Emotion, Face, Photo

if TYPE_CHECKING:
    from .api import By, Filtering, Index, Report, Spread, analyse, index_photos, open_index

__version__ = "0.1.0"
__all__ = [
    "FOUR",
    "AlbumsortError",
    "Analysis",
    "Box",
    "By",
    "Emotion",
    "Face",
    "Filtering",
    "Index",
    "IndexFileError",
    "Photo",
    "PhotoError",
    "Report",
    "Spread",
    "UsageError",
    "WeightsError",
    "__version__",
    "analyse",
    "index_photos",
    "open_index",
]


def __getattr__(name: str) -> object:
    if name in __all__:  # and not defined above
        from . import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
