"""When a photo was taken, by the photographer's watch: read the dates in its tags, then choose one of them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from ..types import Taken

SOURCES = {
    "DateTimeOriginal": "DateTimeOriginal",
    "DateTimeDigitized": "DateTimeDigitized",
    "photoshop:DateCreated": "XMP",
    "exif:DateTimeOriginal": "XMP",
    "DateCreated": "IPTC",
    "DateTime": "DateTime",
    "xmp:CreateDate": "XMP",
    "Creation Time": "PNG",
}
"""The tags that tell when a photo was taken, most trusted first, and what `Taken.source` calls them."""
YEARS = range(1826, 2100)
"""From the oldest photo that exists to the last year that cameras let their owners set; others are damage."""
GPS_LAG = timedelta(minutes=2)
"""How far the camera's clock and the last fix may differ if the fix belongs to the photo."""
OFFSETS = frozenset(
    [60 * hours for hours in range(-12, 15)]
    + [-570, -270, -210, -150, 210, 270, 330, 345, 390, 510, 525, 570, 630, 690, 765, 825]
)
"""Minutes from UTC of all time zones since cameras have GPS; others would make old fixes look fresh more often."""

DAY = re.compile(r"(\d{4})([:\-/.])([ \d]\d)\2([ \d]\d)(?!\d)", re.ASCII)
TIME = re.compile(r"\s*T?\s*([ \d]\d):([ \d]\d)(?::([ \d]\d)(?:[.,]\d*)?)?\s*(.*)", re.ASCII | re.IGNORECASE)
OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d\d))?", re.ASCII | re.IGNORECASE)
COMPACT_DAY = re.compile(r"^(\d{4})(\d\d)(\d\d)(?!\d)", re.ASCII)
COMPACT_TIME = re.compile(r"^(\s*T?)(\d\d)(\d\d)(\d\d)(?!\d)", re.ASCII | re.IGNORECASE)
MAIL = re.compile(r"^(?:[a-z]{3},?\s+)?(\d{1,2})\s+([a-z]{3})[a-z]*\s+(\d{4})(?!\d)", re.ASCII | re.IGNORECASE)
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]


@dataclass(frozen=True, slots=True)
class Tag:
    """A date as a file has it, in any spelling or nonsense. name: one of SOURCES; offset: of a tag of its own."""

    name: str
    value: object
    offset: object = None


@dataclass(frozen=True, slots=True)
class Fix:
    """The UTC date and time of a GPS fix, as a file has them. time: hours, minutes and seconds."""

    day: object
    time: object = None


@dataclass(frozen=True, slots=True)
class _Moment:
    """A local time, or a day alone (time is None). offset: minutes from UTC, if known."""

    day: date
    time: datetime | None = None
    offset: int | None = None


def choose(tags: Iterable[Tag], fixes: Iterable[Fix] = ()) -> Taken | None:
    """Return the most trusted date that makes sense, or None.

    A GPS fix is in UTC: it completes a local time without an offset, and alone it gives only a day.
    """
    clocks = [clock for clock in map(_utc, fixes) if clock is not None]
    names = list(SOURCES)
    for tag in sorted(tags, key=lambda tag: names.index(tag.name)):
        moment = _moment(tag.value)
        if moment is not None:
            return Taken(_text(_with_offset(moment, tag, clocks)), SOURCES[tag.name])
    return Taken(clocks[0].day.isoformat(), "GPS") if clocks else None


def _with_offset(moment: _Moment, tag: Tag, clocks: Sequence[_Moment]) -> _Moment:
    """Return the moment with the offset that its tag has inside or beside it, or else that a GPS fix tells."""
    if moment.time is None or moment.offset is not None:
        return moment
    beside = _offset(_written(tag.offset))
    by_gps = [_difference(moment.time, clock.time) for clock in clocks if clock.time is not None]
    return replace(moment, offset=next((offset for offset in [beside, *by_gps] if offset is not None), None))


