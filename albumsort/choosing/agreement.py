"""How often albumsort prefers the frames of a moment that a person prefers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations

from .best_frame import Shot, tiers
from .promise import interval


@dataclass(frozen=True, slots=True)
class Choice:
    """A frame of a moment. kept: 1 if the person kept it, or its stars; 0 if the person did neither."""

    shot: Shot
    kept: int


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A frame that the person kept, and the best of the less liked frames that albumsort ranks above it.

    place: of the kept frame among the `frames` of its moment; the best has 1. above: how many less liked frames rank
    above it.
    """

    kept: Shot
    preferred: Shot
    place: int
    frames: int
    above: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """The share of pairs (kept, not kept) of frames of a moment in which the kept one ranks first; a tie counts half.

    low, high: the 95 % interval, see `over_moments`. moments: how many have such pairs. ties: how many pairs rank
    equal. disagreements: one for each moment that has one, the worst first.
    """

    share: float
    low: float
    high: float
    pairs: int
    ties: int
    moments: int
    disagreements: tuple[Disagreement, ...]


@dataclass(frozen=True, slots=True)
class _Judged:
    """The pairs of a moment. right: how many are in the person's order, ties as halves."""

    right: float
    pairs: int
    ties: int
    worst: Disagreement | None


def agreement(moments: Iterable[Sequence[Choice]]) -> Agreement | None:
    """Compare the ranking of the frames of each moment with a person's choice; None if no moment has both kinds.

    The paths within a moment differ.
    """
    judged = [one for one in map(_judge, moments) if one.pairs]
    if not judged:
        return None
    worst = sorted((one.worst for one in judged if one.worst is not None), key=_badness)
    pairs = sum(one.pairs for one in judged)
    right = math.fsum(one.right for one in judged)
    low, high = over_moments([(one.right, one.pairs) for one in judged])
    ties = sum(one.ties for one in judged)
    return Agreement(right / pairs, low, high, pairs, ties, len(judged), tuple(worst))


def over_moments(counts: Sequence[tuple[float, int]]) -> tuple[float, float]:
    """Return the 95 % interval of a share of pairs, from the right pairs and all pairs of each moment, at least one.

    Pairs of one moment are not independent. So this is Wilson's interval for as many independent pairs as would vary
    as much as the moments do (Korn and Graubard, 1998), but for no more than there are. Unlike a bootstrap, it is not
    a single point if all moments agree.
    """
    right, pairs, moments = math.fsum(r for r, _ in counts), sum(n for _, n in counts), len(counts)
    share = right / pairs
    effective = float(moments)
    if moments > 1:
        between = math.fsum((r - share * n) ** 2 for r, n in counts)
        variance = moments / (moments - 1) * between / pairs**2
        if variance > 0 and 0 < share < 1:
            effective = share * (1 - share) / variance
        effective *= (_NORMAL / _student(moments - 1)) ** 2
    effective = min(effective, float(pairs))
    return interval(share * effective, effective)


_NORMAL = 1.96


def _student(freedom: int) -> float:
    """Return the 97.5 % quantile of Student's t (Abramowitz and Stegun, 26.7.5)."""
    z = _NORMAL
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)


def _judge(moment: Sequence[Choice]) -> _Judged:
    ranked = tiers(choice.shot for choice in moment)
    tier = {shot.path: number for number, equal in enumerate(ranked) for shot in equal}
    place = {path: number for number, path in enumerate(tier, start=1)}
    right, ties, above = 0, 0, dict[str, list[Shot]]()
    pairs = [(liked, other) for liked, other in permutations(moment, 2) if liked.kept > other.kept]
    for liked, other in pairs:
        first, second = tier[liked.shot.path], tier[other.shot.path]
        right += first < second
        ties += first == second
        if first > second:
            above.setdefault(liked.shot.path, []).append(other.shot)
    found = [
        Disagreement(choice.shot, min(better, key=lambda shot: place[shot.path]), place[path], len(moment), len(better))
        for choice in moment
        if (better := above.get(path := choice.shot.path))
    ]
    return _Judged(right + ties / 2, len(pairs), ties, min(found, key=_badness, default=None))


def _badness(one: Disagreement) -> tuple[int, float, int, str]:
    """Return a sort key: first the frame that ranks lowest below less liked ones, then by path."""
    return -one.above, -one.above / one.frames, -one.place, one.kept.path
