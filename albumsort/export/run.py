"""Run an export: plan, copy and report, while other exports are kept out of the destination."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from ..albums import check_destination
from ..disk import locks, whole
from ..errors import AlbumsortError
from ..query import FOLDERS
from ..types import Photo
from .copy import Preparing, execute
from .items import Item, Link
from .journals import recording
from .plan import plan
from .sidecar import ROOM, Sidecars


def preview(
    photos: Mapping[str, Sequence[Photo]],
    to: Path,
    link: Link,
    albums: Iterable[Path],
    holding: Iterable[Path],
    is_shared: bool = False,
    room: int = 0,
) -> list[Item]:
    """Return what `run` would do; writes nothing. Raises the errors of `run` that are known before the first copy.

    Copies to share are not made, so copies that are there already are not recognised: see `Sharing.preview`. is_shared,
    room: as in `plan`.
    """
    check_destination(to, albums, holding)
    return plan(photos, to, link, is_shared=is_shared, room=room)


def run(
    photos: Mapping[str, Sequence[Photo]],
    to: Path,
    link: Link,
    report: Path | None,
    albums: Iterable[Path],
    holding: Iterable[Path],
    journals: Path | None = None,
    tell: Callable[[str], None] = lambda message: None,
    sharing: Preparing | None = None,
    sidecars: Sidecars | None = None,
) -> Generator[Item]:
    """Plan an export and carry it out; yields each item with its actual result, after the report has it.

    `to` is an absolute path without symbolic links. albums, holding: where nothing may be written, see
    `check_destination`, which raises UsageError. journals: the folder for a journal, from which undo can read, too;
    tell: called if none can be written there. sharing: makes copies to share; sidecars: writes one beside each copy,
    and its item follows the photo's. Raises AlbumsortError, which ends the run, if `to` is not writable,
    another export is writing to it, or the report cannot be written. Files written before are complete.
    """
    check_destination(to, albums, holding)
    created: list[Path] = []
    try:
        with ExitStack() as stack:
            try:
                for folder in whole.make_folders(to):
                    created.append(folder)
            except OSError as e:
                raise AlbumsortError(f"cannot create {to}: {e.strerror or e}; choose another destination") from e
            stack.enter_context(claimed(to))
            records = stack.enter_context(recording(report, journals, to, tell))

            def note(folder: Path) -> None:
                created.append(folder)
                records.folder(folder)

            for folder in created:
                records.folder(folder)
            room = 0 if sidecars is None else ROOM
            planned = plan(photos, to, link, is_shared=sharing is not None, room=room)
            items = execute(planned, link, note, sharing, room)
            if sidecars is not None:
                items = sidecars.beside(items)
            for item in stack.enter_context(closing(items)):
                records.photo(item, Link.COPY if item.is_sidecar else link)
                yield item
    finally:
        for folder in reversed(created):
            with suppress(OSError):  # not empty: files were written to it
                folder.rmdir()


@contextmanager
def claimed(to: Path) -> Iterator[None]:
    """Keep other exports out of a destination, and remove the unfinished files of killed ones.

    Without locks nothing is removed and other exports may run; they still overwrite nothing.
    Raises AlbumsortError if another export is writing there.
    """
    with locks.locked(to) as alone:
        if alone:
            for name in FOLDERS:
                whole.remove_temporaries(to / name)
        yield
