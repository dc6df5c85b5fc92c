"""Put the frames of each camera in order: by its clock, or by the numbers in file names where there is no clock."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

STUCK = 40
"""More frames than this with the same second have no clock, but a date that somebody or something gave them."""

COPY = re.compile(r"[ _-]*\(\d{1,3}\)$")
NUMBER = re.compile(r"^(.*?)(\d{1,9})\D*$", re.DOTALL)
CLOCK = re.compile(r"(?<!\d)(\d{4})-?(\d\d)-?(\d\d)[ T_-]+(?:at )?(\d\d)[.:_-]?(\d\d)[.:_-]?(\d\d)(\d{3})?(?!\d)")


@dataclass(frozen=True, slots=True)
class Frame:
    """What is known of a photo when moments are looked for.

    folder, name: of the file. taken: the time on the camera's clock, ISO 8601 without offset, or only the day, or None.
    camera: anything that tells cameras apart, or None. description: as `photos.description.describe` returns it, None
    if not known. digest: the content hash.
    """

    id: int
    folder: str
    name: str
    taken: str | None
    camera: str | None
    description: bytes | None
    digest: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """Frames of one camera in order. places: for each, seconds, or numbers where the clock is missing."""

    frames: tuple[Frame, ...]
    places: tuple[float, ...]
    has_clock: bool


Key = tuple[bool, str, str, str]


def timelines(frames: Iterable[Frame]) -> list[Timeline]:
    """Return the frames in order, by folder and camera; without those that have neither a clock nor a number.

    A camera is known by its key, or else by the letters before the first digit of its file names.
    """
    placed = [(frame, _by_clock(frame)) for frame in frames]
    same = Counter((key, place) for _, at in placed if at for key, place in [at])
    lines: dict[Key, list[tuple[float, str, int, Frame]]] = {}
    for frame, clock in placed:
        at = clock if clock and same[clock] <= STUCK else _by_number(frame)
        if at:
            lines.setdefault(at[0], []).append((at[1], frame.name, frame.id, frame))
    return [_timeline(key, lines[key]) for key in sorted(lines)]


def _timeline(key: Key, line: list[tuple[float, str, int, Frame]]) -> Timeline:
    line.sort(key=lambda one: one[:3])
    return Timeline(tuple(one[3] for one in line), tuple(one[0] for one in line), has_clock=key[0])


def _by_clock(frame: Frame) -> tuple[Key, float] | None:
    seconds = _seconds(frame)
    if seconds is None:
        return None
    camera = frame.camera or re.split(r"\d", frame.name, maxsplit=1)[0]
    return (True, frame.folder, camera, ""), seconds


def _seconds(frame: Frame) -> float | None:
    """Return the time on the camera's clock; telephones also write it into the file's name."""
    try:
        if frame.taken and len(frame.taken) > len("2024-07-01"):
            return datetime.fromisoformat(frame.taken).replace(tzinfo=UTC).timestamp()
        named = CLOCK.search(frame.name)
        if named is None:
            return None
        *parts, thousandths = named.groups(default="0")
        return datetime(*map(int, parts), tzinfo=UTC).timestamp() + int(thousandths) / 1000  # type: ignore[misc,arg-type]
    except ValueError:  # no such day or time
        return None


def _by_number(frame: Frame) -> tuple[Key, float] | None:
    """Return a place by the last number in the name; frames of different days are in different timelines."""
    stem = COPY.sub("", frame.name.rpartition(".")[0] or frame.name)
    found = NUMBER.match(stem)
    if found is None:
        return None
    before, number = found.groups()
    return (False, frame.folder, f"{frame.camera or ''}\0{before}", (frame.taken or "")[:10]), float(number)
