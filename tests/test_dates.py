"""Dates that people write: bounds of a query, and days in the names of files."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albumsort.dates import day_in_name, end_of, start_of
from albumsort.errors import UsageError

TIMES = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31))
STORED = ["{0:%Y-%m-%d}", "{0:%Y-%m-%dT%H:%M:%S}", "{0:%Y-%m-%dT%H:%M:%S}+14:00", "{0:%Y-%m-%dT%H:%M:%S}-12:00"]


def years(text: str) -> str:
    """Return a text of strftime with four digits for the year, which some systems leave out."""
    found = re.match(r"\d+", text)
    assert found is not None
    return found[0].zfill(4) + text[found.end() :]


# the bounds of a query


@given(TIMES, TIMES, st.sampled_from([4, 7, 10, 16, 19]), st.sampled_from(STORED))
def test_bounds_include_exactly_the_period_by_the_local_clock(
    asked: datetime, stored: datetime, length: int, form: str
) -> None:
    period = asked.isoformat()[:length]
    text = years(form.format(stored))
    local = text.partition("+")[0][:19]
    within = local[:length] == period[: len(local)] if len(local) >= length else None
    if within is not None:
        assert (start_of(period) <= text <= end_of(period)) == within


@given(TIMES, TIMES, st.sampled_from(STORED))
def test_a_stored_day_is_before_or_after_other_days(asked: datetime, stored: datetime, form: str) -> None:
    day, text = asked.isoformat()[:10], years(form.format(stored))
    assert (text >= start_of(day)) == (stored.date() >= asked.date())
    assert (text <= end_of(day)) == (stored.date() <= asked.date())


@pytest.mark.parametrize(
    "text", ["2024", "2024-07", "2024-07-31", "2024-07-31 10:00", "2024-07-31T10:00", "2024-07-31 10:00:30"]
)
def test_a_date_may_be_as_short_as_a_year(text: str) -> None:
    assert start_of(text) == text.replace(" ", "T")
    assert end_of(text) > f"{text.replace(' ', 'T')}-12-31T23:59:59+14:00"


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "24", "2024-7", "2024-13", "2024-02-30", "2024-07-31 25:00", "0000", "2024-07-31T10", "٢٠٢٤"],
)
def test_another_text_is_refused_with_an_example(text: str) -> None:
    for bound in (start_of, end_of):
        with pytest.raises(UsageError, match=r"is not a date; write it like 2024, 2024-07 or 2024-07-31"):
            bound(text)


@pytest.mark.parametrize("text", ["2024-07-31T10:00Z", "2024-07-31 10:00:00+02:00", "2024-07-31T10:00-0300"])
def test_a_time_zone_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(UsageError, match="has a time zone; leave it out"):
        start_of(text)


# days in names


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("IMG-20190714-WA0001.jpg", "2019-07-14"),
        ("IMG_20190714_101500.jpg", "2019-07-14"),
        ("20190714_101500.jpg", "2019-07-14"),
        ("20190714.jpg", "2019-07-14"),
        ("2019-07-14 10.15.00.jpg", "2019-07-14"),
        ("2019_07_14.jpg", "2019-07-14"),
        ("2019.07.14.jpg", "2019-07-14"),
        ("PXL_20230102_030405678.jpg", "2023-01-02"),
        ("PXL_20230102_030405678.MP.jpg", "2023-01-02"),
        ("IMG20230102030405.jpg", "2023-01-02"),
        ("20230102030405123.jpg", "2023-01-02"),
        ("Screenshot_2019-07-14-10-15-00.png", "2019-07-14"),
        ("Screenshot 2023-01-02 at 10.15.00.png", "2023-01-02"),
        ("signal-2020-01-02-101112.jpg", "2020-01-02"),
        ("WhatsApp Image 2019-07-14 at 10.15.00 (1).jpeg", "2019-07-14"),
        ("VID_20200102_101112.mp4", "2020-01-02"),
        ("photo20200229.jpg", "2020-02-29"),
        ("20191314_20190714.jpg", "2019-07-14"),
        ("DSC20001231.jpg", "2000-12-31"),
        ("1931-05-24 wedding.jpg", "1931-05-24"),
        # other numbers
        ("IMG_1234.jpg", None),
        ("10203040506.jpg", None),
        ("+4915120190714.jpg", None),
        ("img_20191314.jpg", None),
        ("20190732.jpg", None),
        ("20190229.jpg", None),
        ("2019-02-29.jpg", None),
        ("1920_1080.jpg", None),
        ("19310524.jpg", None),
        ("1825-12-31.jpg", None),
        ("2019-0714.jpg", None),
        ("2019-07_14.jpg", None),
        ("2019-07-144.jpg", None),
        ("201907141.jpg", None),
        ("20190714995959.jpg", None),
        ("FB_IMG_1563098100000.jpg", None),
        ("4fa20190714c3d.jpg", None),
        ("٢٠١٩-07-14.jpg", None),
        ("", None),
    ],
)
def test_a_day_is_found_in_a_name_unless_it_is_another_number(name: str, expected: str | None) -> None:
    assert day_in_name(name) == expected


def test_a_day_in_the_future_is_another_number() -> None:
    today = date.today()
    assert day_in_name(f"IMG_{today:%Y%m%d}.jpg") == today.isoformat()
    tomorrow = today + timedelta(days=1)  # a camera east of here
    assert day_in_name(f"IMG_{tomorrow:%Y%m%d}.jpg") == tomorrow.isoformat()
    for name in (f"{today.year + 2}1231.jpg", f"{today.year + 2}-12-31.jpg"):
        assert day_in_name(name) is None


@given(st.dates(date(1990, 1, 1), date.today()), st.sampled_from(["{}", "IMG-{}-WA1", "a_{}_101500", "x{}"]))
def test_any_day_of_digital_cameras_is_found(day: date, form: str) -> None:
    for written in (day.isoformat(), day.isoformat().replace("-", "")):
        assert day_in_name(f"{form.format(written)}.jpg") == day.isoformat()


@given(st.text() | st.from_regex(r"\d{4}[-_.]?\d\d[-_.]?\d\d"))
def test_any_name_has_a_day_or_none(name: str) -> None:
    found = day_in_name(name)
    assert found is None or date.fromisoformat(found).isoformat() == found
