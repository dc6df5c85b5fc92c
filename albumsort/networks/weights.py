"""The networks that ship: found, checked against the manifest, and only then handed out."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import WeightsError
from ..types import Confusion, Shares, confusion_from, shares_from

SHARES_TOLERANCE = 1e-3
"""How far from 1 the natural shares may sum, as they are rounded."""


@dataclass(frozen=True)
class ShippedNetwork:
    """A network's entry in the manifest; `details` holds what only its user reads (labels, shares, ...)."""

    name: str
    file: str
    sha256: str
    details: dict[str, Any]


def folder() -> Path:
    """Return the folder of the networks: inside an installed package, or the checkout's weights/."""
    package = Path(__file__).parent.parent
    bundled = package / "bundled"
    return bundled if bundled.is_dir() else package.parent / "weights"


@cache
def manifest() -> dict[str, ShippedNetwork]:
    """Return every network of the manifest by name; raises WeightsError if it is missing or damaged."""
    path = folder() / "manifest.json"
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["networks"]
        return {n: ShippedNetwork(n, e["file"], e["sha256"], e) for n, e in entries.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
        raise WeightsError(f"{path} is missing or damaged ({e}); install albumsort again") from e


def load(name: str) -> tuple[bytes, ShippedNetwork]:
    """Return a network's bytes and entry; raises WeightsError unless the bytes have the hash the manifest gives."""
    network = _network(name)
    path = folder() / network.file
    try:
        content = path.read_bytes()
    except OSError as e:
        raise WeightsError(f"cannot read the network {path}: {e.strerror}; install albumsort again") from e
    if hashlib.sha256(content).hexdigest() != network.sha256:
        raise WeightsError(f"{path} is not the file the manifest describes; install albumsort again")
    return content, network


def check() -> None:
    """Raise WeightsError unless every network is what the manifest describes."""
    for name in manifest():
        load(name)


def hashes() -> dict[str, str]:
    """Return the SHA-256 that the manifest gives for each network."""
    return {name: network.sha256 for name, network in manifest().items()}


def fingerprint(*names: str) -> str:
    """Return one short hash over networks and their calibration: results made with others are stale."""
    used = ("sha256", "labels", "natural", "shares", "confusion", "calibration")
    entries = [[name, *(_network(name).details.get(key) for key in used)] for name in names]
    return hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()[:16]


def _network(name: str) -> ShippedNetwork:
    if name not in manifest():
        raise WeightsError(f"{folder() / 'manifest.json'} describes no network {name!r}; install albumsort again")
    return manifest()[name]


def natural_shares() -> Shares:
    """Return how common each answer is among ordinary faces, by the manifest; raises WeightsError without them."""
    where = folder() / "manifest.json"
    try:
        shares = shares_from(_network("emotion").details["shares"])
    except (KeyError, TypeError, ValueError) as e:
        raise WeightsError(f"{where} gives no shares of the emotions ({e}); install albumsort again") from e
    if min(shares.values()) <= 0 or abs(sum(shares.values()) - 1) > SHARES_TOLERANCE:
        raise WeightsError(f"{where} gives shares of the emotions that are not positive or do not sum to 1")
    return shares


def confusion() -> Confusion:
    """Return how often each answer is given to faces of each kind, by the manifest; raises WeightsError without it."""
    where = folder() / "manifest.json"
    try:
        return confusion_from(_network("emotion").details["confusion"])
    except (KeyError, TypeError, ValueError) as e:
        raise WeightsError(f"{where} gives no confusion of the emotions ({e}); install albumsort again") from e
