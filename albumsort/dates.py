"""Dates as people write them: the bounds of a query, and days in file names.

All are by the photographer's watch. As texts in ISO 8601, they sort like times (see `types.Taken`).
"""

from __future__ import annotations

import re
from datetime import date, datetime

from .errors import UsageError

FORM = re.compile(r"\d{4}(-\d\d(-\d\d([T ]\d\d:\d\d(:\d\d)?)?)?)?", re.ASCII)
ZONE = re.compile(r"\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:?\d\d)$")
FIRST = "0001-01-01T00:00:00"
AFTER = "~"
"""Sorts after everything that can follow a date in a text: the rest of the date, a time, an offset."""
DAY = r"(?P<year>\d{4})(?P<mark>[-_. ]?)(?P<month>[01]\d)(?P=mark)(?P<day>[0-3]\d)"
TIME = r"[012]\d[0-5]\d[0-5]\d(?:\d{3})?"
IN_NAME = re.compile(rf"(?<!\d){DAY}(?=(?:{TIME})?(?!\d))", re.ASCII)
"""A day between other things than digits; a time of 6 digits, or 9 with milliseconds, may follow."""
EARLIEST, EARLIEST_NUMBER = 1826, 1990
"""The first year in names: of a date that a person wrote, like 1931-05-24; of 8 digits, which cameras write."""


def start_of(text: str) -> str:
    """Return the lower bound for 2024, 2024-07, 2024-07-31 or a local time; raises UsageError."""
    return _checked(text)


def end_of(text: str) -> str:
    """Return the upper bound, which includes all of 2024, 2024-07, 2024-07-31 or a local time; raises UsageError."""
    return _checked(text) + AFTER


def _checked(text: str) -> str:
    """Return a date or time as ISO 8601, as short as it was written; raises UsageError if there is none like it."""
    if ZONE.search(text):
        raise UsageError(f"{text!r} has a time zone; leave it out, because photos are compared by the camera's clock")
    if FORM.fullmatch(text):
        short = text.replace(" ", "T")
        try:
            datetime.fromisoformat(short + FIRST[len(short) :])
            return short
        except ValueError:
            pass
    raise UsageError(f"{text!r} is not a date; write it like 2024, 2024-07 or 2024-07-31")


def day_in_name(name: str) -> str | None:
    """Return the day in the name of a file, like 2019-07-14 for IMG-20190714-WA0001.jpg, or None.

    The time in a name is left out, because it may be when the photo was sent. Years after the next are other numbers.
    """
    for found in IN_NAME.finditer(name):
        year = int(found["year"])
        if not (EARLIEST if found["mark"] else EARLIEST_NUMBER) <= year <= date.today().year + 1:
            continue
        if not found["mark"] and _is_hexadecimal(name, found):
            continue
        try:
            return date(year, int(found["month"]), int(found["day"])).isoformat()
        except ValueError:
            continue
    return None


def _is_hexadecimal(name: str, found: re.Match[str]) -> bool:
    """Whether a number is inside a hash, between the letters a to f."""
    return all(letter and letter in "abcdef" for letter in (name[: found.start()][-1:], name[found.end() :][:1]))