def _difference(local: datetime, utc: datetime) -> int | None:
    """Return the minutes from UTC if a time zone explains the difference, or None: the fix is older than the photo."""
    quarter = timedelta(minutes=15)
    nearest = round((local - utc) / quarter) * quarter
    minutes = nearest // timedelta(minutes=1)
    return minutes if abs(local - utc - nearest) <= GPS_LAG and minutes in OFFSETS else None


def _text(moment: _Moment) -> str:
    """Return a moment as `Taken.at`."""
    if moment.time is None:
        return moment.day.isoformat()
    local = moment.time.isoformat(timespec="seconds")
    if moment.offset is None:
        return local
    hours, minutes = divmod(abs(moment.offset), 60)
    return f"{local}{'-' if moment.offset < 0 else '+'}{hours:02}:{minutes:02}"


def _moment(value: object) -> _Moment | None:
    """Return the date in a tag: a day alone if no time follows that can be read. None: no valid day."""
    text = MAIL.sub(_numbers, COMPACT_DAY.sub(r"\1-\2-\3", _written(value)))
    found = DAY.match(text)
    if not found:
        return None
    try:
        day = date(int(found[1]), int(found[3]), int(found[4]))
    except ValueError:
        return None
    if day.year not in YEARS:
        return None
    return _with_time(day, COMPACT_TIME.sub(r"\1\2:\3:\4", text[found.end() :]))


def _with_time(day: date, text: str) -> _Moment:
    found = TIME.fullmatch(text)
    if not found:
        return _Moment(day)
    hour, minute, second = (int(part or 0) for part in found.groups()[:3])
    offset = _offset(found[4])
    if minute > 59 or second > 60 or (found[4] and offset is None):
        return _Moment(day)  # what follows may be "PM" in any language
    if (hour, minute, second) == (24, 0, 0):
        hour, day = 0, day + timedelta(days=1)
    if hour > 23:
        return _Moment(day)
    # a leap second stays in its minute, so that it never moves to the next day
    return _Moment(day, datetime(day.year, day.month, day.day, hour, minute, min(second, 59)), offset)


def _offset(text: str) -> int | None:
    """Return minutes from UTC; None if the text is no offset, or one that no time zone has."""
    if text.upper() in ("Z", "UTC", "GMT"):
        return 0
    found = OFFSET.fullmatch(text)
    if not found or int(found[3] or 0) > 59:
        return None
    minutes = int(f"{found[1]}1") * (60 * int(found[2]) + int(found[3] or 0))
    return minutes if -12 * 60 <= minutes <= 14 * 60 else None


def _utc(fix: Fix) -> _Moment | None:
    """Return the moment of a fix, without a time if the file has none that is valid; None: no valid day."""
    moment = _moment(fix.day)
    if moment is None:
        return None
    seconds = _seconds(fix.time)
    if seconds is None:
        return _Moment(moment.day)
    return _Moment(moment.day, datetime.combine(moment.day, datetime.min.time()) + timedelta(seconds=seconds))


def _seconds(time: object) -> float | None:
    """Return the seconds since midnight of three numbers; None if they are no time of day."""
    if not isinstance(time, tuple) or len(time) != 3 or not all(isinstance(part, int | float) for part in time):
        return None
    seconds: float = 3600 * time[0] + 60 * time[1] + time[2]
    return seconds if math.isfinite(seconds) and min(time) >= 0 and seconds < 86400 else None


def _written(value: object) -> str:
    """Return a tag's value as text; empty if it is no text. NUL separates or ends, depending on the camera."""
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    return value[:100].replace("\0", " ").strip() if isinstance(value, str) else ""


def _numbers(found: re.Match[str]) -> str:
    """Return the day of a mail header ("14 Jul 2019") in numbers; unchanged if there is no such month."""
    month = found[2].lower()
    return f"{found[3]}-{MONTHS.index(month) + 1:02}-{int(found[1]):02}" if month in MONTHS else found[0]
