"""Share out the places of a list, so that one party does not fill it."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from ..query import Spread
from ..types import Photo

_Item = TypeVar("_Item")

PATIENCE = 20
"""Items for each place that are read before the groups are counted, which takes long in a large index."""


def group(photo: Photo, spread: Spread) -> Hashable:
    """Return the day, month or folder of a photo; photos without a date are one group, None."""
    if spread is Spread.FOLDER:
        return photo.path.parent
    return None if photo.taken_at is None else photo.taken_at[: 10 if spread is Spread.DAY else 7]


def spread_out(
    ranked: Iterable[_Item], n: int, group: Callable[[_Item], Hashable], count_groups: Callable[[], int]
) -> list[_Item]:
    """Return n items, best first in each round: each round takes the best item left of every group.

    ranked: items from the best down, read only as far as needed. count_groups: returns how many different groups there
    are, at most; it only tells when reading may stop, so it is called late, and a number that is too large costs time.
    """
    rounds = dict[Hashable, int]()
    best = list[tuple[int, int, _Item]]()  # a heap of (-round, -rank, item): the last of the best n is its first
    groups: int | None = None
    for rank, item in enumerate(ranked):
        of = group(item)
        rounds[of] = rounds.get(of, 0) + 1
        heapq.heappush(best, (-rounds[of], -rank, item))
        if len(best) > n:
            heapq.heappop(best)
        last = -best[0][0]
        if len(best) < n:
            continue
        if last == 1:
            break  # whatever follows would come later in the only round
        if groups is None and rank >= PATIENCE * n:
            groups = count_groups()
        if groups is not None and len(rounds) >= groups and min(rounds.values()) >= last - 1:
            break  # whatever follows would come in a later round, or later in the last one
    return [item for _, _, item in sorted(best, key=lambda entry: (-entry[0], -entry[1]))]
