"""Give the photos below a folder the paths below another one; their results, marks and shares stay."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from .absent import is_absent
from .database import Database
from .folders import indexed_folders
from .paths import below
from .schema import GONE, HERE

_APART = b"\0"
"""Begins a path while it changes: no file has such a name, so two photos never have one path, whatever the folders."""


def sizes_below(database: Database, folder: Path) -> Iterator[tuple[Path, int]]:
    """Yield path and size of the photos below a folder, without those that are missing."""
    where, bounds = below(folder)
    with database.explained():
        for path, size in database.connection.execute(
            f"SELECT p.path, p.size FROM photos p WHERE {where} AND p.missing <> {GONE} ORDER BY p.path", bounds
        ):
            yield Path(os.fsdecode(path)), size


def knows_folder(database: Database, folder: Path) -> bool:
    """Return whether a folder is an album, or contains an album or a photo of the index."""
    if any(root.is_relative_to(folder) for root in indexed_folders(database)):
        return True
    where, bounds = below(folder)
    with database.explained():
        row = database.connection.execute(f"SELECT 1 FROM photos p WHERE {where} LIMIT 1", bounds).fetchone()
    return row is not None


def move(database: Database, old: Path, new: Path) -> int:
    """Rename everything below a folder; return how many photos were already known by their new paths.

    Of such a pair, the row of the new path stays, because it describes the file that is on the disk, unless that row
    is missing. Photos that were in an album are in an album afterwards: if no album contains the new folder, it becomes
    one.
    """
    start, ending = os.fsencode(os.path.join(old, "")), os.fsencode(os.path.join(new, ""))
    writer, roots = database.writer, indexed_folders(database)
    (where, bounds), (at_new, of_new) = below(old), below(new)
    [occupied] = writer.execute(f"SELECT EXISTS (SELECT 1 FROM photos p WHERE {at_new})", of_new).fetchone()
    writer.create_function("renamed", 1, lambda path: _APART + ending + path[len(start) :], deterministic=True)
    writer.create_function("bare", 1, lambda path: path[len(_APART) :], deterministic=True)
    writer.execute(f"UPDATE photos AS p SET path = renamed(p.path) WHERE {where}", bounds)
    apart = "path >= x'00' AND path < x'01'"
    writer.execute(
        f"DELETE FROM photos WHERE missing = {GONE} AND path IN (SELECT bare(path) FROM photos WHERE {apart})"
    )
    doubles = writer.execute(
        f"DELETE FROM photos WHERE {apart} AND EXISTS (SELECT 1 FROM photos q WHERE q.path = bare(photos.path))"
    ).rowcount
    writer.execute(f"UPDATE photos SET path = bare(path) WHERE {apart}")
    _move_albums(database, old, new, roots)
    if occupied or old not in roots:  # other photos than before are together in an album
        writer.execute("UPDATE natural_shares SET due = 1")
    return doubles


def place_now(database: Database, album: Path) -> tuple[Path, int, int] | None:
    """Return the folder that has most of an absent album's photos under the same names, or None if none has any.

    Returned with it are the numbers of photos that it has, and that the album had, without missing ones. Folders that
    are absent too do not count.
    """
    (where, bounds), start = below(album), len(os.fsencode(os.path.join(album, "")))
    name = f"substr(p.path, {start + 1})"
    photos = f"FROM photos p WHERE p.missing = {HERE} AND p.content IS NOT NULL AND {where}"
    one = database.connection.execute
    with database.explained():
        [known] = one(f"SELECT count(*) {photos}", bounds).fetchone()
        found = one(
            f"SELECT substr(q.path, 1, length(q.path) - length({name})) AS folder, count(*) AS same"
            " FROM photos p CROSS JOIN photos q ON q.content = p.content AND q.id <> p.id"
            f" WHERE p.missing = {HERE} AND q.missing = {HERE} AND {where} AND substr(q.path, -length({name})) = {name}"
            " AND substr(folder, -1) = ? GROUP BY folder ORDER BY same DESC, folder",
            (*bounds, os.fsencode(os.sep)),
        ).fetchall()
    for folder, same in found:
        place = Path(os.fsdecode(folder))
        if not is_absent(place):
            return place, same, known
    return None


def _move_albums(database: Database, old: Path, new: Path, roots: tuple[Path, ...]) -> None:
    writer = database.writer
    inside = [root for root in roots if root.is_relative_to(old)]
    for root in inside:
        before, after = os.fsencode(root), os.fsencode(new / root.relative_to(old))
        writer.execute("INSERT OR IGNORE INTO roots (path) VALUES (?)", (after,))
        writer.execute("UPDATE OR IGNORE album_shares SET root = ? WHERE root = ?", (after, before))
        writer.execute("DELETE FROM roots WHERE path = ?", (before,))  # and with it the shares, if both had some
    in_album = any(old.is_relative_to(root) for root in roots)
    if in_album and not inside and not any(new.is_relative_to(root) for root in roots):
        writer.execute("INSERT INTO roots (path) VALUES (?)", (os.fsencode(new),))
