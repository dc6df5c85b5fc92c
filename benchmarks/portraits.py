"""Read the photos of an album that is sorted by emotion, each with its largest face; the source of benchmarks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from measuring import require_emotions

from albumsort.errors import PhotoError
from albumsort.faces import detector as faces
from albumsort.faces import resize
from albumsort.photos import decode, read
from albumsort.photos.walk import Walk, find
from albumsort.types import FOUR, Detection, Emotion


def portraits(album: Path) -> Iterator[tuple[Emotion, resize.Pixels, Detection]]:
    """Yield the emotion, the pixels and the largest face of each readable photo with a face.

    Ends the program if one of the four folders is missing.
    """
    require_emotions(album)
    detector = faces.load_detector()
    for emotion in FOUR:
        for file in find(album / emotion, (), Walk()):
            try:
                pixels = decode.decode(read.read(file.path)).pixels
            except PhotoError as e:
                print(f"{file.path}: {e}", file=sys.stderr)
                continue
            faces_found = detector.detect(pixels)
            if faces_found:
                yield emotion, pixels, max(faces_found, key=lambda d: d.box.area)
