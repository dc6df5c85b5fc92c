"""Runs after an update: what is analysed or judged again, and the shares of albums."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers import astronaut, encoded, index_album
from index_runs import GOOD, PORTRAITS, Short, counts, failures, photos, rows

from albumsort import analysis, settings
from albumsort.analysis import load_networks
from albumsort.answers import named_shares, shares_from
from albumsort.choosing.labels import Album, LabelRule, expected_shares
from albumsort.disk import contents as reading
from albumsort.emotions import resized
from albumsort.errors import AlbumsortError, PhotoError
from albumsort.faces import crop
from albumsort.index import counts as index_counts
from albumsort.index import lookup
from albumsort.index.database import Database
from albumsort.indexing import executors, rescoring
from albumsort.indexing import plan as indexing_plan
from albumsort.indexing import run as indexing
from albumsort.networks import weights
from albumsort.types import THRESHOLD, Emotion, Photo

# after an update


def other_emotions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this process an emotion network calibrated at another temperature, so that its answers differ."""
    shipped = weights.manifest()
    details = shipped["emotion"].details
    details = {**details, "natural": {**details["natural"], "temperature": 2.0}}
    changed = {**shipped, "emotion": replace(shipped["emotion"], details=details)}
    monkeypatch.setattr(weights, "manifest", lambda: changed)
    networks = load_networks.__wrapped__()  # today's settings; this process keeps old ones
    monkeypatch.setattr(rescoring, "load_networks", lambda: networks)
    monkeypatch.setattr(analysis, "load_networks", lambda: networks)


def fresh(folder: Path) -> dict[str, Photo]:
    """Analyse the photos of a folder in this process; returns by name the faces that queries count."""
    found = dict[str, Photo]()
    for path in folder.iterdir():
        data = path.read_bytes()
        with suppress(PhotoError):
            seen = analysis.analyse_bytes(data, reading.digest(data), *analysis.load_networks())
            faces = tuple(face for face in seen.faces if face.detection >= THRESHOLD)
            time = (None, None) if seen.taken is None else (seen.taken.at, seen.taken.source)
            found[path.name] = Photo(path, seen.width, seen.height, *time, seen.digest, faces)
    return found


def answers(photos: dict[str, Photo]) -> dict[str, list[tuple[Any, ...]]]:
    """Everything exactly, except landmarks, which the index rounds, and labels, which depend on the album."""
    return {
        name: [(f.detection, f.probabilities, f.nothing, f.eyes) for f in photo.faces] for name, photo in photos.items()
    }


def unreadable(folder: Path) -> None:
    """Put other bytes into every file, with the same size and time, so that a walk sees no change."""
    for path in folder.iterdir():
        about = path.stat()
        path.write_bytes(b"\0" * about.st_size)
        os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))


def test_other_emotion_weights_judge_stored_faces_again_without_opening_a_photo(
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


def test_stored_faces_of_real_photos_are_judged_as_the_photos_are(
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


def test_missing_photos_and_other_folders_are_judged_again(
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


def test_a_missing_folder_also_stops_judging_again(
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
    """Shrink the stored crops to 48 pixels, as an older albumsort stored them."""
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


def test_small_crops_of_an_older_index_are_judged_at_once_and_their_photos_later(
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
        report = indexing.run(index, plan, executors.Local(1), interrupt)
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


def test_ctrl_c_while_judging_again_keeps_finished_work_and_the_next_run_resumes(
    album: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_album(database, album)
    other_emotions(monkeypatch)
    monkeypatch.setattr(rescoring, "RESCORED_AT_ONCE", 1)
    with Database(database) as index:
        plan = indexing_plan.make_plan(index, [album], None, (), rescan=False)
        report = indexing.run(index, plan, executors.Local(1), lambda: os.kill(os.getpid(), signal.SIGINT))
    assert (plan.stale, report.rescored, report.interrupted, report.exit_code) == (4, 1, True, 130)
    assert index_album(database, album).rescored == 3
    assert answers(photos(database)) == answers(fresh(album))


@pytest.mark.parametrize("damage", ["UPDATE crops SET pixels = x'00112233'", "DELETE FROM crops"])
def test_damaged_crops_are_reported_and_their_photo_is_analysed_again(
    album: Path, database: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    index_album(database, album)
    with closing(sqlite3.connect(database)) as raw:
        found = raw.execute("SELECT DISTINCT path FROM photos JOIN faces USING (content) ORDER BY path").fetchall()
        raw.execute(damage)
        raw.commit()
    with_faces = [Path(os.fsdecode(path)).name for (path,) in found]  # including detections of low confidence
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


def test_every_photo_judged_again_or_analysed_moves_the_progress_bar(
    album: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_album(database, album)
    (album / "new.jpg").write_bytes(encoded(astronaut(300)))
    other_emotions(monkeypatch)
    steps = list[int]()
    with Database(database) as index:
        plan = indexing_plan.make_plan(index, [album], None, (), rescan=False)
        indexing.run(index, plan, Short(99), lambda: steps.append(1))
    assert len(steps) == plan.stale + plan.todo == 5


# the shares of albums


def test_shares_due_after_an_interrupted_run_are_estimated_by_the_next(
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


def test_labels_use_the_shares_of_the_latest_run(album: Path, database: Path) -> None:
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
def test_every_change_of_an_album_updates_its_shares(
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
    if change != "another network":  # other probabilities may then count the same
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


def test_a_plan_counts_photos_stale_by_a_new_method(
    album: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
