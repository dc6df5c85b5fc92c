"""How many of the labels are right: what to expect of a folder of photos."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ..answers import Shares
from .labels import Album, distance

UNSURE = 0.7
"""A label that is less sure is unsure: about two of three are right, of the others 19 of 20 (judged natural faces)."""
DRIFT, DRIFT_ELSEWHERE = 0.03, 0.2
"""How far `sure` may be off for a whole folder: in an ordinary album, and in one with other shares.

The first is the calibration error on natural faces, rounded up. The second is what an album of staged photos showed.
"""
ORDINARY = 0.25
"""Greatest total variation distance between the shares of an ordinary album and natural shares."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What to expect of the labels of photos: about `right` of them are right, with 95 % probability low to high.

    unsure: how many are less sure than UNSURE.
    """

    photos: int
    right: float
    low: float
    high: float
    unsure: int


@dataclass(frozen=True, slots=True)
class Sureness:
    """The sums over some labels: how many, of `sure`, of its variances sure x (1 - sure), and how many are unsure."""

    photos: int = 0
    right: float = 0.0
    variance: float = 0.0
    unsure: int = 0

    def __add__(self, other: Sureness) -> Sureness:
        return Sureness(
            self.photos + other.photos,
            self.right + other.right,
            self.variance + other.variance,
            self.unsure + other.unsure,
        )


def are_ordinary(albums: Iterable[Album], natural: Shares) -> bool:
    """Return whether expressions are about as common in all albums as in ordinary ones, which have natural shares."""
    return all(distance(album.shares, natural) <= ORDINARY for album in albums)


def interval(right: float, of: float) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson, 1927)."""
    z = 1.96
    middle, width = right + z * z / 2, z * math.sqrt(right * (of - right) / of + z * z / 4)
    return max(0.0, (middle - width) / (of + z * z)), min(1.0, (middle + width) / (of + z * z))


def sureness(sures: Iterable[float]) -> Sureness:
    """Return the sums over labels that are this sure."""
    found = list(sures)
    return Sureness(len(found), math.fsum(found), math.fsum(p * (1 - p) for p in found), sum(p < UNSURE for p in found))


def promise(of: Sureness, ordinary: bool) -> Promise:
    """Return what to expect; ordinary: the photos are of albums in which `sure` was calibrated."""
    chance = 1.96 * math.sqrt(of.variance)
    drift = of.photos * (DRIFT if ordinary else DRIFT_ELSEWHERE)
    low, high = of.right - chance - drift, of.right + chance + drift
    return Promise(of.photos, of.right, max(0.0, low), min(float(of.photos), high), of.unsure)
