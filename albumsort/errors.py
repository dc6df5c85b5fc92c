"""The errors albumsort raises on purpose; each message says what happened, to what, and what to do."""

from __future__ import annotations


class AlbumsortError(Exception):
    """The operation failed; the message is meant for the person at the keyboard."""


class UsageError(AlbumsortError):
    """What was asked for makes no sense as asked."""


class PhotoError(AlbumsortError):
    """One photo could not be analysed; the others can."""


class TransientPhotoError(PhotoError):
    """One photo could not be analysed this time, for a reason that says nothing about the photo."""


class WeightsError(AlbumsortError):
    """A network is missing, or is not the file the manifest describes."""


class IndexFileError(AlbumsortError):
    """The database cannot be used: damaged, of another version, locked, or not ours."""
