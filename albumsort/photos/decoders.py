"""Set up the libraries that read photos."""

from __future__ import annotations

import functools

import cv2
from PIL import Image

from ..errors import AlbumsortError
from .refusal import PIXEL_LIMIT


@functools.cache
def register_decoders() -> None:
    """Let Pillow read and write HEIF, with one thread per decoder; raises AlbumsortError if pillow_heif is broken."""
    try:
        import pillow_heif
    except ImportError as e:
        raise AlbumsortError(f"cannot load the HEIF decoder ({e}); install albumsort again") from e
    pillow_heif.register_heif_opener()
    pillow_heif.options.DECODE_THREADS = 1  # several photos are decoded at once
    Image.MAX_IMAGE_PIXELS = PIXEL_LIMIT
    cv2.setNumThreads(1)
