"""Write outcomes to the index in batches. Only the process that runs `index` writes."""

from __future__ import annotations

import time
from pathlib import Path

from ..errors import PhotoError, TransientPhotoError
from ..failures import kind_of
from ..index import comparing, folders, lookup, storing
from ..index.database import Database
from ..photos.walk import is_gone
from ..types import THRESHOLD, Analysis, Known, PhotoFile, Settings
from .deleted import is_deleted
from .worker import Outcome

BATCH, BATCH_SECONDS = 64, 1.0


class Writer:
    """A writer that collects outcomes and stores them in batches, each in one transaction."""

    def __init__(self, database: Database, settings: Settings, note_fresh: bool) -> None:
        self._database, self._settings, self._note_fresh = database, settings, note_fresh
        self._waiting: list[tuple[PhotoFile, Outcome]] = []
        self._written = time.monotonic()
        self.analysed = self.unchanged = self.moved = self.missing = self.newly_missing = self.faces = 0
        self.failed: list[tuple[Path, str]] = []
        self.newly_failed: list[tuple[Path, str]] = []
        self._deleted: list[Path] = []
        self.seconds = 0.0

    def add(self, file: PhotoFile, outcome: Outcome) -> None:
        """Add an outcome to the next batch."""
        self._waiting.append((file, outcome))
        if len(self._waiting) >= BATCH:
            self._write()
        self.keep_up()

    def keep_up(self) -> None:
        """Write a batch that is old enough; also called while no outcome arrives, as photos may be slow."""
        if self._waiting and time.monotonic() - self._written > BATCH_SECONDS:
            self._write()

    def unwritten(self, size: int) -> frozenset[str]:
        """Return the digests of files of this size that are analysed but not stored yet."""
        analysed = ((file, outcome) for file, outcome in self._waiting if isinstance(outcome, Analysis))
        return frozenset(outcome.digest for file, outcome in analysed if file.size == size)

    def finish(self, mark_absent: bool) -> None:
        """Store the last batch; if `mark_absent` (the run was complete), mark files that are gone as missing."""
        self._write()
        comparing.note_absent(
            self._database, (path for path in self._deleted if lookup.knows_path(self._database, path))
        )
        if not mark_absent:
            self.missing = comparing.count_absent(self._database)
        else:
            gone = [path for path in comparing.absent(self._database) if is_gone(path)]  # again: some may be back
            with self._database.transaction():
                self.newly_missing = storing.mark_missing(self._database, gone)
            self.missing = len(gone)

    def _write(self) -> None:
        start = time.monotonic()
        with self._database.transaction():
            for file, outcome in self._waiting:
                self._store(file, outcome)
        self._waiting.clear()
        self._written = time.monotonic()
        self.seconds += self._written - start

    def _store(self, file: PhotoFile, outcome: Outcome) -> None:
        match outcome:
            case Analysis():
                former = self._former(file, outcome.digest)
                storing.save(self._database, file, outcome, self._settings)
                if self._note_fresh:
                    comparing.note_fresh(self._database, file.size, outcome.digest)
                if former is not None:
                    storing.save_known(self._database, file, outcome.digest, former)
                self.analysed += 1
                self.faces += sum(face.detection >= THRESHOLD for face in outcome.faces)
            case Known(digest):
                self._store_known(file, digest)
            case PhotoError() if is_deleted(file.path, folders.indexed_folders(self._database)):
                self._deleted.append(file.path)  # since the walk
            case PhotoError():
                self._store_failure(file, outcome)

    def _store_failure(self, file: PhotoFile, error: PhotoError) -> None:
        """Store a failure; it is new, unless a file of this path and size failed before for the same kind of reason.

        The time of the file does not count, because a backup may change it. If the index keeps earlier results of the
        photo, it cannot hold a failure too, so that failure is new on every run.
        """
        reason, before = str(error), lookup.failure_of(self._database, file.path)
        if isinstance(error, TransientPhotoError):
            storing.save_transient_failure(self._database, file, reason)
        else:
            storing.save_failure(self._database, file, reason, self._settings)
        self.failed.append((file.path, reason))
        if before is None or before[0] != file.size or kind_of(file.path, before[1]) != kind_of(file.path, reason):
            self.newly_failed.append((file.path, reason))

    def _store_known(self, file: PhotoFile, digest: str) -> None:
        """Store a file with known content: it was moved, copied, or only touched."""
        if not lookup.knows(self._database, digest):
            self._store(file, TransientPhotoError("the index was changed during this run; run index again"))
            return
        touched = file.path in lookup.paths_of(self._database, digest)
        former = self._former(file, digest)
        storing.save_known(self._database, file, digest, former)
        if former is not None:
            self.moved += 1
        elif touched:
            self.unchanged += 1
        else:
            self.analysed += 1

    def _former(self, file: PhotoFile, digest: str) -> Path | None:
        """Return the former path of a file that was moved, or None.

        Only a file that this run found gone can have been moved: files missing elsewhere may be on an unplugged disk.
        """
        if file.path in lookup.paths_of(self._database, digest):
            return None
        while (former := comparing.take_absent(self._database, digest)) is not None and not is_gone(former):
            pass  # this file is back since the walk
        return former
