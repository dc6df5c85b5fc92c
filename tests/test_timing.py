"""Seconds per step, each counted once."""

from __future__ import annotations

import time

import pytest

from albumsort.timing import OTHER, step, timed


def pause(seconds: float) -> None:
    time.sleep(seconds)


def test_nested_steps_are_counted_separately_and_add_up_to_the_total() -> None:
    def work() -> str:
        pause(0.02)
        for _ in range(2):
            with step("outer"):
                pause(0.01)
                with step("inner"):
                    pause(0.03)
        return "done"

    start = time.perf_counter()
    result, seconds = timed(work)
    whole = time.perf_counter() - start
    assert (result, set(seconds)) == ("done", {OTHER, "outer", "inner"})
    assert seconds["inner"] >= 0.06
    assert seconds["outer"] >= 0.02
    assert seconds[OTHER] >= 0.02
    assert whole - 0.01 < sum(seconds.values()) <= whole


def test_an_unmeasured_step_only_runs_its_body() -> None:
    with step("alone"):
        pass
    assert set(timed(lambda: None)[1]) == {OTHER}


def test_an_error_ends_the_open_steps() -> None:
    def work() -> None:
        with pytest.raises(ValueError, match="why"), step("fails"):
            raise ValueError("why")
        with step("goes on"):
            pass

    assert set(timed(work)[1]) == {OTHER, "fails", "goes on"}
    with pytest.raises(ValueError, match="why"):
        timed(lambda: (_ for _ in ()).throw(ValueError("why")))
    assert set(timed(lambda: None)[1]) == {OTHER}
