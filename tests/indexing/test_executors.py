"""One set of tests for both executors: local processes and the workers of a Dask cluster.

All are real processes, and are really killed.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers import astronaut, encoded, environment, index_album
from index_runs import counts, failures, photos, rows

from albumsort import types
from albumsort.errors import AlbumsortError, UsageError
from albumsort.index.database import Database
from albumsort.indexing import cluster, executors, run
from albumsort.indexing import plan as indexing_plan
from albumsort.indexing import report as indexing_report
from albumsort.indexing.cluster import Cluster, parse_path, why_unfit
from albumsort.networks import weights
from albumsort.settings import settings

distributed = pytest.importorskip("distributed")

# Dask leaves some sockets to the garbage collector when a cluster ends
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")

MANY = 12


@pytest.fixture(scope="module")
def dask() -> Iterator[distributed.LocalCluster]:
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", protocol="tcp://"
    ) as started:
        yield started


@pytest.fixture(params=["local", "cluster"])
def executor(request: pytest.FixtureRequest) -> executors.Executor:
    if request.param == "local":
        return executors.Local(2)
    return Cluster(request.getfixturevalue("dask").scheduler_address)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """An album that takes a few seconds, and the result of an undisturbed run."""
    folder = tmp_path_factory.mktemp("executors")
    (folder / "album").mkdir()
    for number in range(MANY):
        picture = astronaut(1024).copy()
        picture.paste((10 * number, 0, 0), (0, 0, 40, 40))
        (folder / "album" / f"{number:02}.jpg").write_bytes(encoded(picture))
    index_album(folder / "index.sqlite", folder / "album")
    return SimpleNamespace(album=folder / "album", rows=rows(folder / "index.sqlite"))


def disturbed(
    many: SimpleNamespace, database: Path, executor: executors.Executor, disturb: Callable[[], object]
) -> indexing_report.Report:
    """Index the album, and disturb the run after its first photo."""
    done = []

    def progress() -> None:
        done.append(1)
        if len(done) == 1:
            disturb()

    with Database(database, create=True) as index:
        plan = indexing_plan.make_plan(index, [many.album], None, (), rescan=False)
        report = run.run(index, plan, executor, progress)
    assert len(done) == MANY
    return report


def test_every_executor_finds_the_same(
    album: Path, database: Path, executor: executors.Executor, tmp_path: Path
) -> None:
    report = index_album(database, album, executor=executor)
    assert counts(report) == {"found": 5, "analysed": 4, "faces": 2, "failed": 1}
    assert index_album(tmp_path / "other.sqlite", album).failed == report.failed
    assert rows(database) == rows(tmp_path / "other.sqlite")


def test_copies_are_analysed_once_and_moved_photos_not_at_all(
    album: Path, database: Path, executor: executors.Executor
) -> None:
    (album / "copy.jpg").write_bytes((album / "astronaut.jpg").read_bytes())
    index_album(database, album, executor=executor)
    (album / "turned.jpg").rename(album / "moved.jpg")
    assert index_album(database, album, executor=executor).moved == 1
    found = photos(database)
    assert found["copy.jpg"].faces == found["astronaut.jpg"].faces
    assert len(found["moved.jpg"].faces) == 1


def test_a_profile_accounts_for_the_workers_time(album: Path, database: Path, executor: executors.Executor) -> None:
    profile = index_album(database, album, executor=executor).profile
    assert set(profile.steps) >= {"read", "hash", "header", "decode", "resize", "propose", "crop", "classify", "other"}
    assert min(profile.steps.values()) >= 0
    assert sum(profile.steps.values()) + profile.idle == pytest.approx(profile.seconds * profile.size, rel=0.01)
    assert 0 < profile.writing < profile.seconds


def test_an_interrupt_keeps_what_is_done(many: SimpleNamespace, database: Path, executor: executors.Executor) -> None:
    with Database(database, create=True) as index:
        plan = indexing_plan.make_plan(index, [many.album], None, (), rescan=False)
        report = run.run(index, plan, executor, lambda: os.kill(os.getpid(), signal.SIGINT))
    assert (report.interrupted, report.failed) == (True, ())
    assert 0 < report.analysed < MANY
    index_album(database, many.album, executor=executor)
    assert rows(database) == many.rows


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_process_that_is_killed_costs_one_photo_which_the_next_run_does(
    many: SimpleNamespace, database: Path
) -> None:
    report = disturbed(many, database, executors.Local(2), lambda: multiprocessing.active_children()[0].kill())
    assert len(report.failed) <= 1
    assert index_album(database, many.album).failed == ()
    assert rows(database) == many.rows


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_cluster_worker_loses_and_repeats_no_photo(
    many: SimpleNamespace, database: Path, dask: distributed.LocalCluster
) -> None:
    with distributed.Client(dask.scheduler_address, set_as_default=False) as client:
        pids = list(client.run(os.getpid).values())
        report = disturbed(many, database, Cluster(dask.scheduler_address), lambda: os.kill(pids[0], signal.SIGKILL))
    assert (report.analysed, report.failed) == (MANY, ())
    assert rows(database) == many.rows


def test_a_scheduler_that_forgets_tasks_loses_and_repeats_none(
    many: SimpleNamespace, database: Path, dask: distributed.LocalCluster
) -> None:
    with distributed.Client(dask.scheduler_address, set_as_default=False) as client:
        report = disturbed(many, database, Cluster(dask.scheduler_address), client.restart)
    assert (report.analysed, report.failed) == (MANY, ())
    assert rows(database) == many.rows


class Started:
    """A scheduler and a worker in their own processes, as a user starts them."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        self._processes: list[subprocess.Popen[bytes]] = []
        self.start()

    def start(self) -> None:
        host, port = self.address.removeprefix("tcp://").split(":")
        commands = (
            ["scheduler", "--host", host, "--port", port, "--no-dashboard"],
            ["worker", self.address, "--nthreads", "1", "--no-dashboard", "--no-nanny"],
        )
        for command in commands:
            program = [sys.executable, "-m", "dask", *command]
            self._processes.append(
                subprocess.Popen(program, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            )
        with distributed.Client(self.address, timeout=60, set_as_default=False) as client:
            client.wait_for_workers(1, timeout=60)

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        self._processes.clear()

    def restart(self) -> None:
        self.stop()
        self.start()


def test_a_restarted_cluster_loses_and_repeats_no_photo(many: SimpleNamespace, database: Path) -> None:
    started = Started()
    try:
        report = disturbed(many, database, Cluster(started.address), started.restart)
    finally:
        started.stop()
    assert (report.analysed, report.failed) == (MANY, ())
    assert rows(database) == many.rows


# paths of the workers


def test_workers_read_photos_at_their_own_mount(
    album: Path, database: Path, tmp_path: Path, dask: distributed.LocalCluster
) -> None:
    """The workers see the album at another path: here, through a link that only this process uses."""
    here = tmp_path / "mounted here"
    here.symlink_to(tmp_path)
    listed = Cluster(dask.scheduler_address, [parse_path(f"{here}={tmp_path}")])
    report = index_album(database, here / "album", executor=listed)
    assert counts(report) == {"found": 5, "analysed": 4, "faces": 2, "failed": 1}
    assert all(photo.path.is_relative_to(here) for photo in photos(database).values())
    nowhere = Cluster(dask.scheduler_address, [(str(tmp_path), "/there/is/no/such/folder")])
    lost = index_album(tmp_path / "other.sqlite", album, executor=nowhere)
    assert (lost.analysed, len(lost.failed)) == (0, 5)
    assert all("cannot read" in reason for reason in failures(tmp_path / "other.sqlite").values())


@pytest.mark.parametrize(
    ("path", "there"),
    [
        ("/mnt/photos/a/b.jpg", "/srv/p/a/b.jpg"),
        ("/mnt/photos/raw/b.jpg", "R:\\raw\\b.jpg"),
        ("/mnt/photos2/b.jpg", "/mnt/photos2/b.jpg"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="paths as other systems write them")
def test_paths_are_those_of_the_workers(path: str, there: str) -> None:
    mapped = [parse_path(text) for text in ("/mnt/photos=/srv/p/", "/mnt/photos/raw=R:\\raw")]
    assert Cluster("tcp://unused:1", mapped)._there(Path(path)) == there


@pytest.mark.parametrize("text", ["/a", "=/b", "/a=", ""])
def test_half_a_mapping_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="write it as HERE=THERE"):
        parse_path(text)


# valid workers


def test_a_cluster_without_workers_or_with_threads_is_refused(album: Path, database: Path) -> None:
    with distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=":0", protocol="tcp://") as started:
        with pytest.raises(AlbumsortError, match="has no worker"):
            index_album(database, album, executor=Cluster(started.scheduler_address))
        started.scale(1)
        started.wait_for_workers(1) if hasattr(started, "wait_for_workers") else time.sleep(2)
        with pytest.raises(AlbumsortError, match="threads"):
            index_album(database, album, executor=Cluster(started.scheduler_address))
    assert photos(database) == {}


def test_a_cluster_that_lost_its_last_worker_is_an_error_after_a_while(
    many: SimpleNamespace, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "WORKERLESS_SECONDS", 2.0)
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=True, dashboard_address=":0", protocol="tcp://"
        ) as started,
        pytest.raises(AlbumsortError, match="no worker for 2 s"),
    ):
        disturbed(many, database, Cluster(started.scheduler_address), lambda: started.scale(0))
    assert failures(database) == {}
    index_album(database, many.album)
    assert rows(database) == many.rows


def test_no_scheduler_is_one_error(album: Path, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1.0)
    with pytest.raises(AlbumsortError, match=r"cannot reach a Dask scheduler at tcp://127\.0\.0\.1:1"):
        index_album(database, album, executor=Cluster("tcp://127.0.0.1:1"))


def test_workers_with_other_networks_or_methods_are_named() -> None:
    assert why_unfit((settings(), weights.hashes()), settings()) is None
    others = {**weights.hashes(), "emotion": "0" * 64}
    assert "emotion" in str(why_unfit((settings(), others), settings()))
    assert "method" in str(why_unfit((types.Settings("other", "other", "other"), weights.hashes()), settings()))


def test_every_task_names_its_settings_so_that_a_wrong_late_worker_is_detected() -> None:
    answer = cluster.attempt_there("/photo.jpg", 1, 1, frozenset(), settings(), {"emotion": "0" * 64})
    assert isinstance(answer.outcome, AlbumsortError)
    assert "cannot be used" in str(answer.outcome)
