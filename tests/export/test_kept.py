from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albumsort.errors import UsageError
from albumsort.export.kept import kept_hashes

ONE, OTHER = "0123456789abcdef" * 2, "f" * 32

HASHES = st.text("0123456789abcdef", min_size=32, max_size=32)
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"))


@given(st.lists(st.tuples(HASHES, st.sampled_from("\t "), NAMES), min_size=1))
def test_any_names_leave_the_hashes_as_they_are(rows: list[tuple[str, str, str]]) -> None:
    data = "".join(f"{digest}{between}{name}\n" for digest, between, name in rows).encode()
    assert kept_hashes(data) == list(dict.fromkeys(digest for digest, _, _ in rows))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\n\r\n", ""], ids=["LF", "CRLF", "blank lines", "no end"])
def test_a_list_survives_editors_and_mail(encoding: str, end: str) -> None:
    text = f"> {ONE}\tcafé.jpg\n  {OTHER} b.jpg \n{ONE}"
    assert kept_hashes((text + end).replace("\n", end or "\n").encode(encoding)) == [ONE, OTHER]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"/photos/a.jpg\n",
        b"a.jpg\0b.jpg\0",
        f"{ONE}.jpg\n".encode(),
        f"{ONE}0\n".encode(),
        f"{ONE.upper()} a.jpg\n".encode(),
        f"{ONE} (1).jpg\n{ONE}.jpg\n".encode(),  # names that a browser gave downloads
    ],
)
def test_other_lists_are_none(data: bytes) -> None:
    assert kept_hashes(data) is None


def test_a_list_with_a_line_that_is_no_photo_is_refused() -> None:
    with pytest.raises(UsageError, match="line 2 does not begin with a content hash"):
        kept_hashes(f"{ONE}\ta.jpg\nBest wishes\n{OTHER}\tb.jpg\n".encode())
