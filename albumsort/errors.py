"""The errors that albumsort raises; each message says what happened, to which file, and what to do."""

from __future__ import annotations


class AlbumsortError(Exception):
    """The operation failed; the message is for the user."""


class UsageError(AlbumsortError):
    """The user's request is invalid."""


class PhotoError(AlbumsortError):
    """One photo could not be analysed; the others can."""


class TransientPhotoError(PhotoError):
    """One photo could not be analysed because of a temporary failure; it is tried again."""


class WeightsError(AlbumsortError):
    """A network is missing, or is not the file that the manifest describes."""


class IndexFileError(AlbumsortError):
    """The index cannot be used: it is missing, damaged, locked, of a newer version, or not an index."""
