"""albumsort: find the photos of an album that show an emotion best. Nothing heavy is imported here."""

from __future__ import annotations

from .errors import AlbumsortError, IndexFileError, PhotoError, UsageError, WeightsError
from .types import FOUR, Analysis, Box, Emotion, Face, Photo

__version__ = "0.1.0"
__all__ = [
    "FOUR",
    "AlbumsortError",
    "Analysis",
    "Box",
    "Emotion",
    "Face",
    "IndexFileError",
    "Photo",
    "PhotoError",
    "UsageError",
    "WeightsError",
    "__version__",
]
