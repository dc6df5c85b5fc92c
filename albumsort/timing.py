"""Measure the time of a photo by step; with nested steps, each second counts once, for the innermost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

OTHER = "other"
"""The name for time outside every step."""

Result = TypeVar("Result")


class _Clock:
    """A clock that assigns each moment to the innermost step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = time.perf_counter()

    def leave(self, step: str) -> None:
        """Add the time since the last change of steps to a step that ends or pauses now."""
        now = time.perf_counter()
        self.seconds[step] = self.seconds.get(step, 0.0) + now - self._since
        self._since = now


_current: ContextVar[tuple[_Clock, str] | None] = ContextVar("current", default=None)


@contextmanager
def step(name: str) -> Iterator[None]:
    """Measure the time inside as this step, if called inside `timed`."""
    around = _current.get()
    if around is None:
        yield
        return
    clock, outer = around
    clock.leave(outer)
    token = _current.set((clock, name))
    try:
        yield
    finally:
        clock.leave(name)
        _current.reset(token)


def timed(function: Callable[[], Result]) -> tuple[Result, dict[str, float]]:
    """Call a function; return its result and the seconds of each step."""
    clock = _Clock()
    token = _current.set((clock, OTHER))
    try:
        result = function()
    finally:
        clock.leave(OTHER)
        _current.reset(token)
    return result, clock.seconds
