"""Where the time of a photo goes: seconds by step, each counted once, whichever steps stand inside others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

OTHER = "other"
"""What stands in no step."""

Result = TypeVar("Result")


class _Clock:
    """Gives each moment to the innermost step it is in."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = time.perf_counter()

    def leave(self, step: str) -> None:
        """Give the time since the last change of steps to the one that was on."""
        now = time.perf_counter()
        self.seconds[step] = self.seconds.get(step, 0.0) + now - self._since
        self._since = now


_current: ContextVar[tuple[_Clock, str] | None] = ContextVar("current", default=None)


@contextmanager
def step(name: str) -> Iterator[None]:
    """Count what happens inside as this step, if anybody measures."""
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
    """Call a function; returns what it returned, and the seconds of its steps."""
    clock = _Clock()
    token = _current.set((clock, OTHER))
    try:
        result = function()
    finally:
        clock.leave(OTHER)
        _current.reset(token)
    return result, clock.seconds
