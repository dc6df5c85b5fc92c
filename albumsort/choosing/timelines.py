"""Put the frames of each camera in order: by its clock, or by the numbers in file names where there is no clock."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

STUCK = 40
"""More frames than this with the same second have no clock, but a date that somebody or something gave them."""

EPOCH = datetime(1970, 1, 1)
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
"""Of a timeline: whether it has a clock, the folder, the camera, and the day of frames without a clock."""
Placed = tuple[float, int, str, int, Frame]
"""The place, then what decides between equal places: of numbered names, shorter ones come first."""


def timelines(frames: Iterable[Frame]) -> list[Timeline]:
    """Return the frames in order, by folder and camera; without those that have neither a clock nor a number.

    A camera is known by its key, or else by the letters before the first digit of its file names.
    """
    lines: dict[Key, list[Placed]] = {}
    numbered = []
    for frame in frames:
        seconds = _seconds(frame)
        if seconds is None:
            numbered.append(frame)
        else:
            key = True, frame.folder, frame.camera or _letters(frame.name), ""
            lines.setdefault(key, []).append(_placed(frame, seconds))
    for key in lines:
        numbered += _take_stuck(lines[key])
    for frame in numbered:
        found = _number(frame)
        if found:
            key, number = found
            lines.setdefault(key, []).append(_placed(frame, number))
    return [_timeline(key, lines[key]) for key in sorted(lines) if lines[key]]


def _placed(frame: Frame, place: float) -> Placed:
    return place, len(frame.name), frame.name, frame.id, frame


def _take_stuck(line: list[Placed]) -> list[Frame]:
    """Remove the frames whose time too many others have, too, and return them."""
    stuck = {place for place, times in Counter(one[0] for one in line).items() if times > STUCK}
    if not stuck:
        return []
    taken = [one[-1] for one in line if one[0] in stuck]
    line[:] = [one for one in line if one[0] not in stuck]
    return taken


def _timeline(key: Key, line: list[Placed]) -> Timeline:
    line.sort()
    return Timeline(tuple(one[-1] for one in line), tuple(one[0] for one in line), has_clock=key[0])


def _letters(name: str) -> str:
    return next((name[:at] for at, letter in enumerate(name) if letter.isdigit()), name)


def _seconds(frame: Frame) -> float | None:
    """Return the time on the camera's clock; telephones also write it into the file's name."""
    try:
        if frame.taken and len(frame.taken) > len("2024-07-01"):
            return (datetime.fromisoformat(frame.taken) - EPOCH).total_seconds()
        named = CLOCK.search(frame.name)
        if named is None:
            return None
        year, month, day, hour, minute, second, thousandths = map(int, named.groups(default="0"))
        return (datetime(year, month, day, hour, minute, second, thousandths * 1000) - EPOCH).total_seconds()
    except ValueError:  # no such day or time
        return None


def _number(frame: Frame) -> tuple[Key, float] | None:
    """Return a timeline and the last number in the name, if it has one; each day has a timeline of its own."""
    stem = COPY.sub("", frame.name.rpartition(".")[0] or frame.name)
    found = NUMBER.match(stem)
    if found is None:
        return None
    before, number = found.groups()
    return (False, frame.folder, f"{frame.camera or ''}\0{before}", (frame.taken or "")[:10]), float(number)
