"""Worker processes that hang, die or are killed at any moment; all are real processes."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from albumsort.errors import AlbumsortError
from albumsort.indexing import crew as workers
from albumsort.indexing.crew import Crew, Died, Hung


def nothing() -> None:
    pass


def fail() -> None:
    raise RuntimeError("an installation that cannot work")


def fail_once(marker: str) -> None:
    if not os.path.exists(marker):
        Path(marker).touch()
        os._exit(1)


def act(what: str, detail: Any = None) -> Any:
    match what:
        case "answer":
            return detail
        case "die":
            os.abort()
        case "leave":
            os._exit(7)
        case "raise":
            raise ValueError(detail)
        case "hang":
            time.sleep(3600)
        case "time":
            time.sleep(detail)
            return time.monotonic()
        case "pid":
            time.sleep(detail)
            return os.getpid()
    raise AssertionError(what)


def each(tasks: Iterable[Any]) -> Callable[[], Any]:
    """Return a function that hands out tasks one by one, then None."""
    left = iter(tasks)
    return lambda: next(left, None)


def worked(size: int, *tasks: tuple[Any, ...], seconds: float = 60) -> dict[int, Any]:
    """Return the outcome of each task, by its number."""
    with Crew[int, Any](size, act, nothing, seconds) as crew:
        return dict(crew.work(each(range(len(tasks))), lambda number: tasks[number], threading.Event()))


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("size", [1, 3])
def test_every_task_is_answered_once(size: int) -> None:
    assert worked(size, *(("answer", n) for n in range(50))) == {n: n for n in range(50)}


def test_without_tasks_no_process_starts() -> None:
    assert worked(2) == {}


def test_an_answer_larger_than_any_pipe_arrives() -> None:
    assert worked(1, ("answer", b"x" * 5_000_000))[0] == b"x" * 5_000_000


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals to die of")
def test_a_process_that_ends_costs_its_task_and_no_other() -> None:
    answers = worked(2, ("answer", 0), ("die",), ("answer", 2), ("leave",), ("raise", "why"), ("answer", 5))
    assert answers == {0: 0, 1: Died(-signal.SIGABRT), 2: 2, 3: Died(7), 4: Died(1), 5: 5}


def test_a_task_over_its_time_limit_fails_and_its_process_ends() -> None:
    answers = worked(1, ("pid", 0), ("hang",), ("pid", 0), seconds=4)
    assert answers[1] == Hung()
    assert answers[0] != answers[2]
    assert not is_alive(answers[0])


def test_time_spent_waiting_for_a_free_process_does_not_count() -> None:
    assert set(map(type, worked(1, *[("pid", 1.2)] * 5, seconds=4).values())) == {int}


def test_time_while_the_program_was_stopped_does_not_count() -> None:
    """Ctrl-Z stops the workers, too."""
    tasks, begun = [("pid", 3.5)], list[object]()

    def take() -> object:
        if not tasks and begun:
            begun.clear()
            time.sleep(2.5)
        return tasks.pop() if tasks else None

    def arguments(task: object) -> object:
        begun.append(task)
        return task

    with Crew[Any, Any](1, act, nothing, 2.5) as crew:
        answers = [answer for _, answer in crew.work(take, arguments, threading.Event())]
    assert set(map(type, answers)) == {int}


def test_arguments_are_requested_at_most_one_task_ahead() -> None:
    done: list[int] = []
    with Crew[int, Any](1, act, nothing, 60) as crew:
        for number, answer in crew.work(each(range(6)), lambda _: ("answer", len(done)), threading.Event()):
            assert number - answer in (0, 1)
            done.append(number)
    assert done == [*range(6)]


def test_the_next_task_is_queued_before_one_is_done() -> None:
    """The process does two tasks before its answers are read."""
    with Crew[int, Any](1, act, nothing, 60) as crew:
        answers = crew.work(each(range(3)), lambda _: ("time", 0.1), threading.Event())
        _, first = next(answers)
        time.sleep(0.5)
        heard = time.monotonic()
        _, second = next(answers)
        assert first < second < heard
        assert next(answers)[1] > heard - 0.1


def test_a_queued_task_moves_to_another_process_when_its_own_dies() -> None:
    tasks = [("pid", 0.2), ("die",), ("answer", 2), ("answer", 3)]
    answers = worked(1, *tasks)
    assert (type(answers[0]), answers[2], answers[3]) == (int, 2, 3)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_process_killed_between_two_tasks_costs_at_most_the_next() -> None:
    def tasks() -> Iterable[tuple[Any, ...]]:
        yield ("pid", 0)
        yield from (("answer", n) for n in range(3))

    with Crew[Any, Any](1, act, nothing, 60) as crew:
        answers = crew.work(each(tasks()), lambda task: task, threading.Event())
        _, pid = next(answers)
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        first, *others = [answer for _, answer in answers]
        assert first in (0, Died(-signal.SIGKILL))
        assert others == [1, 2]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_processes_killed_at_any_moment_cost_at_most_their_current_task() -> None:
    tasks = [("pid", 0.002 * (n % 5)) for n in range(300)]
    answers: dict[int, Any] = {}
    kills = 0
    with Crew[int, Any](2, act, nothing, 60) as crew:
        for number, answer in crew.work(each(range(len(tasks))), lambda n: tasks[n], threading.Event()):
            assert number not in answers
            answers[number] = answer
            if number % 40 == 10 and isinstance(answer, int):
                time.sleep(0.001 * (number % 7))
                os.kill(answer, signal.SIGKILL)
                kills += 1
    assert sorted(answers) == list(range(len(tasks)))
    lost = [answer for answer in answers.values() if not isinstance(answer, int)]
    assert set(lost) <= {Died(-signal.SIGKILL)}
    assert 4 < kills >= len(lost)


def test_processes_that_cannot_start_are_one_error() -> None:
    with Crew[int, Any](2, act, fail, 60) as crew, pytest.raises(AlbumsortError, match="cannot start"):
        list(crew.work(each(range(5)), lambda _: ("answer", 1), threading.Event()))


def start_at_the_second_attempt() -> None:
    fail_once(os.environ["TEST_MARKER"])


def test_a_task_may_come_only_once_another_is_done() -> None:
    waiting, done = [1, 2, 3], [0]
    with Crew[int, Any](3, act, nothing, 60) as crew:
        for number, _ in crew.work(
            lambda: waiting.pop(0) if waiting and len(done) == waiting[0] else None,
            lambda n: ("answer", n),
            threading.Event(),
        ):
            done.append(number)
    assert done == [0, 1, 2, 3]


def test_a_process_that_is_killed_while_it_starts_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_MARKER", str(tmp_path / "marker"))
    with Crew[int, Any](1, act, start_at_the_second_attempt, 60) as crew:
        assert dict(crew.work(each(range(2)), lambda n: ("answer", n), threading.Event())) == {0: 0, 1: 1}
    assert (tmp_path / "marker").exists()


def start_at_every_other_attempt() -> None:
    with open(os.environ["TEST_MARKER"], "ab") as attempts:
        attempts.write(b".")
    if os.path.getsize(os.environ["TEST_MARKER"]) % 2:
        os._exit(1)


def test_only_repeated_failed_starts_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_MARKER", str(tmp_path / "attempts"))
    monkeypatch.setattr(workers, "MOST_FAILED_STARTS", 2)
    with Crew[int, Any](1, act, start_at_every_other_attempt, 60) as crew:
        assert dict(crew.work(each(range(2)), lambda _: ("leave",), threading.Event())) == {0: Died(7), 1: Died(7)}
    assert (tmp_path / "attempts").read_bytes() == b"...."


def test_an_interrupt_ends_the_work_and_every_process() -> None:
    interrupt = threading.Event()
    with Crew[int, Any](2, act, nothing, 60) as crew:
        answers = crew.work(each(itertools.repeat(0, 1000)), lambda _: ("pid", 0.05), interrupt)
        pids = {next(answers)[1] for _ in range(6)}
        interrupt.set()
        list(answers)
    assert not any(is_alive(pid) for pid in pids)
