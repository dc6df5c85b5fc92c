"""Measure what a photo costs each part of a cluster, and compute the bottleneck for more workers.

usage: python benchmarks/cluster_costs.py PHOTOS [--storage MB/s=1000]

Measures the processor time of the analysis, the results per second that one process can write, and the tasks per
second that a scheduler and a client can send and receive. The table only multiplies these figures: it assumes workers
as fast as a core of this machine, and the named storage rate shared by all of them.
"""

from __future__ import annotations

import argparse
import pickle
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import distributed

from albumsort import analysis, settings
from albumsort.index import comparing
from albumsort.index.database import Database
from albumsort.indexing import worker
from albumsort.indexing import writer as indexing_writer
from albumsort.indexing.cluster import Cluster
from albumsort.photos.walk import Walk, find
from albumsort.types import Analysis, PhotoFile, Settings

MOST_PHOTOS = 40
WRITTEN = 20_000
TASKS = 4_000


def analysed(files: list[PhotoFile]) -> tuple[float, list[Analysis]]:
    """Return the processor seconds per photo, and the results."""
    analysis.load_networks()
    results = []
    start = time.process_time()
    for file in files:
        outcome = worker.attempt(file, frozenset(), settings.settings()).outcome
        if isinstance(outcome, Analysis):
            results.append(outcome)
    return (time.process_time() - start) / len(files), results


def written(results: list[Analysis]) -> tuple[float, float]:
    """Return the processor seconds and the bytes for writing a result as a run does."""
    with tempfile.TemporaryDirectory() as folder, Database(Path(folder, "index.sqlite"), create=True) as index:
        now = settings.settings()
        writer = indexing_writer.Writer(index, now, note_fresh=False)
        comparing.begin_comparison(index)
        start = time.process_time()
        for number in range(WRITTEN):
            result = replace(results[number % len(results)], digest=f"{number:032x}")
            writer.add(PhotoFile(Path(f"/album/{number % 500:03}/IMG_{number:07}.jpg"), 3_000_000 + number, 0), result)
        writer.finish(mark_absent=False)
        seconds = (time.process_time() - start) / WRITTEN
        size = Path(folder, "index.sqlite").stat().st_size / WRITTEN
    return seconds, size


class Idle(Cluster):
    """A cluster whose tasks return a prepared result."""

    def __init__(self, address: str, result: Analysis) -> None:
        super().__init__(address)
        self._result = result

    def _submit(self, file: PhotoFile, known: frozenset[str]) -> distributed.Future:
        assert self._client is not None
        return self._client.submit(_nothing, file.size, self._result, pure=False)


def seconds_per_task(result: Analysis) -> float:
    """Return the seconds per empty task, through `Cluster.work` and back, at full load."""
    files = iter(PhotoFile(Path(f"/album/{number:07}.jpg"), number, 0) for number in range(TASKS))
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", protocol="tcp://"
        ) as local,
        Idle(local.scheduler_address, result) as cluster,
    ):
        start = time.perf_counter()
        needed = Settings("", "", "")
        for _ in cluster.work(
            lambda: next(files, None),
            lambda file: (file, frozenset(), needed),
            threading.Event(),
            lambda: None,
        ):
            pass
        return (time.perf_counter() - start) / TASKS


def _nothing(number: int, result: Analysis) -> worker.Attempt:
    return worker.Attempt(result, {})


def main() -> None:
    """Print the unit costs and the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--storage", type=float, default=1000.0, metavar="MB/s")
    options = parser.parse_args()
    files = list(find(options.photos, (), Walk()))[:MOST_PHOTOS]
    seconds, results = analysed(files)
    if not results:
        sys.exit(f"{options.photos} contains no photos")
    read = sum(file.size for file in files) / len(files)
    writing, stored = written(results)
    per_task = seconds_per_task(results[0])
    returned = sum(len(pickle.dumps(result)) for result in results) / len(results)
    print(f"analysis  {1000 * seconds:8.2f} ms of a core per photo of {read / 1e6:.1f} MB")
    print(f"writing   {1000 * writing:8.3f} ms of the one writer, {stored:.0f} bytes of the index")
    print(f"tasks     {1000 * per_task:8.3f} ms of scheduler and client, {returned:.0f} bytes returned")
    limits = {
        "the writer": 1 / writing,
        "the scheduler": 1 / per_task,
        "the storage": options.storage * 1e6 / read,
    }
    print(f"{'workers':>8} {'photos/s':>10} {'bounded by':>14} {'10^6 photos':>12} {'10^9 photos':>12}")
    for workers in (1, 10, 100, 1000):
        bounds = {"the workers": workers / seconds, **limits}
        name = min(bounds, key=lambda what: bounds[what])
        rate = bounds[name]
        print(f"{workers:8} {rate:10.0f} {name:>14} {1e6 / rate / 3600:10.1f} h {1e9 / rate / 86400:10.1f} d")
    print(f"10^9 photos: {1e9 * seconds / 3600:,.0f} core hours, an index of {stored:.0f} GB")


if __name__ == "__main__":
    main()
