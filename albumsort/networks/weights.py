"""Find the networks that ship, and check each against the manifest before it is used."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ..answers import Confusion, Shares, confusion_from, shares_from
from ..errors import WeightsError

SHARES_TOLERANCE = 1e-3
"""Largest difference from 1 of the sum of the natural shares, which are rounded."""


@dataclass(frozen=True)
class ShippedNetwork:
    """A network's entry in the manifest; `details` is the whole entry (labels, shares, ...)."""

    name: str
    file: str
    sha256: str
    details: dict[str, Any]


def folder() -> Path:
    """Return the folder of the networks: in the installed package, or weights/ in a checkout."""
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
    """Return a network's bytes and entry; raises WeightsError unless the manifest has their hash."""
    network = _network(name)
    path = folder() / network.file
    try:
        content = path.read_bytes()
    except OSError as e:
        raise WeightsError(f"cannot read the network {path}: {e.strerror}; install albumsort again") from e
    if hashlib.sha256(content).hexdigest() != network.sha256:
        raise WeightsError(f"{path} is not the file in the manifest (its hash differs); install albumsort again")
    return content, network


def check() -> None:
    """Raise WeightsError unless every network has the hash in the manifest."""
    for name in manifest():
        load(name)


def hashes() -> dict[str, str]:
    """Return the SHA-256 of each network, from the manifest."""
    return {name: network.sha256 for name, network in manifest().items()}


def fingerprint(*names: str) -> str:
    """Return one short hash over networks and their calibration; results with another fingerprint are stale."""
    used = ("sha256", "labels", "natural", "shares", "confusion", "calibration")
    entries = [[name, *(_network(name).details.get(key) for key in used)] for name in names]
    return hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()[:16]


def _network(name: str) -> ShippedNetwork:
    if name not in manifest():
        raise WeightsError(f"{folder() / 'manifest.json'} has no network {name!r}; install albumsort again")
    return manifest()[name]


def natural_shares() -> Shares:
    """Return the natural shares from the manifest; raises WeightsError if they are missing or wrong."""
    path = folder() / "manifest.json"
    try:
        shares = shares_from(_network("emotion").details["shares"])
    except (KeyError, TypeError, ValueError) as e:
        raise WeightsError(f"{path} has no valid shares of the emotions ({e}); install albumsort again") from e
    if min(shares.values()) <= 0 or abs(sum(shares.values()) - 1) > SHARES_TOLERANCE:
        raise WeightsError(f"the shares of the emotions in {path} are not positive or do not sum to 1")
    return shares


def confusion() -> Confusion:
    """Return the confusion of the answers from the manifest; raises WeightsError if it is missing or wrong."""
    path = folder() / "manifest.json"
    try:
        return confusion_from(_network("emotion").details["confusion"])
    except (KeyError, TypeError, ValueError) as e:
        raise WeightsError(f"{path} has no valid confusion of the emotions ({e}); install albumsort again") from e
