"""Read how many stars a person gave a photo: in the XMP of its file, or of a sidecar beside it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from ..errors import TransientPhotoError
from . import blocks, raw, xmp
from .decoders import register_decoders
from .read import opened


def rating(path: Path) -> int | None:
    """Return the stars of a photo: 0-5, -1 if it was rejected, None if it has none.

    The sidecars `photo.jpg.xmp` and `photo.xmp` come before the file itself, because cameras write 0 stars into it.
    Raises PhotoError if the file or a sidecar cannot be read.
    """
    for sidecar in (path.with_name(f"{path.name}.xmp"), path.with_suffix(".xmp")):
        if os.path.isfile(sidecar) and (stars := xmp.rating(_read(sidecar))) is not None:
            return stars
    with opened(path) as file:
        return _first(_packets(file))


def _read(sidecar: Path) -> bytes:
    try:
        with sidecar.open("rb") as file:
            return file.read(xmp.SIZE_LIMIT + 1)
    except OSError as e:
        raise TransientPhotoError(f"cannot read the sidecar {sidecar.name}: {e.strerror}") from e


def _packets(file: BinaryIO) -> list[bytes]:
    """Return the XMP packets in a photo; none if no decoder reads it. Raises OSError if it cannot be read."""
    register_decoders()
    if raw.is_raw(file):
        return list(blocks.packets_of_tiff(file))
    file.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about every oddity, even harmless ones
        try:
            image = Image.open(file)
        except Exception as e:  # a decoder may raise any exception of its parser
            if isinstance(e, MemoryError) or (isinstance(e, OSError) and e.errno is not None):
                raise  # says nothing about the photo
            return []
        with image:
            return list(blocks.packets(image, file))


def _first(packets: Iterable[bytes]) -> int | None:
    return next((stars for packet in packets if (stars := xmp.rating(packet)) is not None), None)
