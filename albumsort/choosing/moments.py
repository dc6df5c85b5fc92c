"""Group the frames of one moment: a burst, or several tries at the same picture.

Time leads, and the picture confirms. Within seconds a weak likeness is enough, within minutes it takes a strong one; a
month apart, only equal files are one moment. The frames of an exposure bracket or a panorama are not tries at the same
picture, so each stays on its own. NumPy is loaded only when there are frames to compare.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from .exposure import LENGTHS, is_bracketed
from .timelines import Frame, Timeline, timelines

PAUSE_SECONDS, PAUSE_NUMBERS = 2.0, 1.0
"""Longest pause between frames of a bracket."""
SAME_SCENE = 0.3
"""Least likeness of the frames of a bracket, in which much is black or white."""


def moments(frames: Iterable[Frame]) -> list[tuple[int, ...]]:
    """Return the ids of the frames by moment: each id once, the first frame first; most moments have one frame.

    Frames in a timeline come first, then others by path; the order of `frames` has no effect. Raises ValueError if a
    description has another format.
    """
    known = list(frames)
    lines = [_without_equals(line) for line in timelines(known)]
    ordered = [frame for line in lines for frame in line.frames]
    placed = {frame.id for frame in ordered}
    others = [frame for frame in known if frame.id not in placed]
    together = _Together([*ordered, *sorted(others, key=lambda frame: (frame.folder, frame.name, frame.id))])
    for group in _groups(lines) if ordered else []:
        together.join([ordered[at] for at in group])
    return together.ids()


def _without_equals(line: Timeline) -> Timeline:
    """Return the timeline with one frame for each content, so that copies do not hide a bracket."""
    if len({frame.digest for frame in line.frames}) == len(line.frames):
        return line
    first = {frame.digest: at for at, frame in reversed([*enumerate(line.frames)])}
    kept = sorted(first.values())
    return replace(line, frames=tuple(line.frames[at] for at in kept), places=tuple(line.places[at] for at in kept))


def _groups(lines: Sequence[Timeline]) -> Iterator[list[int]]:
    """Yield the moments of several frames, by the frames' numbers in all timelines."""
    from . import linking

    compared = linking.Frames(lines)
    chains = linking.chains(compared)
    bracketed = _bracketed(lines, chains)
    yield from linking.divided(compared, ([at for at in chain if at not in bracketed] for chain in chains))


def _bracketed(lines: Sequence[Timeline], chains: Iterable[list[int]]) -> set[int]:
    """Return the frames of exposure brackets.

    A bracket may come right after other frames, so frames linked to each other are looked at without the others; but
    its darkest and brightest frame may not be like the others, so frames next to each other are looked at as well.
    """
    frames = [frame for line in lines for frame in line.frames]
    places = [place for line in lines for place in line.places]
    pauses = [PAUSE_SECONDS if line.has_clock else PAUSE_NUMBERS for line in lines for _ in line.frames]
    first = 0
    found: set[int] = set()
    seen: set[tuple[int, ...]] = set()
    for line in lines:
        neighbours = list(range(first, first + len(line.frames)))
        first += len(line.frames)
        if line.has_clock:
            chains = [*chains, neighbours]
    for chain in chains:
        for run in _runs(chain, places, pauses):
            if tuple(run) in seen:
                continue
            seen.add(tuple(run))
            described = [one for at in run if (one := frames[at].description) is not None]
            if len(described) == len(run) and is_bracketed(described) and _is_one_scene(described):
                found.update(run)
    return found


def _is_one_scene(descriptions: Sequence[bytes]) -> bool:
    from .likeness import likeness

    return all(likeness(descriptions[0], other) >= SAME_SCENE for other in descriptions[1:])


def _runs(chain: Sequence[int], places: Sequence[float], pauses: Sequence[float]) -> Iterator[list[int]]:
    """Yield the parts of a chain without a pause that may be brackets."""
    run = [chain[0]]
    for at in [*chain[1:], None]:
        if at is not None and places[at] - places[run[-1]] <= pauses[at]:
            run.append(at)
            continue
        if len(run) >= min(LENGTHS):
            yield run
        run = [at] if at is not None else []


class _Together:
    """Frames in groups; equal contents are always in the same group."""

    def __init__(self, frames: Sequence[Frame]) -> None:
        self._parent: dict[str, str] = {frame.digest: frame.digest for frame in frames}
        self._frames = frames

    def join(self, frames: Sequence[Frame]) -> None:
        for frame in frames[1:]:
            self._parent[self._root(frame.digest)] = self._root(frames[0].digest)

    def ids(self) -> list[tuple[int, ...]]:
        """Return the groups in the order of the frames."""
        groups: dict[str, list[int]] = {}
        for frame in self._frames:
            groups.setdefault(self._root(frame.digest), []).append(frame.id)
        return [tuple(group) for group in groups.values()]

    def _root(self, digest: str) -> str:
        while (parent := self._parent[digest]) != digest:
            self._parent[digest] = digest = self._parent[parent]
        return digest
