"""Find which frames of a moment a person kept: by copies in a folder, or by stars."""

from __future__ import annotations

import os
from collections.abc import Container, Generator, Iterable
from pathlib import Path

from .choosing.agreement import Choice
from .choosing.best_frame import Shot, shot
from .disk.contents import digest_of_file
from .errors import AlbumsortError, PhotoError
from .photos.read import opened
from .photos.walk import Walk, find
from .types import Emotion, Photo


def contents_in(folder: Path) -> Generator[tuple[str, Path]]:
    """Yield the content hash and the path of each photo in a folder and its subfolders.

    Raises AlbumsortError if the folder or something in it cannot be read: its photo would count as not kept.
    """
    walk = Walk()
    for file in find(folder, (), walk):
        try:
            with opened(file.path) as photo:
                yield digest_of_file(photo), file.path
        except PhotoError as e:
            raise AlbumsortError(f"{file.path}: {e}; make it readable, or move it out of {folder}") from e
    for path, reason in walk.errors:
        raise AlbumsortError(f"{path}: {reason}; make it readable, or move it out of {folder}")


def by_copies(moment: Iterable[Photo], emotion: Emotion, contents: Container[str]) -> list[Choice]:
    """Return the frames of a moment; those with these content hashes were kept."""
    return [Choice(_shot(photo, emotion), int(photo.digest in contents)) for photo in moment]


def by_ratings(
    moments: Iterable[Iterable[Photo]], emotion: Emotion, failures: list[tuple[Path, str]]
) -> Generator[list[Choice]]:
    """Yield the frames of each moment with their stars; a frame without stars or rejected has 0.

    A frame whose stars cannot be read is left out and added to the failures, with the reason.
    """
    from .photos.ratings import rating  # here, because it loads Pillow

    for moment in moments:
        choices = []
        for photo in moment:
            try:
                choices.append(Choice(_shot(photo, emotion), max(0, rating(photo.path) or 0)))
            except PhotoError as e:
                failures.append((photo.path, str(e)))
        yield choices


def _shot(photo: Photo, emotion: Emotion) -> Shot:
    return shot(os.fspath(photo.path), photo.faces, emotion)
