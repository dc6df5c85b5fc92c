"""An index of any earlier version answers every question after its upgrade."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from commands import invoke
from test_schema import EARLIER, PHOTO, build


@pytest.mark.parametrize("version", EARLIER)
def test_every_question_is_answered(database: Path, version: int) -> None:
    build(database, version)
    photo = os.fsdecode(PHOTO)
    for options in ([], ["--by", "everyone"], ["--spread", "day"], ["--sure", "0.1"], ["--eyes", "open"], ["--all"]):
        # the album of this index is nowhere, so its photos count as missing
        assert json.loads(invoke("top", "happy", *options, "--json", db=database).stdout) == []
    [first, _] = json.loads(invoke("list", "--missing", "--moments", "--json", db=database).stdout)
    assert (first["path"], first["label"], first["moment"], first["marked"]) == (photo, "happy", None, None)
    assert first["faces"][0]["matters"]
    assert json.loads(invoke("stats", "--json", db=database).stdout)["happy"] == 1
    assert invoke("mark", photo, "sad", db=database).exit_code == 0
    [marked] = json.loads(invoke("list", "--missing", "--marked", "--json", db=database).stdout)
    assert (marked["label"], marked["marked"]) == ("sad", "sad")
    assert json.loads(invoke("stats", "--json", db=database).stdout)["sad"] == 1
