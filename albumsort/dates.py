"""Turn dates as people write them into the bounds of a query."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from .errors import UsageError
from .types import utc_text

FIRST, LAST = "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z"
FORM = re.compile(r"\d{4}(-\d\d(-\d\d([T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?)?)?)?")


def start_of(text: str) -> str:
    """Return the first second of 2024, 2024-07, 2024-07-31 or a time, as UTC ISO 8601; raises UsageError."""
    return _completed(text, FIRST)


def end_of(text: str) -> str:
    """Return the last second of 2024, 2024-07, 2024-07-31 or a time, as UTC ISO 8601; raises UsageError."""
    if len(text) == 7 and FORM.fullmatch(text) and 1 <= int(text[5:]) <= 12:
        return f"{text}-31T23:59:59Z"  # compared as text, this is after every day of any month
    return _completed(text, LAST)


def _completed(text: str, rest: str) -> str:
    """rest: a full time, from which the missing end of a shorter date is taken."""
    if FORM.fullmatch(text):
        short = text.replace(" ", "T")
        if len(text) <= 16:
            short += rest[len(text) : -1]
        try:
            time = datetime.fromisoformat(short)
            return utc_text(time if time.tzinfo else time.replace(tzinfo=UTC))
        except (ValueError, OverflowError):
            pass
    raise UsageError(f"{text!r} is not a date; write it like 2024, 2024-07 or 2024-07-31")
