"""A short run of benchmarks/fuzz.py: damaged photos in real worker processes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import fuzz
import pytest
from helpers import environment, face

INPUTS = 300


def fuzzed(seeds: list[bytes], seed: int) -> fuzz.Tally:
    tally = fuzz.Tally()
    for _ in fuzz.analysed((fuzz.damaged(seeds, number, seed) for number in range(INPUTS)), 1, tally):
        pass
    assert tally.inputs == INPUTS
    return tally


def sound(tally: fuzz.Tally) -> None:
    assert [what for what, _ in tally.wrong] == []
    assert tally.analysed > INPUTS // 20, "some survive their damage"
    assert tally.refused.total() > INPUTS // 4, "and some do not"
    for reason in tally.refused:
        assert fuzz.why_not_understandable(reason) is None


def test_the_pictures_are_valid_before_they_are_damaged() -> None:
    tally = fuzz.Tally()
    for _ in fuzz.analysed(iter(fuzz.drawn()), 1, tally):
        pass
    assert tally.analysed == tally.inputs > 20


def test_damage_changes_the_bytes_and_is_reproducible() -> None:
    seeds = fuzz.drawn()
    inputs = [fuzz.damaged(seeds, number, 1) for number in range(50)]
    assert inputs == [fuzz.damaged(seeds, number, 1) for number in range(50)]
    assert sum(data in seeds for data in inputs) < 5
    assert len(set(inputs)) == 50


def test_damaged_photos_are_analysed_or_refused_within_their_limits() -> None:
    sound(fuzzed(fuzz.drawn(), 1))


@pytest.mark.skipif(os.name == "nt", reason="Windows does not tell what ended processes took")
def test_the_fuzzer_finds_nothing_and_no_worker_takes_much_memory() -> None:
    done = subprocess.run(
        [sys.executable, fuzz.__file__, "150"], env=environment(), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout
    assert "0 crashes, hangs" in done.stdout
    taken = re.search(r"(\d+) MiB peak memory", done.stdout)
    assert taken is not None
    assert 20 < int(taken[1]) < 2048


@pytest.mark.slow
def test_damaged_odd_photos_are_analysed_or_refused_within_their_limits(shared_photos: Path) -> None:
    sound(fuzzed(fuzz.photos_in(shared_photos / "odd"), 2))


@pytest.mark.parametrize(
    "reason", ["", "error -2", "decoder error -2", "ValueError: x", "b'\\x00'", "(-4:Insufficient memory)", "why\nnot"]
)
def test_reasons_for_programmers_are_recognised(reason: str) -> None:
    assert fuzz.why_not_understandable(reason) is not None


def test_an_unexpected_error_or_an_impossible_result_counts_as_wrong(tmp_path: Path) -> None:
    from albumsort.errors import PhotoError, TransientPhotoError
    from albumsort.types import Analysis, Box, Emotion, PhotoFile

    (tmp_path / "0.jpg").write_bytes(b"input")
    file, tally = PhotoFile(tmp_path / "0.jpg", 5, 0), fuzz.Tally()
    possible = face()
    nowhere = replace(possible, box=Box(0, float("nan"), 1, 1))
    unsure = replace(possible, probabilities={**possible.probabilities, Emotion.HAPPY: 0.9})
    fuzz.count(file, Analysis("d", 5, 5, None, (possible, replace(possible, eyes=None))), tally)
    assert tally.wrong == []
    for outcome in (
        TransientPhotoError("the decoder crashed"),
        PhotoError("analysing it took longer than 60 s; given up"),
        PhotoError("decoder error -2"),
        Analysis("d", 0, 5, None, ()),
        Analysis("d", 5, 5, None, (nowhere,)),
        Analysis("d", 5, 5, None, (unsure,)),
        Analysis("d", 5, 5, None, (replace(possible, nothing=1.1),)),
        Analysis("d", 5, 5, None, (replace(possible, eyes=-0.1),)),
        Analysis("d", 5, 5, None, (replace(possible, sure=float("nan")),)),
    ):
        fuzz.count(file, outcome, tally)
    assert (len(tally.wrong), tally.inputs) == (9, 10)
    assert tally.wrong[0] == ("the decoder crashed", b"input")
