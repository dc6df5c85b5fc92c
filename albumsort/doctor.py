"""The checks of `doctor`: versions, networks, the index, the decoders."""

from __future__ import annotations

import io
import platform
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from PIL import Image

from . import __version__
from .disk import filesystems, places
from .errors import AlbumsortError
from .index import counts
from .index.database import Database
from .networks import weights
from .photos import decode, decoders

LIBRARIES = ("ai-edge-litert", "opencv-python-headless", "Pillow", "pillow-heif", "rawpy", "numpy", "xxhash")
MOST_FOLDERS = 10
"""Number of folders named at most as excluded."""
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "JPEG2000", "HEIF")


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    what: str
    detail: str
    ok: bool = True


def examine(file: Path) -> list[Finding]:
    """Run all checks; a problem is returned as a finding, not raised."""
    return [*_versions(), *_networks(), *_index(file), *(_decoder(name) for name in FORMATS)]


def _versions() -> list[Finding]:
    found = [
        Finding("albumsort", __version__),
        Finding("python", f"{platform.python_version()} on {platform.platform()}"),
        Finding("sqlite", sqlite3.sqlite_version),
    ]
    for library in LIBRARIES:
        try:
            found.append(Finding(library, version(library)))
        except PackageNotFoundError:
            found.append(Finding(library, "not installed; install albumsort again", ok=False))
    return found


def _networks() -> list[Finding]:
    try:
        names = sorted(weights.manifest())
    except AlbumsortError as e:
        return [Finding("networks", str(e), ok=False)]
    found = []
    for name in names:
        try:
            content, network = weights.load(name)
            found.append(Finding(name, f"{network.file}, {len(content) / 1e6:.2f} MB, sha256 {network.sha256[:16]}…"))
        except AlbumsortError as e:
            found.append(Finding(name, str(e), ok=False))
    return found


def _index(file: Path) -> list[Finding]:
    try:
        if not file.exists():
            return [Finding("index", f"{file}: none yet; run: albumsort index FOLDER")]
    except OSError as e:
        return [Finding("index", f"{file}: {e.strerror}", ok=False)]
    found = []
    if (kind := filesystems.network(file)) is not None:
        found.append(Finding("index file system", f"{kind}, over a network: use the index from one machine at a time"))
    try:
        with Database(file) as database:
            access = f"journal {database.journal()}" if database.is_writable else "read-only"
            found.append(Finding("index version", f"{database.version()}, {access}"))
            verdict, dangling = database.integrity(), database.dangling()
            found.append(Finding("index integrity", verdict, ok=verdict == "ok"))
            found.append(Finding("index references", f"{dangling} broken" if dangling else "ok", ok=not dangling))
            totals, excluded = counts.stats(database), counts.excluded(database)
    except AlbumsortError as e:
        return [*found, Finding("index", str(e), ok=False)]
    contents = f"{totals.photos} photos, {totals.faces} faces, {totals.failed} failed"
    found.append(Finding("index", f"{file}: {contents}"))
    if (journals := places.exports_folder(file)).is_dir():
        found.append(Finding("exports", f"{journals}: the journals that `export --undo` reads"))
    for root in totals.roots:
        exists = root.is_dir()
        found.append(Finding("album", f"{root}{'' if exists else ': missing; is its disk plugged in?'}", ok=exists))
    return [*found, *_excluded(excluded)]


def _excluded(folders: Counter[Path]) -> Iterator[Finding]:
    """Yield the folders with photos that `index` skips since it knows them, those with most photos first."""
    most = folders.most_common(MOST_FOLDERS)
    for folder, count in most:
        yield Finding("excluded", f"{folder}: {count} photos in no list; index skips them, and their results are kept")
    if others := folders.total() - sum(count for _, count in most):
        yield Finding("excluded", f"{others} photos in {len(folders) - len(most)} other folders")


def _decoder(name: str) -> Finding:
    """Encode a small picture and decode it as a photo."""
    what = f"decode {name}"
    encoded = io.BytesIO()
    try:
        decoders.register_decoders()
        try:
            Image.new("RGB", (64, 64), "orange").save(encoded, name)
        except (OSError, KeyError, ValueError, RuntimeError) as e:
            return Finding(what, f"not checked: no encoder here ({e})")
        decode.decode(encoded.getvalue())
    except AlbumsortError as e:
        return Finding(what, str(e), ok=False)
    return Finding(what, "works")
