from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers import (
    ASTRONAUT_FACE,
    NOW,
    astronaut,
    encoded,
    end,
    environment,
    index_album,
    landscape,
    overlap,
    run,
    start,
)
from hypothesis import given
from hypothesis import strategies as st

from albumsort import analysis, prune, settings
from albumsort.analysis import load_networks
from albumsort.choosing.labels import Album, LabelRule, expected_shares
from albumsort.disk import contents as reading
from albumsort.emotions import resized
from albumsort.errors import AlbumsortError, PhotoError, UsageError
from albumsort.faces import crop
from albumsort.index import comparing, folders, lookup, queries, storing
from albumsort.index import counts as index_counts
from albumsort.index.database import Database
from albumsort.indexing import executors, outcomes, rescoring
from albumsort.indexing import plan as indexing_plan
from albumsort.indexing import queue as indexing_queue
from albumsort.indexing import run as indexing
from albumsort.indexing import worker as indexing_worker
from albumsort.indexing.plan import default_roots
from albumsort.indexing.report import Report
from albumsort.networks import weights
from albumsort.query import Filters
from albumsort.types import THRESHOLD, Emotion, Photo, PhotoFile, named_shares, shares_from

PORTRAITS = ["astronaut.jpg", "turned.jpg"]
GOOD = ["astronaut.jpg", "drawing.png", "landscape.jpg", "turned.jpg"]


def photos(database: Path) -> dict[str, Photo]:
    with Database(database) as index:
        return {photo.path.name: photo for photo in queries.photos(index, Filters())}


def failures(database: Path) -> dict[str, str]:
    with Database(database) as index:
        return {path.name: reason for path, reason in index_counts.failures(index)}


