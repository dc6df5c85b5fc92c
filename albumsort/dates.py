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
IN_NAME = re.compile(r"(?<!\d)((?:19|20)\d\d)([-_.]?)([01]\d)\2([0-3]\d)(?!\d)")


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
    """Return the day in the name of a file, like 2019-07-14 for IMG-20190714-WA0001.jpg, or None."""
    for year, _, month, day in IN_NAME.findall(name):
        try:
            return date(int(year), int(month), int(day)).isoformat()
        except ValueError:
            continue
    return None