def missing(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT path FROM photos WHERE missing = 1 ORDER BY path").fetchall()
    return [Path(os.fsdecode(path)).name for (path,) in rows]


def counts(report: Report) -> dict[str, int]:
    names = ("found", "analysed", "unchanged", "moved", "missing", "faces", "rescored")
    return {name: count for name in names if (count := getattr(report, name))} | (
        {"failed": len(report.failed)} if report.failed else {}
    )


def rows(database: Path) -> list[tuple[Any, ...]]:
    """Everything the index holds of photos, but for the numbers that tables are joined by."""
    with closing(sqlite3.connect(database)) as raw:
        return raw.execute(
            "SELECT p.path, p.size, p.mtime_ns, p.error, p.error_settings, p.missing, c.digest, c.found_with,"
            " c.classified_with, c.width,"
            " c.height, c.taken_at, f.number, f.x, f.y, f.w, f.h, f.landmarks, f.detection, f.happy, f.sad,"
            ' f."nothing", f.eyes'
            " FROM photos p LEFT JOIN contents c ON c.id = p.content LEFT JOIN faces f ON f.content = c.id"
            " ORDER BY p.path, f.number"
        ).fetchall()


def tamper(database: Path) -> None:
    """Mark the results, so that it shows whether they were kept or made anew."""
    with closing(sqlite3.connect(database)) as raw:
        raw.execute("UPDATE faces SET detection = 0.987")
        raw.commit()


def kept(photo: Photo) -> bool:
    return [face.detection for face in photo.faces] == [0.987]


# the first time


def test_everything_in_a_folder_is_indexed_and_what_is_broken_recorded(indexed: SimpleNamespace) -> None:
    assert counts(indexed.report) == {"found": 5, "analysed": 4, "faces": 2, "failed": 1}
    found = photos(indexed.database)
    assert sorted(found) == GOOD
    assert [name for name in GOOD if found[name].faces] == PORTRAITS
    assert all(found[name].faces[0].label is Emotion.HAPPY for name in PORTRAITS)
    assert list(failures(indexed.database)) == ["broken.jpg"]
    assert [path.name for path, _ in indexed.report.failed] == ["broken.jpg"]


def test_boxes_are_upright_and_full_size_whatever_way_the_camera_was_held(indexed: SimpleNamespace) -> None:
    found = photos(indexed.database)
    for name, side in (("astronaut.jpg", 512), ("turned.jpg", 400)):
        assert (found[name].width, found[name].height) == (side, side)
        assert overlap(found[name].faces[0].box.scaled(512 / side), ASTRONAUT_FACE) > 0.7


def test_a_broken_photo_makes_the_exit_code_1_and_a_sound_album_0(indexed: SimpleNamespace, tmp_path: Path) -> None:
    assert indexed.report.exit_code == 1
    (tmp_path / "sound").mkdir()
    shutil.copy(indexed.album / "drawing.png", tmp_path / "sound")
    assert index_album(tmp_path / "index.sqlite", tmp_path / "sound").exit_code == 0


def test_nothing_is_written_into_the_album(album: Path, database: Path) -> None:
    def seen() -> dict[str, tuple[bytes, int, int]]:
        return {p.name: (p.read_bytes(), p.stat().st_mtime_ns, p.stat().st_mode) for p in album.iterdir()}

    before = seen()
    index_album(database, album)
    assert seen() == before


def test_the_folder_is_remembered_as_an_album_and_a_single_file_is_not(album: Path, database: Path) -> None:
    index_album(database, album / "drawing.png")
    with Database(database) as index:
        assert folders.indexed_folders(index) == ()
        with pytest.raises(UsageError, match="name a folder"):
            default_roots(index)
    index_album(database, album)
    with Database(database) as index:
        assert folders.indexed_folders(index) == default_roots(index) == (album,)


def test_files_may_be_listed_one_by_one(album: Path, database: Path) -> None:
    report = index_album(database, listed=[album / "drawing.png", album / "broken.jpg"])
    assert counts(report) == {"found": 2, "analysed": 1, "failed": 1}


def test_a_listed_file_that_is_gone_fails_and_the_others_are_indexed(album: Path, database: Path) -> None:
    report = index_album(database, listed=[album / "drawing.png", album / "gone.jpg"])
    assert sorted(photos(database)) == ["drawing.png"]
    assert [path.name for path, _ in report.failed] == ["gone.jpg"]
    assert report.exit_code == 1


def test_overlapping_folders_and_lists_count_each_photo_once(album: Path, database: Path) -> None:
    report = index_album(database, album, album / "drawing.png", album, listed=[album / "landscape.jpg"])
    assert counts(report) == {"found": 5, "analysed": 4, "faces": 2, "failed": 1}


def test_what_is_excluded_is_not_indexed_and_what_was_indexed_before_stays(album: Path, database: Path) -> None:
    index_album(database, album)
    report = index_album(database, album, exclude=["*.jpg"])
    assert counts(report) == {"found": 1, "unchanged": 1}
    assert report.skipped["excluded"] == 4
    assert sorted(photos(database)) == GOOD


def test_listed_files_are_excluded_by_their_names_and_folders(album: Path, database: Path, tmp_path: Path) -> None:
    shutil.copytree(album, tmp_path / "raw")
    files = [folder / name for folder in (album, tmp_path / "raw") for name in GOOD]
    report = index_album(database, listed=files, exclude=["raw", "*.png"])
    assert sorted(photos(database)) == sorted(set(GOOD) - {"drawing.png"})
    assert (report.found, report.skipped["excluded"]) == (3, 5)


# the second time


def test_a_second_run_analyses_nothing(album: Path, database: Path) -> None:
    index_album(database, album)
    tamper(database)
    before = rows(database)
    assert counts(index_album(database, album)) == {"found": 5, "unchanged": 4, "failed": 1}
    assert rows(database) == before


def test_a_new_photo_alone_is_analysed(album: Path, database: Path) -> None:
    index_album(database, album)
    (album / "new.jpg").write_bytes(encoded(astronaut(300)))
    assert counts(index_album(database, album)) == {
        "found": 6,
        "analysed": 1,
        "unchanged": 4,
        "faces": 1,
        "failed": 1,
    }


def test_a_changed_photo_is_analysed_again(album: Path, database: Path) -> None:
    index_album(database, album)
    (album / "landscape.jpg").write_bytes(encoded(astronaut(300)))
    report = index_album(database, album)
    assert counts(report) == {"found": 5, "analysed": 1, "unchanged": 3, "faces": 1, "failed": 1}
    assert len(photos(database)["landscape.jpg"].faces) == 1


def test_a_photo_that_was_only_touched_keeps_its_result(album: Path, database: Path) -> None:
    index_album(database, album)
    tamper(database)
    os.utime(album / "astronaut.jpg", (1, 1))
    assert counts(index_album(database, album)) == {"found": 5, "unchanged": 4, "failed": 1}
    assert kept(photos(database)["astronaut.jpg"])
    assert index_album(database, album).unchanged == 4


def test_a_moved_photo_keeps_its_result_without_being_analysed(album: Path, database: Path) -> None:
    index_album(database, album)
    tamper(database)
    (album / "new").mkdir()
    (album / "astronaut.jpg").rename(album / "new" / "renamed.jpg")
    report = index_album(database, album)
    assert counts(report) == {"found": 5, "unchanged": 3, "moved": 1, "failed": 1}
    assert sorted(photos(database)) == ["drawing.png", "landscape.jpg", "renamed.jpg", "turned.jpg"]
    assert kept(photos(database)["renamed.jpg"])
    assert missing(database) == []


def test_a_photo_that_was_missing_and_turns_up_elsewhere_has_moved_and_is_not_missing(
    album: Path, database: Path, tmp_path: Path
) -> None:
    index_album(database, album)
    (album / "astronaut.jpg").rename(tmp_path / "away.jpg")
    assert index_album(database, album).missing == 1
    (tmp_path / "away.jpg").rename(album / "back.jpg")
    report = index_album(database, album)
    assert sorted(photos(database)) == ["back.jpg", "drawing.png", "landscape.jpg", "turned.jpg"]
    assert (report.moved, report.missing) == (1, 0)


def test_two_photos_that_swapped_names_swap_results(album: Path, database: Path) -> None:
    index_album(database, album)
    (album / "astronaut.jpg").rename(album / "x")
    (album / "landscape.jpg").rename(album / "astronaut.jpg")
    (album / "x").rename(album / "landscape.jpg")
    index_album(database, album)
    found = photos(database)
    assert [name for name in GOOD if found[name].faces] == ["landscape.jpg", "turned.jpg"]


def test_a_copy_is_listed_under_both_paths_with_one_result(album: Path, database: Path) -> None:
    index_album(database, album)
    tamper(database)
    shutil.copy(album / "astronaut.jpg", album / "copy.jpg")
    report = index_album(database, album)
    assert (report.moved, report.missing) == (0, 0)
    found = photos(database)
    assert sorted(found) == ["astronaut.jpg", "copy.jpg", "drawing.png", "landscape.jpg", "turned.jpg"]
    assert kept(found["astronaut.jpg"])
    assert kept(found["copy.jpg"])


def test_a_broken_photo_is_not_tried_again_until_it_changes(album: Path, database: Path) -> None:
    index_album(database, album)
    with closing(sqlite3.connect(database)) as raw:
        raw.execute("UPDATE photos SET error = 'the first reason' WHERE error IS NOT NULL")
        raw.commit()
    report = index_album(database, album)
    assert [reason for _, reason in report.failed] == ["the first reason"]
    (album / "broken.jpg").write_bytes(encoded(astronaut(200)))
    assert counts(index_album(database, album)) == {"found": 5, "analysed": 1, "unchanged": 4, "faces": 1}
    assert failures(database) == {}


def test_rescan_analyses_everything_again(album: Path, database: Path) -> None:
    index_album(database, album)
    tamper(database)
    report = index_album(database, album, rescan=True)
    assert counts(report) == {"found": 5, "analysed": 4, "faces": 2, "failed": 1}
    assert not kept(photos(database)["astronaut.jpg"])


def test_results_of_another_method_are_made_anew(album: Path, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as yesterday:
        yesterday.setattr(settings, "FINDING_METHOD", "yesterday's")
        index_album(database, album, executor=Short(99))
    tamper(database)
    assert counts(index_album(database, album)) == {"found": 5, "analysed": 4, "faces": 2, "failed": 1}
    assert not kept(photos(database)["astronaut.jpg"])


# after an update


def other_emotions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process ship an emotion network calibrated at another temperature, so that its answers differ."""
    shipped = weights.manifest()
    details = shipped["emotion"].details
    details = {**details, "natural": {**details["natural"], "temperature": 2.0}}
    changed = {**shipped, "emotion": replace(shipped["emotion"], details=details)}
    monkeypatch.setattr(weights, "manifest", lambda: changed)
    networks = load_networks.__wrapped__()  # those of today, unlike the ones this process keeps
    monkeypatch.setattr(rescoring, "load_networks", lambda: networks)
    monkeypatch.setattr(analysis, "load_networks", lambda: networks)


def fresh(folder: Path) -> dict[str, Photo]:
    """What this process sees in the photos of a folder: by name, as far as a query counts it."""
    found = dict[str, Photo]()
    for path in folder.iterdir():
        data = path.read_bytes()
        with suppress(PhotoError):
            seen = analysis.analyse_bytes(data, reading.digest(data), *analysis.load_networks())
            faces = tuple(face for face in seen.faces if face.detection >= THRESHOLD)
            found[path.name] = Photo(path, seen.width, seen.height, seen.taken_at, seen.digest, faces)
    return found


def answers(photos: dict[str, Photo]) -> dict[str, list[tuple[Any, ...]]]:
    """To the last bit, everything but landmarks, which the index rounds, and labels, which depend on the album."""
    return {
        name: [(f.detection, f.probabilities, f.nothing, f.eyes) for f in photo.faces] for name, photo in photos.items()
    }


def unreadable(folder: Path) -> None:
    """Put other bytes into every file, which no walk can tell from those before."""
    for path in folder.iterdir():
        about = path.stat()
        path.write_bytes(b"\0" * about.st_size)
        os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))


def test_other_emotion_weights_score_stored_faces_anew_without_opening_a_photo(
    album: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_album(database, album)
    before = answers(photos(database))
    other_emotions(monkeypatch)
    expected = answers(fresh(album))
    unreadable(album)
    report = index_album(database, album)
    assert counts(report) == {"found": 5, "unchanged": 4, "rescored": 4, "failed": 1}
    after = answers(photos(database))
    assert after == expected
    assert all((after[name] != before[name]) == (name in PORTRAITS) for name in GOOD)
    assert counts(index_album(database, album)) == {"found": 5, "unchanged": 4, "failed": 1}


def test_stored_faces_of_real_photos_are_scored_as_the_photos_are(
    shared_photos: Path, tmp_path: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    groups = sorted((shared_photos / "boxes").rglob("*.jpg"))[::60]
    for number, path in enumerate([*groups, *sorted((shared_photos / "album").rglob("*.jpg"))[::60]]):
        shutil.copy(path, tmp_path / "real" / f"{number:02}.jpg")
    index_album(database, tmp_path / "real")
    other_emotions(monkeypatch)
    expected = answers(fresh(tmp_path / "real"))
    assert sum(map(len, expected.values())) > 20
    assert max(map(len, expected.values())) > 1
    assert index_album(database, tmp_path / "real").rescored == len(expected)
    assert answers(photos(database)) == expected


def test_missing_photos_are_scored_anew_and_those_of_other_folders(
    album: Path, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(album, tmp_path / "away")
    (tmp_path / "away" / "turned.jpg").write_bytes(encoded(astronaut(300)))
    index_album(database, album, tmp_path / "away")
    (album / "astronaut.jpg").unlink()
    (tmp_path / "away").rename(tmp_path / "unplugged")
    other_emotions(monkeypatch)
    report = index_album(database, album)
    assert (report.rescored, report.analysed, report.missing) == (5, 0, 1)
    with closing(sqlite3.connect(database)) as raw:
        [(used,)] = raw.execute("SELECT DISTINCT classified_with FROM contents").fetchall()
    assert used == settings.settings().classifying


def test_an_absent_folder_stops_scoring_anew_too(
    album: Path, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_album(database, album)
    before = rows(database)
    album.rename(tmp_path / "unplugged")
    other_emotions(monkeypatch)
    with pytest.raises(AlbumsortError):
        index_album(database, album)
    assert rows(database) == before


def shrink_crops(database: Path) -> None:
    """Make the stored crops what an older albumsort left: 48 pixels wide."""
    with closing(sqlite3.connect(database)) as raw:
        for content, packed, count in raw.execute(
            "SELECT k.content, k.pixels, (SELECT count(*) FROM faces f WHERE f.content = k.content) FROM crops k"
        ).fetchall():
            small = resized(crop.unpack(packed, count), 48)
            raw.execute("UPDATE crops SET pixels = ? WHERE content = ?", (crop.pack(list(small)), content))
        raw.commit()


def sides(database: Path) -> set[int]:
    with closing(sqlite3.connect(database)) as raw:
        rows = raw.execute("SELECT k.pixels, count(*) FROM crops k JOIN faces f ON f.content = k.content GROUP BY 1")
        return {crop.unpack(packed, count).shape[1] for packed, count in rows if count}


def outdated(database: Path) -> int:
    with Database(database) as index:
        return lookup.count_outdated(index, settings.settings())


def test_smaller_crops_of_an_older_index_are_judged_at_once_and_their_photos_as_they_are_met(
    album: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as yesterday:
        yesterday.setattr(settings, "FINDING_METHOD", "yesterday's")
        index_album(database, album, executor=Short(99))
    shrink_crops(database)
    before = answers(photos(database))
    other_emotions(monkeypatch)
    assert outdated(database) == len(GOOD)
    with Database(database) as index:
        plan = indexing_plan.make_plan(index, [album], None, (), rescan=False)
        stale = plan.stale
        calls = iter(range(100))
        interrupt = lambda: next(calls) == stale - 1 and os.kill(os.getpid(), signal.SIGINT)  # noqa: E731
        report = indexing.run(index, plan, executors.Local(1), False, interrupt)
    assert (stale, report.rescored, report.analysed) == (len(PORTRAITS), len(PORTRAITS), 0)
    at_once = answers(photos(database))
    assert all(at_once[name] != before[name] for name in PORTRAITS)
    assert (sides(database), outdated(database)) == ({48}, len(GOOD))
    report = index_album(database, album, executor=Short(99))
    assert (report.rescored, report.analysed) == (0, len(GOOD))
    assert (sides(database), outdated(database)) == ({crop.CROP_SIDE}, 0)
    assert answers(photos(database)) == answers(fresh(album))


def test_a_photo_that_is_gone_keeps_what_an_older_method_found_judged_by_the_new_network(
    album: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_album(database, album)
    before = photos(database)["astronaut.jpg"].faces
    (album / "astronaut.jpg").unlink()
    other_emotions(monkeypatch)
    monkeypatch.setattr(settings, "FINDING_METHOD", "another")
    report = index_album(database, album, executor=Short(99))
    assert (report.analysed, report.rescored, report.missing) == (3, len(PORTRAITS), 1)
    with closing(sqlite3.connect(database)) as raw:
        raw.execute("UPDATE photos SET missing = 0")
        raw.commit()
    after = photos(database)["astronaut.jpg"].faces
    assert [face.box for face in after] == [face.box for face in before]
    assert [face.probabilities for face in after] != [face.probabilities for face in before]


def test_ctrl_c_while_scoring_anew_keeps_what_is_done_and_the_next_run_does_the_rest(
    album: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_album(database, album)
    other_emotions(monkeypatch)
    monkeypatch.setattr(rescoring, "RESCORED_AT_ONCE", 1)
    with Database(database) as index:
        plan = indexing_plan.make_plan(index, [album], None, (), rescan=False)
        report = indexing.run(index, plan, executors.Local(1), False, lambda: os.kill(os.getpid(), signal.SIGINT))
    assert (plan.stale, report.rescored, report.interrupted, report.exit_code) == (4, 1, True, 130)
    assert index_album(database, album).rescored == 3
    assert answers(photos(database)) == answers(fresh(album))


@pytest.mark.parametrize("damage", ["UPDATE crops SET pixels = x'00112233'", "DELETE FROM crops"])
def test_stored_faces_that_are_damaged_are_said_and_made_anew_from_the_photo(
    album: Path, database: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    index_album(database, album)
    with closing(sqlite3.connect(database)) as raw:
        found = raw.execute("SELECT DISTINCT path FROM photos JOIN faces USING (content) ORDER BY path").fetchall()
        raw.execute(damage)
        raw.commit()
    with_faces = [Path(os.fsdecode(path)).name for (path,) in found]  # those too that are hardly one
    assert set(PORTRAITS) <= set(with_faces) < set(GOOD)
    other_emotions(monkeypatch)
    report = index_album(database, album)
    without = len(GOOD) - len(with_faces)
    assert (report.rescored, report.exit_code) == (without, 1)
    assert [path.name for path, reason in report.failed if "stored faces" in reason] == with_faces
    assert sorted(photos(database)) == GOOD
    report = index_album(database, album, executor=Short(99))
    analysed = {"analysed": len(with_faces), "unchanged": without}
    assert counts(report) == {"found": 5, **analysed, "faces": 2, "failed": 1}


def test_every_photo_scored_anew_or_analysed_moves_the_progress_bar(
    album: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_album(database, album)
    (album / "new.jpg").write_bytes(encoded(astronaut(300)))
    other_emotions(monkeypatch)
    steps = list[int]()
    with Database(database) as index:
        plan = indexing_plan.make_plan(index, [album], None, (), rescan=False)
        indexing.run(index, plan, Short(99), False, lambda: steps.append(1))
    assert len(steps) == plan.stale + plan.todo == 5


# the shares of albums


def test_shares_that_an_interrupted_run_left_are_estimated_by_the_next(
    album: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as cut:
        cut.setattr(indexing, "_estimate_shares", stopped)
        with pytest.raises(KeyboardInterrupt):
            index_album(database, album)
    assert albums(database) == {}
    assert counts(index_album(database, album)) == {"found": 5, "unchanged": 4, "failed": 1}
    assert albums(database)["album"].faces == 2


def albums(database: Path) -> dict[str, Album]:
    with Database(database) as index:
        return {album.root.name: album for album in index_counts.stats(index).albums}


def test_after_a_run_every_album_has_its_shares(album: Path, database: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    shutil.copy(album / "landscape.jpg", tmp_path / "empty")
    index_album(database, album, tmp_path / "empty")
    found, natural = albums(database), weights.natural_shares()
    seen = [face for photo in photos(database).values() for face in photo.faces]
    assert found["album"].faces == len(seen) == 2
    stored = [(*face.probabilities.values(), face.nothing) for face in seen]
    assert found["album"].shares == expected_shares(stored, natural, weights.confusion())
    assert found["album"].shares[Emotion.HAPPY] > natural[Emotion.HAPPY]
    assert found["empty"].faces == 0
    assert found["empty"].shares == pytest.approx(natural)


def test_labels_are_by_the_shares_of_the_latest_run(album: Path, database: Path) -> None:
    index_album(database, album)
    [sure] = [photo.sure for photo in photos(database).values() if photo.path.name == "astronaut.jpg"]
    [seen] = photos(database)["astronaut.jpg"].faces
    rule = LabelRule(weights.natural_shares(), albums(database)["album"].shares)
    assert (Emotion.HAPPY, sure) == rule.label(seen.probabilities, seen.nothing)
    assert sure != fresh(album)["astronaut.jpg"].sure


def test_a_run_that_changes_nothing_estimates_nothing(
    album: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_album(database, album)
    before = albums(database)
    with closing(sqlite3.connect(database)) as raw:  # which would change the shares
        raw.execute("UPDATE faces SET happy = 0.1, sad = 0.9")
        raw.commit()
    index_album(database, album)
    assert albums(database) == before


@pytest.mark.parametrize("change", ["new", "missing", "back", "another network", "an album inside"])
def test_what_changes_an_album_changes_its_shares(
    album: Path, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    (album / "inside").mkdir()
    (album / "inside" / "small.jpg").write_bytes(encoded(astronaut(300)))
    turned, away = album / "turned.jpg", tmp_path / "away.jpg"
    if change == "back":
        index_album(database, album)
        turned.rename(away)
    index_album(database, album)
    before = albums(database)["album"]
    if change == "new":
        (album / "more.jpg").write_bytes(encoded(astronaut(350)))
    elif change == "missing":
        turned.unlink()
    elif change == "back":
        away.rename(turned)
    elif change == "another network":
        other_emotions(monkeypatch)
    index_album(database, album / "inside" if change == "an album inside" else album)
    after = albums(database)["album"]
    if change != "another network":  # after which other probabilities may tell the same
        assert after.shares != before.shares
    faces = {"new": 1, "missing": -1, "back": 1, "another network": 0, "an album inside": -1}
    assert after.faces == before.faces + faces[change]


def test_a_run_stores_the_natural_shares_of_its_network(
    album: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_album(database, album)
    shipped_shares = weights.natural_shares()
    shares = {**shipped_shares, Emotion.HAPPY: 0.28, Emotion.SAD: 0.28}
    shares[Emotion.NEUTRAL] += 1 - sum(shares.values())
    shipped = weights.manifest()
    details = {**shipped["emotion"].details, "shares": named_shares(shares)}
    monkeypatch.setattr(
        weights, "manifest", lambda: {**shipped, "emotion": replace(shipped["emotion"], details=details)}
    )
    networks = load_networks.__wrapped__()
    monkeypatch.setattr(rescoring, "load_networks", lambda: networks)
    assert index_album(database, album).rescored == 4
    with closing(sqlite3.connect(database)) as raw:
        [(text,)] = raw.execute("SELECT shares FROM natural_shares").fetchall()
    assert shares_from(json.loads(text)) == shares


def test_a_plan_tells_what_another_method_costs(album: Path, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index_album(database, album)
    (album / "new.jpg").write_bytes(encoded(astronaut(300)))
    (album / "astronaut.jpg").unlink()
    with Database(database) as index:
        plan = indexing_plan.make_plan(index, [album], None, (), rescan=False)
        assert (plan.todo, plan.outdated, plan.stale) == (1, 0, 0)
        other_emotions(monkeypatch)
        plan = indexing_plan.make_plan(index, [album], None, (), rescan=False)
        assert (plan.todo, plan.outdated, plan.stale) == (1, 0, 4)
        monkeypatch.setattr(settings, "FINDING_METHOD", "another")
        plan = indexing_plan.make_plan(index, [album], None, (), rescan=False)
        assert (plan.todo, plan.outdated, plan.stale) == (5, 4, len(PORTRAITS))  # judged again first, then analysed


def test_workers_of_another_installation_than_the_one_that_writes_store_nothing(
    album: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(settings, "FINDING_METHOD", "the one before the update")
        with pytest.raises(AlbumsortError, match="changed while it ran"):
            index_album(database, album)
    assert photos(database) == failures(database) == {}
    assert index_album(database, album).analysed == 4


# copies


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The paths of the photos that were analysed, as they are saved."""
    paths, save = list[Path](), Database.save

    def noted(self: Database, file: PhotoFile, *more: Any) -> None:
        paths.append(file.path)
        save(self, file, *more)

    monkeypatch.setattr(Database, "save", noted)
    return paths


def test_copies_met_in_one_run_are_analysed_once_and_listed_each(
    album: Path, database: Path, saved: list[Path]
) -> None:
    for number in range(5):
        shutil.copy(album / "astronaut.jpg", album / f"copy {number}.jpg")
    report = index_album(database, album)
    assert counts(report) == {"found": 10, "analysed": 9, "faces": 2, "failed": 1}
    assert len(saved) == 4
    found = photos(database)
    assert len([name for name in found if found[name].digest == found["astronaut.jpg"].digest]) == 6


def test_files_of_equal_size_that_are_no_copies_are_all_analysed(
    tmp_path: Path, database: Path, saved: list[Path]
) -> None:
    (tmp_path / "album").mkdir()
    for number in range(6):
        shade = landscape(40, 30).point(lambda value, n=number: max(0, value - n))  # type: ignore[misc]
        (tmp_path / "album" / f"{number}.bmp").write_bytes(encoded(shade, "BMP"))
    shutil.copy(tmp_path / "album" / "0.bmp", tmp_path / "album" / "0 copy.bmp")
    report = index_album(database, tmp_path / "album")
    assert (report.analysed, len(saved), len(photos(database))) == (7, 6, 7)


def queued(*sizes: int) -> tuple[indexing_queue.Queue, list[PhotoFile]]:
    files = [PhotoFile(Path(f"{number}.jpg"), size, 0) for number, size in enumerate(sizes)]
    return indexing_queue.Queue(files), files


def test_of_equal_sizes_one_at_a_time_is_handed_out() -> None:
    queue, files = queued(5, 5, 7, 5)
    assert [queue.take(), queue.take(), queue.take()] == [files[0], files[2], None]
    queue.done(files[0], False)
    assert [queue.take(), queue.take()] == [files[1], None]
    queue.done(files[1], False)
    assert [queue.take(), queue.take()] == [files[3], None]


def test_equal_sizes_that_mean_nothing_hold_nobody_up() -> None:
    queue, files = queued(5, 5, 5, 5)
    assert [queue.take(), queue.take()] == [files[0], None]
    queue.done(files[0], True)
    assert {queue.take(), queue.take(), queue.take()} == set(files[1:])
    assert queue.take() is None


@given(st.lists(st.integers(0, 3), max_size=30), st.data())
def test_everything_is_handed_out_once_whatever_comes_of_it(sizes: list[int], data: st.DataObject) -> None:
    queue, files = queued(*sizes)
    taken, running = list[PhotoFile](), list[PhotoFile]()
    while True:
        while len(running) < 3 and (file := queue.take()) is not None:
            running.append(file)
            taken.append(file)
        if not running:
            break
        queue.done(running.pop(data.draw(st.integers(0, len(running) - 1))), data.draw(st.booleans()))
    assert sorted(taken, key=lambda file: files.index(file)) == files


def test_a_moved_photo_that_must_be_analysed_again_is_not_missing_as_well(album: Path, database: Path) -> None:
    index_album(database, album)
    (album / "astronaut.jpg").rename(album / "renamed.jpg")
    report = index_album(database, album, rescan=True)
    assert (report.analysed, report.missing) == (4, 0)
    assert missing(database) == []
    assert sorted(photos(database)) == ["drawing.png", "landscape.jpg", "renamed.jpg", "turned.jpg"]


# what is gone


def test_a_photo_that_vanished_is_marked_and_kept(album: Path, database: Path) -> None:
    index_album(database, album)
    (album / "astronaut.jpg").unlink()
    assert counts(index_album(database, album)) == {"found": 4, "unchanged": 3, "missing": 1, "failed": 1}
    assert missing(database) == ["astronaut.jpg"]
    assert "astronaut.jpg" not in photos(database)
    assert counts(index_album(database, album)) == {"found": 4, "unchanged": 3, "missing": 1, "failed": 1}


def test_a_photo_that_is_back_is_listed_again_without_being_analysed(
    album: Path, database: Path, tmp_path: Path
) -> None:
    index_album(database, album)
    tamper(database)
    (album / "astronaut.jpg").rename(tmp_path / "away")
    index_album(database, album)
    (tmp_path / "away").rename(album / "astronaut.jpg")
    assert counts(index_album(database, album)) == {"found": 5, "unchanged": 4, "failed": 1}
    assert kept(photos(database)["astronaut.jpg"])
    assert missing(database) == []


def test_a_folder_that_is_not_there_is_an_error_and_changes_nothing(
    album: Path, database: Path, tmp_path: Path
) -> None:
    index_album(database, album)
    before = rows(database)
    album.rename(tmp_path / "unplugged")
    with pytest.raises(AlbumsortError, match="plugged in"):
        index_album(database, album)
    assert rows(database) == before


def test_a_folder_that_is_suddenly_empty_is_an_error_and_changes_nothing(
    album: Path, database: Path, tmp_path: Path
) -> None:
    index_album(database, album)
    before = rows(database)
    album.rename(tmp_path / "unplugged")
    album.mkdir()
    with pytest.raises(AlbumsortError, match=r"mounted.*Nothing was changed"):
        index_album(database, album)
    assert rows(database) == before


def test_a_folder_that_is_suddenly_empty_changes_nothing_while_another_goes_on(
    album: Path, database: Path, tmp_path: Path
) -> None:
    second = tmp_path / "second"
    second.mkdir()
    index_album(database, album, second)
    before = rows(database)
    album.rename(tmp_path / "unplugged")
    album.mkdir()
    shutil.copy(tmp_path / "unplugged" / "astronaut.jpg", second / "copy.jpg")
    for found in ("analysed", "unchanged"):  # the second time the folder is as suspect as the first
        report = index_album(database)
        assert "Is the disk mounted" in "".join(reason for _, reason in report.failed)
        assert (report.moved, report.missing, getattr(report, found)) == (0, 0, 1)
    assert [row for row in rows(database) if row[0] != os.fsencode(second / "copy.jpg")] == before


def test_what_cannot_be_looked_at_is_not_gone(album: Path, database: Path, tmp_path: Path) -> None:
    index_album(database, album)
    album.rename(tmp_path / "away")
    album.symlink_to(album)  # every look through it is an error, and not that there is nothing
    with pytest.raises(AlbumsortError, match="cannot read"):
        index_album(database, album)
    index_album(database, listed=[album / "astronaut.jpg"])
    assert missing(database) == []
    with Database(database) as index:
        assert prune.find_gone(index)[0] == []


def test_one_of_two_folders_that_is_not_there_stops_the_run_before_it_changes_anything(
    album: Path, database: Path, tmp_path: Path
) -> None:
    shutil.copytree(album, tmp_path / "second")
    index_album(database, album, tmp_path / "second")
    before = rows(database)
    (album / "astronaut.jpg").unlink()
    (tmp_path / "second").rename(tmp_path / "unplugged")
    with pytest.raises(AlbumsortError):
        index_album(database, album, tmp_path / "second")
    assert rows(database) == before


def test_a_photo_gone_from_a_folder_within_a_folder_is_missing_once(album: Path, database: Path) -> None:
    (album / "sub").mkdir()
    for name in PORTRAITS:
        (album / name).rename(album / "sub" / name)
    index_album(database, album, album / "sub")
    (album / "sub" / "turned.jpg").unlink()
    assert index_album(database, album, album / "sub").missing == 1


def test_what_is_gone_from_another_folder_is_not_this_runs_business(
    album: Path, database: Path, tmp_path: Path
) -> None:
    shutil.copytree(album, tmp_path / "album2")
    index_album(database, album, tmp_path / "album2")
    shutil.rmtree(tmp_path / "album2")
    assert index_album(database, album).missing == 0
    assert missing(database) == []


def test_a_link_whose_target_went_away_is_still_there(album: Path, database: Path, tmp_path: Path) -> None:
    (album / "astronaut.jpg").rename(tmp_path / "target.jpg")
    (album / "astronaut.jpg").symlink_to(tmp_path / "target.jpg")
    index_album(database, album)
    (tmp_path / "target.jpg").unlink()
    assert index_album(database, album).missing == 0


# a run that does not end well

MANY = 32


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Photos enough to interrupt their indexing, and what an undisturbed run makes of them."""
    folder = tmp_path_factory.mktemp("many")
    (folder / "album").mkdir()
    for number in range(MANY):
        picture = astronaut(1024).copy()
        picture.paste((10 * number, 0, 0), (0, 0, 40, 40))
        (folder / "album" / f"{number:02}.jpg").write_bytes(encoded(picture))
    done = run("index", folder / "album", "--db", folder / "index.sqlite", "--workers", "1")
    assert done.returncode == 0, done.stderr
    expected = rows(folder / "index.sqlite")
    assert len({row[0] for row in expected}) == MANY
    return SimpleNamespace(album=folder / "album", rows=expected)


def wait_for(happened: Callable[[], bool]) -> None:
    for _ in range(6000):
        if happened():
            return
        time.sleep(0.01)
    raise AssertionError("it never happened")


def stored(database: Path) -> int:
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5)) as raw:
            return int(raw.execute("SELECT count(*) FROM photos").fetchone()[0])
    except sqlite3.OperationalError:  # not there yet
        return 0


def interrupted(many: SimpleNamespace, database: Path, how: Callable[[subprocess.Popen[str]], None]) -> tuple[int, str]:
    """Index until something is stored, then strike; returns the exit code and what was said."""
    process = start("index", many.album, "--db", database, "--workers", "1")
    try:
        wait_for(lambda: stored(database) > 0)
        how(process)
        said = process.communicate(timeout=60)[1]
    finally:
        end(process)
    assert 0 < stored(database) < MANY
    return process.returncode, said


def completes(many: SimpleNamespace, database: Path) -> None:
    """A further run does what is left, and the outcome is that of an undisturbed run."""
    before = stored(database)
    report = index_album(database, many.album)
    assert (report.unchanged, report.analysed) == (before, MANY - before)
    assert rows(database) == many.rows
    with Database(database) as index:
        assert index.integrity() == "ok"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_after_a_kill_half_way_a_second_run_completes_the_index(many: SimpleNamespace, database: Path) -> None:
    code, _ = interrupted(many, database, lambda process: process.kill())
    assert code == -signal.SIGKILL
    completes(many, database)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no process groups to signal")
@pytest.mark.parametrize("to", ["the program alone", "its whole group, as a terminal does"])
def test_ctrl_c_exits_130_keeps_the_work_and_a_second_run_goes_on(
    many: SimpleNamespace, database: Path, to: str
) -> None:
    def strike(process: subprocess.Popen[str]) -> None:
        send = os.kill if to == "the program alone" else os.killpg
        send(process.pid, signal.SIGINT)

    code, said = interrupted(many, database, strike)
    assert code == 130
    assert "Interrupted" in said
    assert "Traceback" not in said
    assert missing(database) == []
    assert failures(database) == {}
    completes(many, database)


def children(process: subprocess.Popen[str]) -> int:
    lists = Path("/proc", str(process.pid), "task").glob("*/children")
    return sum(len(children.read_text().split()) for children in lists)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
def test_ctrl_c_while_the_workers_start_fails_no_photo(many: SimpleNamespace, database: Path) -> None:
    process = start("index", many.album, "--db", database, "--workers", "2")
    try:
        wait_for(lambda: children(process) >= 2)
        time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)
        said = process.communicate(timeout=60)[1]
    finally:
        end(process)
    assert process.returncode == 130
    assert failures(database) == {}
    assert "Traceback" not in said


SABOTAGE = """
    import os, time
    import numpy as np
    from albumsort import indexing, photos

    indexing.SECONDS_A_PHOTO = 4.0
    decode = photos.decode

    def sabotaged(data):
        if data == b"crash":
            os.abort()
        if data == b"hang!":
            time.sleep(3600)
        if data == b"memory":
            np.ones(indexing.BYTES_A_WORKER, np.uint8)
        if data == b"raise":
            raise RuntimeError("nobody thought of this")
        return decode(data)

    photos.decode = sabotaged
"""


def test_decoders_that_crash_hang_raise_or_run_out_of_memory_cost_one_photo_each(
    album: Path, database: Path, tmp_path: Path
) -> None:
    """Every Python process of the run, workers included, starts with the sabotage."""
    (tmp_path / "sitecustomize.py").write_text(textwrap.dedent(SABOTAGE))
    reasons = {
        b"crash": "the decoder crashed",
        b"hang!": "longer than",
        b"memory": "more memory than there was",
        b"raise": "nobody thought of this",
    }
    (album / "broken.jpg").unlink()
    for data in reasons:
        (album / f"{data.decode()}.jpg").write_bytes(data)
    path = os.pathsep.join([str(tmp_path), environment()["PYTHONPATH"]])
    done = run("index", album, "--db", database, "--workers", "1", env={"PYTHONPATH": path})
    assert done.returncode == 1
    assert sorted(photos(database)) == GOOD
    failed = failures(database)
    assert sorted(failed) == sorted(f"{data.decode()}.jpg" for data in reasons)
    for data, reason in reasons.items():
        assert reason in failed[f"{data.decode()}.jpg"]
        assert "tried again on the next run" in failed[f"{data.decode()}.jpg"] or data == b"raise"


def test_what_is_analysed_is_stored_while_the_only_worker_is_at_a_slow_photo(
    album: Path, database: Path, tmp_path: Path
) -> None:
    sabotage = textwrap.dedent(SABOTAGE).replace("SECONDS_A_PHOTO = 4.0", "SECONDS_A_PHOTO = 600.0")
    (tmp_path / "sitecustomize.py").write_text(sabotage)
    (album / "zz.jpg").write_bytes(b"hang!")
    path = os.pathsep.join([str(tmp_path), environment()["PYTHONPATH"]])
    process = start("index", album, "--db", database, "--workers", "1", env={"PYTHONPATH": path})
    try:
        wait_for(lambda: database.exists() and sorted(photos(database)) == GOOD)
        assert process.poll() is None
    finally:
        end(process)
    assert sorted(photos(database)) == GOOD


@pytest.mark.skipif(sys.platform != "linux", reason="asks the system for it")
def test_a_worker_in_a_decoder_that_hangs_ends_with_its_parent(album: Path, database: Path, tmp_path: Path) -> None:
    hang = """
        import pathlib, os
        from albumsort import photos

        def hung(data):
            pathlib.Path(__file__).with_name("at it").write_text(str(os.getpid()))
            while True:
                pass

        photos.decode = hung
    """
    (tmp_path / "sitecustomize.py").write_text(textwrap.dedent(hang))
    path = os.pathsep.join([str(tmp_path), environment()["PYTHONPATH"]])
    process = start("index", album, "--db", database, "--workers", "1", env={"PYTHONPATH": path})
    try:
        wait_for(lambda: (tmp_path / "at it").exists() and bool((tmp_path / "at it").read_text()))
        worker = Path("/proc", (tmp_path / "at it").read_text())
        assert worker.exists()
        process.kill()
        wait_for(lambda: not worker.exists() or ") Z " in (worker / "stat").read_text())
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        end(process)


class Short:
    """An executor that cannot go on after so many photos."""

    size = 1

    def __init__(self, photos: int) -> None:
        self.left, self.sent = photos, list[int]()

    def __enter__(self) -> Short:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def ahead(self, files: Any) -> Any:
        yield from files

    def work(self, take: Any, arguments: Any, interrupt: Any, meanwhile: Any) -> Any:
        while (file := take()) is not None:
            if not self.left:
                raise AlbumsortError("nobody is left to work")
            self.left -= 1
            task = arguments(file)
            self.sent.append(len(task[1]))
            yield file, indexing_worker.attempt(*task)


def test_what_was_analysed_before_nobody_could_work_any_more_is_kept(album: Path, database: Path) -> None:
    with pytest.raises(AlbumsortError, match="nobody is left"):
        index_album(database, album, executor=Short(3))
    assert len(photos(database)) + len(failures(database)) == 3
    assert index_album(database, album).analysed == 2


def test_photos_of_a_size_that_very_many_have_are_sent_without_what_is_known(
    album: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_album(database, album)
    for name in ("copy.jpg", "another.jpg"):
        shutil.copy(album / "astronaut.jpg", album / name)
    one = Short(9)
    assert index_album(database, album, executor=one).analysed == 2
    assert one.sent == [1, 1]
    monkeypatch.setattr(outcomes, "MOST_SENT", 0)
    shutil.copy(album / "astronaut.jpg", album / "third.jpg")
    none = Short(9)
    assert index_album(database, album, executor=none).analysed == 1
    assert none.sent == [0]
    found = photos(database)
    assert found["third.jpg"].faces == found["copy.jpg"].faces == found["astronaut.jpg"].faces


def test_a_photo_that_is_back_before_the_run_ends_is_neither_missing_nor_moved(
    album: Path, database: Path, tmp_path: Path
) -> None:
    index_album(database, album)
    shutil.copy(album / "astronaut.jpg", album / "copy.jpg")
    away = [(album / name, tmp_path / name) for name in ("astronaut.jpg", PORTRAITS[-1])]
    for there, elsewhere in away:
        there.rename(elsewhere)
    with Database(database) as index:
        plan = indexing_plan.make_plan(index, [album], None, (), rescan=False)
        for there, elsewhere in away:
            elsewhere.rename(there)
        report = indexing.run(index, plan, Short(99), False, lambda: None)
    assert (report.moved, report.missing) == (0, 0)
    assert set(photos(database)) == {*GOOD, "copy.jpg"}


def test_a_copy_of_a_photo_on_an_absent_disk_takes_nothing_from_it(album: Path, database: Path, tmp_path: Path) -> None:
    assert index_album(database, album).exit_code == 1
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(album / "astronaut.jpg", home)
    album.rename(tmp_path / "unplugged")
    report = index_album(database, home)
    assert (report.moved, report.found) == (0, 1)
    with Database(database) as index:
        assert {album / "astronaut.jpg", home / "astronaut.jpg"} <= set(lookup.all_paths(index))


def test_a_photo_that_cannot_be_read_this_time_keeps_its_results_and_is_tried_again(tmp_path: Path) -> None:
    from albumsort.index.database import Database as Opened
    from albumsort.types import Analysis, PhotoFile

    file = PhotoFile(tmp_path / "photo.jpg", 10, 20)
    with Opened(tmp_path / "index.sqlite", create=True) as index:
        with index.transaction():
            storing.save(index, file, Analysis("d", 4, 3, None, ()), NOW)
            storing.save_passing_failure(index, file, "the disk was pulled out")
            other = PhotoFile(tmp_path / "other.jpg", 10, 20)
            storing.save_passing_failure(index, other, "the disk was pulled out")
        comparing.begin_comparison(index)
        comparing.meet(index, [file, other])
        assert comparing.compare(index, NOW, everything=False).unchanged == 1
        assert list(comparing.todo(index)) == [other]
        assert index_counts.failures(index) == [(other.path, "the disk was pulled out")]


def test_one_absent_album_does_not_stop_the_others_from_being_indexed_again(
    album: Path, database: Path, tmp_path: Path
) -> None:
    second = tmp_path / "second"
    second.mkdir()
    assert index_album(database, album, second).exit_code == 1
    album.rename(tmp_path / "unplugged")
    astronaut(200).save(second / "new.jpg")
    done = run("index", "--json", "--db", database)
    assert done.returncode == 1
    assert str(album) in done.stderr
    assert "new.jpg" in run("list", "--db", database).stdout


def test_a_file_from_the_far_future_is_indexed(tmp_path: Path, database: Path) -> None:
    photo = tmp_path / "photo.jpg"
    astronaut(200).save(photo)
    os.utime(photo, (10_413_792_000, 10_413_792_000))  # the year 2300
    assert run("index", photo, "--db", database).returncode == 0
    assert '"unchanged": 1' in run("index", photo, "--json", "--db", database).stdout


def test_exclude_means_paths_below_the_album_too(tmp_path: Path, database: Path) -> None:
    for name in ("kept", "private"):
        (tmp_path / "album" / name).mkdir(parents=True)
        astronaut(200).save(tmp_path / "album" / name / "photo.jpg")
    run("index", tmp_path / "album", "--exclude", "./private/", "--db", database)
    assert run("list", "--db", database).stdout.splitlines() == [str(tmp_path / "album" / "kept" / "photo.jpg")]


def test_an_empty_list_of_files_indexes_nothing(album: Path, database: Path, tmp_path: Path) -> None:
    index_album(database, album)
    (tmp_path / "list").write_text("")
    done = run("index", "--files-from", tmp_path / "list", "--json", "--db", database)
    assert (done.returncode, json.loads(done.stdout)["found"]) == (0, 0)


def test_an_excluded_path_may_be_written_as_seen_from_the_folder_one_is_in(
    album: Path, database: Path, tmp_path: Path
) -> None:
    (album / "raw").mkdir()
    shutil.copy(album / "astronaut.jpg", album / "raw")
    run("index", "album", "--exclude", "album/raw", "--exclude", "album/*.png", "--db", database, cwd=tmp_path)
    assert sorted(photos(database)) == [name for name in GOOD if not name.endswith(".png")]
    with Database(database) as index:
        assert album / "raw" / "astronaut.jpg" not in set(lookup.all_paths(index))


# links give one photo several names


def test_a_folder_of_the_index_is_not_indexed_once_more_by_another_name(
    album: Path, database: Path, tmp_path: Path
) -> None:
    index_album(database, album)
    before, link = rows(database), tmp_path / "link"
    link.symlink_to(album)
    for other in (link, tmp_path / "link" / "astronaut.jpg"):
        with pytest.raises(AlbumsortError, match=f"{other} is the same as {album}"):
            index_album(database, other)
    assert rows(database) == before


@pytest.mark.parametrize("first", ["album", "link"])
def test_a_folder_named_twice_in_one_run_is_indexed_once(
    album: Path, database: Path, tmp_path: Path, first: str
) -> None:
    (tmp_path / "link").symlink_to(album)
    second = {"album": "link", "link": "album"}[first]
    report = index_album(database, tmp_path / first, tmp_path / second)
    assert report.skipped["folder or file named twice (a link)"] == 1
    with Database(database) as index:
        assert {path.parent for path in lookup.all_paths(index)} == {tmp_path / first}


@pytest.mark.parametrize("at_once", [True, False])
def test_a_folder_around_one_that_is_indexed_by_a_links_name_does_not_hold_it_twice(
    album: Path, database: Path, tmp_path: Path, at_once: bool
) -> None:
    (tmp_path / "disk").mkdir()
    moved = album.rename(tmp_path / "disk" / "album")
    (tmp_path / "disk" / "new.jpg").write_bytes(encoded(landscape()))
    album.symlink_to(moved)
    if at_once:
        report = index_album(database, album, tmp_path / "disk")
    else:
        index_album(database, album)
        report = index_album(database, tmp_path / "disk")
    assert report.skipped["folder indexed by another name"] == 1
    with Database(database) as index:
        assert {path.parent for path in lookup.all_paths(index)} == {album, tmp_path / "disk"}
    found = run("list", "--path", tmp_path / "disk", "--db", database).stdout.splitlines()
    assert {Path(line).parent for line in found} == {album, tmp_path / "disk"}


def test_a_link_to_a_folder_beside_it_is_that_folder(album: Path, database: Path) -> None:
    (album / "2020").mkdir()
    shutil.copy(album / "astronaut.jpg", album / "2020")
    (album / "best").symlink_to("2020")
    index_album(database, album)
    with pytest.raises(AlbumsortError, match=r"best is the same as .*2020, the name by which it is indexed"):
        index_album(database, album / "best")
    found = run("list", "--path", album / "best", "--db", database).stdout.splitlines()
    assert found == [str(album / "2020" / "astronaut.jpg")]


def test_a_line_of_a_list_that_no_file_can_have_as_its_name_fails_alone(
    album: Path, database: Path, tmp_path: Path
) -> None:
    impossible = tmp_path / ("x" * 300 + ".jpg")
    report = index_album(database, listed=[impossible, album / "astronaut.jpg"])
    assert (report.analysed, [path for path, _ in report.failed]) == (1, [impossible])
    done = run("list", "--path", impossible, "--path", album, "--db", database)
    assert (done.returncode, done.stdout) == (0, f"{album / 'astronaut.jpg'}\n")


def test_a_listed_file_by_another_name_fails_and_the_others_are_indexed(
    album: Path, database: Path, tmp_path: Path
) -> None:
    index_album(database, album)
    (tmp_path / "link").symlink_to(album)
    new = tmp_path / "new.jpg"
    new.write_bytes(encoded(landscape()))
    report = index_album(database, listed=[tmp_path / "link" / "astronaut.jpg", new])
    assert (report.analysed, [path for path, _ in report.failed]) == (1, [tmp_path / "link" / "astronaut.jpg"])


def test_a_link_inside_an_album_is_part_of_it(album: Path, database: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "new.jpg").write_bytes(encoded(landscape()))
    (album / "more").symlink_to(tmp_path / "elsewhere")
    index_album(database, album)
    assert index_album(database, album / "more").unchanged == 1


@pytest.mark.parametrize("named", ["link", "album"])
def test_photos_are_found_below_either_name_of_their_folder(
    named: str, album: Path, database: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(album)
    indexed = tmp_path / "link" if named == "album" else album
    asked = album if named == "album" else tmp_path / "link"
    index_album(database, indexed)
    with Database(database) as index:
        assert [path.parent for path in queries.paths(index, Filters(folders=(asked,)))] == [indexed] * len(GOOD)
        assert not list(queries.paths(index, Filters(folders=(tmp_path / "other",))))


# nothing is written into an album


def test_no_report_is_written_into_the_album_behind_a_link(album: Path, database: Path, tmp_path: Path) -> None:
    index_album(database, album)
    (album / "deep").mkdir()
    (tmp_path / "link").symlink_to(album / "deep")
    before = sorted(album.rglob("*"))
    for arguments in (
        ("export", "--to", tmp_path / "out", "--report", tmp_path / "link" / ".." / "report.csv"),
        ("why", next(album.glob("*.jpg")), "--out", tmp_path / "link" / ".." / "why.jpg"),
    ):
        done = run(*arguments, "--db", database)
        assert (done.returncode, "outside the album" in done.stderr) == (2, True)
    assert sorted(album.rglob("*")) == before
