from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import planted
import pytest
import xxhash
from commands import invoke
from helpers import encoded, quarters
from hypothesis import given
from hypothesis import strategies as st

from albumsort.disk import whole
from albumsort.export import report as journal
from albumsort.export import run as export_run
from albumsort.export import sidecar
from albumsort.export.items import Action, Item, Link, SidecarName
from albumsort.export.plan import plan
from albumsort.export.share import Sharing
from albumsort.export.sidecar import Sidecars, stars
from albumsort.export.undo import Fate, undo
from albumsort.export.xmp import Marks, UnmergeableError, marked
from albumsort.types import Emotion, Photo

HAPPY = Emotion.HAPPY
MARKS = Marks("happy", 5)
DARKTABLE = """<?xml version="1.0" encoding="UTF-8"?>
<!-- kept by hand -->
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <?note between?>
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:darktable="http://darktable.sf.net/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:exif="http://ns.adobe.com/exif/1.0/"
   xmp:Rating="2"
   exif:GPSLatitude="48,51.5N"
   darktable:xmp_version="5"
   darktable:history_end="2">
   <!-- edits -->
   <dc:subject>
    <rdf:Seq>
     <rdf:li>Anna &amp; Борис</rdf:li>
     <rdf:li>beach</rdf:li>
    </rdf:Seq>
   </dc:subject>
   <darktable:history>
    <rdf:Seq>
     <rdf:li darktable:num="0" darktable:operation="exposure" darktable:params="gz02eJxj&#10;YGBg"/>
     <rdf:li darktable:num="1" darktable:operation="crop" darktable:params="0000"/>
    </rdf:Seq>
   </darktable:history>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<!-- the end -->
""".encode()


def indexed(path: Path, data: bytes = b"a photo", score: float = 0.9) -> Photo:
    path.write_bytes(data)
    return Photo(path, 4, 3, None, None, xxhash.xxh3_128_hexdigest(data), (), score, HAPPY)


def exported(
    photos: Sequence[Photo],
    to: Path,
    form: SidecarName = SidecarName.LONG,
    report: Path | None = None,
    link: Link = Link.COPY,
) -> list[Item]:
    chosen = {HAPPY: photos}
    return list(export_run.run(chosen, to, link, report, (), (), sidecars=Sidecars(form, chosen)))


def results(items: Sequence[Item]) -> dict[str, str]:
    return {item.destination.name: item.action.value for item in items if item.is_sidecar}


def held(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def told_by(program: str, *arguments: str | Path) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"needs {program}, which is not installed (Debian: libimage-exiftool-perl, exiv2)")
    done = subprocess.run([found, *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


# their content


@pytest.mark.parametrize(("score", "rating"), [(0, 1), (0.19, 1), (0.2, 2), (0.5, 3), (0.79, 4), (0.8, 5), (1, 5)])
def test_each_fifth_of_the_score_is_a_star(score: float, rating: int) -> None:
    assert stars(score) == rating


def test_exiftool_reads_what_was_written(tmp_path: Path) -> None:
    (tmp_path / "a.xmp").write_bytes(marked(None, MARKS))
    told = told_by("exiftool", "-s", "-s", "-a", "-warning", "-error", "-XMP:all", tmp_path / "a.xmp").splitlines()
    keywords = ["Subject: happy", "HierarchicalSubject: Emotion|happy", "TagsList: Emotion/happy"]
    assert sorted(told) == sorted(["XMPToolkit: albumsort", "Rating: 5", *keywords])


def test_exiftool_reads_all_that_it_read_before(tmp_path: Path) -> None:
    told = []
    for data in (DARKTABLE, marked(DARKTABLE, MARKS)):
        (tmp_path / "a.xmp").write_bytes(data)
        told.append(told_by("exiftool", "-s", "-s", "-a", "-struct", "-warning", "-XMP:all", tmp_path / "a.xmp"))
    before, after = (set(text.splitlines()) for text in told)
    # it writes a bar in a list as two
    added = {"HierarchicalSubject: [Emotion||happy]", "TagsList: [Emotion/happy]"}
    assert before - after == {"Subject: [Anna & Борис,beach]"}
    assert after - before == {"Subject: [Anna & Борис,beach,happy]", *added}


@pytest.mark.parametrize("base", [None, DARKTABLE.replace(b"<!-- kept by hand -->\n", b"")])  # exiv2 stops at it
def test_exiv2_reads_what_was_written(base: bytes | None, tmp_path: Path) -> None:
    (tmp_path / "a.xmp").write_bytes(marked(base, MARKS))
    told = re.sub(" +", " ", told_by("exiv2", "-PXkyt", tmp_path / "a.xmp"))
    assert "Xmp.lr.hierarchicalSubject XmpBag Emotion|happy" in told
    assert "Xmp.digiKam.TagsList XmpSeq Emotion/happy" in told
    assert f"Xmp.xmp.Rating XmpText {5 if base is None else 2}" in told
    if base is not None:
        assert "Anna & Борис, beach, happy" in told
        assert "operation XmpText crop" in told


def test_nothing_of_an_existing_sidecar_is_lost() -> None:
    result = marked(DARKTABLE, MARKS)
    for kept in ("<!-- kept by hand -->", "<!-- edits -->", "<!-- the end -->", "<?note between?>", "xmlns:darktable"):
        assert kept.encode() in result
    before, after = ([(e.tag, e.attrib) for e in ET.fromstring(data).iter()] for data in (DARKTABLE, result))
    lost = [element for element in before if element not in after]
    assert lost == []
    assert result.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<!-- kept by hand -->\n<x:xmpmeta')


def test_what_is_there_already_is_not_added_again() -> None:
    once = marked(DARKTABLE, MARKS)
    assert marked(once, Marks("happy", 1)) is once
    both = marked(once, Marks("sad", 1))
    assert all(word in both for word in (b">happy<", b">sad<", b"Emotion|sad", b"Emotion/sad", b'Rating="2"'))


@pytest.mark.parametrize("rating", ['xmp:Rating="0"', 'xmp:Rating="-1"', ""])
def test_any_rating_that_exists_wins(rating: str) -> None:
    element = "" if rating else "<xmp:Rating>3</xmp:Rating>"
    base = f"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""/>
    <rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" {rating}>{element}</rdf:Description>
    </rdf:RDF>"""
    result = marked(base.encode(), MARKS)
    assert result.count(b"Rating") == base.count("Rating")
    assert b">happy<" in result


def test_the_packet_around_a_sidecar_stays() -> None:
    packet = marked(None, MARKS).replace(b"</x:xmpmeta>\n", b"</x:xmpmeta>\n" + b" " * 50)
    result = marked(packet, Marks("sad", 1))
    assert result.startswith('<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta '.encode())
    assert result.endswith(b"</x:xmpmeta>\n" + b" " * 50 + b'<?xpacket end="w"?>\n')


BOMB = b"""<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;</x>"""
RDF = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/">'


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "damaged"),
        (b"no XML", "damaged"),
        (DARKTABLE[:700], "damaged"),
        (b"<html/>", "not XMP"),
        (BOMB, "document type"),
        (b"<x>" * 100_000 + b"</x>" * 100_000, "too deeply"),
        ("<?xml version='1.0' encoding='UTF-16'?><x/>".encode("utf-16"), "UTF-8"),
        (b"<?xml version='1.0' encoding='latin-1'?><x>a</x>", "UTF-8"),
        (f'{RDF}<rdf:Description dc:subject="Anna"/></rdf:RDF>'.encode(), "not a list"),
        (f"{RDF}<rdf:Description><dc:subject>Anna</dc:subject></rdf:Description></rdf:RDF>".encode(), "not a list"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_understood_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(UnmergeableError, match=reason):
        marked(data, MARKS)


# XML 1.0 cannot hold other control characters; a bare carriage return becomes a line feed when read
WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("\t\n"), min_size=1, max_size=20)


@given(st.lists(WORDS, max_size=5), WORDS)
def test_no_keyword_is_lost(keywords: list[str], value: str) -> None:
    root = ET.fromstring(f"{RDF}<rdf:Description><dc:subject><rdf:Bag/></dc:subject></rdf:Description></rdf:RDF>")
    block = root[0]
    block.set("{http://other/}value", value)
    for keyword in keywords:
        ET.SubElement(block[0][0], "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}li").text = keyword
    try:
        result = ET.fromstring(marked(ET.tostring(root, "utf-8"), MARKS))
    except ET.ParseError:  # a character that no XML can hold
        return
    except UnmergeableError:
        return
    found = [item.text for item in result[0][0][0]]
    assert found[: len(keywords)] == keywords
    assert result[0].get("{http://other/}value") == value


# beside copies


@pytest.mark.parametrize(("form", "name"), [(SidecarName.LONG, "0001-a.jpg.xmp"), (SidecarName.SHORT, "0001-a.xmp")])
def test_a_sidecar_is_written_beside_a_copy(form: SidecarName, name: str, album: Path, to: Path) -> None:
    photo = indexed(album / "a.jpg", score=0.5)
    assert results(exported([photo], to, form)) == {name: "write"}
    assert b'Rating="3"' in (to / "happy" / name).read_bytes()
    assert held(album) == {"a.jpg": b"a photo"}
    assert (to / "happy" / name).stat().st_mode == (album / "a.jpg").stat().st_mode
    assert results(exported([photo], to, form)) == {name: "skip"}


def test_a_photo_without_emotion_and_score_gets_no_sidecar_of_its_own(album: Path, to: Path) -> None:
    photos = [
        replace(indexed(album / name, name.encode()), emotion=emotion, score=score)
        for name, emotion, score in (
            ("none.jpg", None, None),
            ("edited.jpg", None, None),
            ("rated.jpg", None, 0.5),
            ("named.jpg", HAPPY, None),
        )
    ]
    (album / "edited.jpg.xmp").write_bytes(DARKTABLE)
    names = ["0002-edited.jpg.xmp", "0003-rated.jpg.xmp", "0004-named.jpg.xmp"]
    plans = plan({HAPPY: photos}, to, Link.COPY)
    assert list(results(list(Sidecars(SidecarName.LONG, {HAPPY: photos}).preview(plans)))) == names
    assert list(results(exported(photos, to))) == names
    assert sorted(path.name for path in (to / "happy").glob("*.xmp")) == names
    assert (to / "happy" / names[0]).read_bytes() == DARKTABLE
    assert b"Rating" in (to / "happy" / names[1]).read_bytes()
    assert b"Rating" not in (to / "happy" / names[2]).read_bytes()


@pytest.mark.parametrize("link", [Link.HARD, Link.SOFT])
def test_a_sidecar_beside_a_link_is_a_file_and_can_be_undone(link: Link, album: Path, to: Path, tmp_path: Path) -> None:
    exported([indexed(album / "a.jpg")], to, link=link, report=tmp_path / "r.csv")
    assert (to / "happy" / "0001-a.jpg.xmp").is_file()
    assert not (to / "happy" / "0001-a.jpg.xmp").is_symlink()
    list(undo(tmp_path / "r.csv", [album]))
    assert not to.exists()


@pytest.mark.parametrize("beside", ["a.jpg.xmp", "a.xmp"])
@pytest.mark.parametrize("form", list(SidecarName))
def test_the_sidecar_of_the_photo_is_copied_with_what_is_added(
    beside: str, form: SidecarName, album: Path, to: Path, tmp_path: Path
) -> None:
    photo = indexed(album / "a.jpg")
    (album / beside).write_bytes(DARKTABLE)
    report = tmp_path / "r.csv"
    [item] = [item for item in exported([photo], to, form, report) if item.is_sidecar]
    assert item.destination.read_bytes() == marked(DARKTABLE, MARKS)
    assert item.source == album / beside
    assert item.names_place
    assert (album / beside).read_bytes() == DARKTABLE
    (album / beside).write_bytes(b"edited")
    assert item.destination in [outcome.path for outcome in undo(report, [album]) if outcome.fate is Fate.LEFT]


def test_a_short_sidecar_of_a_raw_file_is_not_that_of_the_jpeg_beside_it(album: Path, to: Path) -> None:
    photos = [indexed(album / "a.jpg", b"1"), indexed(album / "a.cr3", b"2")]
    (album / "a.xmp").write_bytes(DARKTABLE)
    exported(photos, to, SidecarName.SHORT)
    assert b"darktable" not in (to / "happy" / "0001-a.xmp").read_bytes()
    assert b"darktable" in (to / "happy" / "0002-a.xmp").read_bytes()


def test_two_photos_never_share_a_short_sidecar(album: Path, to: Path) -> None:
    photos = [indexed(album / name) for name in ("a.jpg", "a.cr3")]
    to.mkdir()
    copies = [Item(photo.path, to / photo.path.name, photo.digest, Action.WRITE) for photo in photos]

    def copying() -> Generator[Item]:
        for copy in copies:
            shutil.copy(copy.source, copy.destination)
            yield copy

    sidecars = Sidecars(SidecarName.SHORT, {HAPPY: photos}).beside(copying())
    _, first, _, second = sidecars
    assert first.action is Action.WRITE
    assert second.action is Action.FAIL
    assert "a.jpg would have the same sidecar a.xmp; use --sidecar long" in second.reason


def test_an_existing_sidecar_is_added_to_and_undo_restores_every_byte(album: Path, to: Path, tmp_path: Path) -> None:
    photo = indexed(album / "a.jpg")
    list(export_run.run({HAPPY: [photo]}, to, Link.COPY, None, (), ()))
    beside = to / "happy" / "0001-a.jpg.xmp"
    beside.write_bytes(DARKTABLE)
    before = held(to)
    assert results(exported([photo], to, report=tmp_path / "r.csv")) == {beside.name: "merge"}
    assert beside.read_bytes() == marked(DARKTABLE, MARKS)
    assert (to / "happy" / f"{beside.name}.bak").read_bytes() == DARKTABLE
    assert [outcome.fate for outcome in undo(tmp_path / "r.csv", [album], dry_run=True)] == [Fate.RESTORE]
    assert [outcome.fate for outcome in undo(tmp_path / "r.csv", [album])] == [Fate.RESTORE]
    assert held(to) == before
    assert list(undo(tmp_path / "r.csv", [album])) == []


def merged(album: Path, to: Path, report: Path) -> Path:
    """Return a sidecar beside a copy, to which an export with this report added."""
    photo = indexed(album / "a.jpg")
    list(export_run.run({HAPPY: [photo]}, to, Link.COPY, None, (), ()))
    beside = to / "happy" / "0001-a.jpg.xmp"
    beside.write_bytes(DARKTABLE)
    exported([photo], to, report=report)
    return beside


def test_undo_restores_a_sidecar_that_was_deleted(album: Path, to: Path, tmp_path: Path) -> None:
    beside = merged(album, to, tmp_path / "r.csv")
    beside.unlink()
    kept = beside.with_name(f"{beside.name}.bak")
    assert [outcome.fate for outcome in undo(tmp_path / "r.csv", [album], dry_run=True)] == [Fate.RESTORE]
    assert kept.exists()
    assert [outcome.fate for outcome in undo(tmp_path / "r.csv", [album])] == [Fate.RESTORE]
    assert held(to) == {"happy/0001-a.jpg": b"a photo", "happy/0001-a.jpg.xmp": DARKTABLE}


def test_undo_leaves_an_edited_original_of_a_sidecar_that_was_deleted(album: Path, to: Path, tmp_path: Path) -> None:
    beside = merged(album, to, tmp_path / "r.csv")
    beside.unlink()
    beside.with_name(f"{beside.name}.bak").write_bytes(b"edited")
    before = held(to)
    assert [outcome.fate for outcome in undo(tmp_path / "r.csv", [album])] == [Fate.LEFT]
    assert held(to) == before


@pytest.mark.parametrize("with_sidecar", [True, False])
def test_undo_has_nothing_to_restore_without_the_original_of_a_sidecar(
    with_sidecar: bool, album: Path, to: Path, tmp_path: Path
) -> None:
    beside = merged(album, to, tmp_path / "r.csv")
    beside.with_name(f"{beside.name}.bak").unlink()
    if not with_sidecar:
        beside.unlink()
    [outcome] = undo(tmp_path / "r.csv", [album])
    assert outcome.fate is (Fate.LEFT if with_sidecar else Fate.GONE)
    assert not outcome.may_pass


def test_a_sidecar_written_while_undo_restores_it_is_not_overwritten(
    album: Path, to: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = merged(album, to, tmp_path / "r.csv")
    beside.unlink()
    place = whole.place

    def place_late(temporary: Path, destination: Path) -> None:
        beside.write_bytes(b"another program was here")
        place(temporary, destination)

    monkeypatch.setattr(whole, "place", place_late)
    assert [outcome.fate for outcome in undo(tmp_path / "r.csv", [album])] == [Fate.LEFT]
    assert beside.read_bytes() == b"another program was here"
    assert beside.with_name(f"{beside.name}.bak").read_bytes() == DARKTABLE


@pytest.mark.parametrize("changed", ["0001-a.jpg.xmp", "0001-a.jpg.xmp.bak"])
def test_a_sidecar_edited_since_stays(changed: str, album: Path, to: Path, tmp_path: Path) -> None:
    photo = indexed(album / "a.jpg")
    list(export_run.run({HAPPY: [photo]}, to, Link.COPY, None, (), ()))
    (to / "happy" / "0001-a.jpg.xmp").write_bytes(DARKTABLE)
    exported([photo], to, report=tmp_path / "r.csv")
    (to / "happy" / changed).write_bytes(b"edited")
    before = held(to)
    assert [outcome.fate for outcome in undo(tmp_path / "r.csv", [album])] == [Fate.LEFT]
    assert held(to) == before


def test_a_second_merge_keeps_both_originals(album: Path, to: Path, tmp_path: Path) -> None:
    photo = indexed(album / "a.jpg")
    list(export_run.run({HAPPY: [photo]}, to, Link.COPY, None, (), ()))
    folder, name = to / "happy", "0001-a.jpg.xmp"
    other = DARKTABLE.replace(b"beach", b"sea")
    for number, content in enumerate((DARKTABLE, other)):
        (folder / name).write_bytes(content)
        exported([photo], to, report=tmp_path / f"{number}.csv")
    assert (folder / f"{name}.bak").read_bytes() == DARKTABLE
    assert (folder / f"{name}-2.bak").read_bytes() == other
    assert [outcome.fate for outcome in undo(tmp_path / "1.csv", [album])] == [Fate.RESTORE]
    assert (folder / name).read_bytes() == other


@pytest.mark.parametrize("content", [BOMB, b"", b"<html/>"])
def test_a_sidecar_that_is_not_understood_stays_as_it_is(content: bytes, album: Path, to: Path) -> None:
    photo = indexed(album / "a.jpg")
    list(export_run.run({HAPPY: [photo]}, to, Link.COPY, None, (), ()))
    (to / "happy" / "0001-a.jpg.xmp").write_bytes(content)
    before = held(to)
    [failed] = [item for item in exported([photo], to) if item.is_sidecar]
    assert failed.action == "fail"
    assert "nothing was added" in failed.reason
    assert held(to) == before


def test_a_sidecar_that_is_a_link_is_not_followed(album: Path, to: Path) -> None:
    photo = indexed(album / "a.jpg")
    list(export_run.run({HAPPY: [photo]}, to, Link.COPY, None, (), ()))
    (album / "a.jpg.xmp").write_bytes(DARKTABLE)
    os.symlink(album / "a.jpg.xmp", to / "happy" / "0001-a.jpg.xmp")
    [failed] = [item for item in exported([photo], to) if item.is_sidecar]
    assert failed.action == "fail"
    assert "is a link" in failed.reason
    assert (album / "a.jpg.xmp").read_bytes() == DARKTABLE


def test_a_sidecar_that_changes_while_it_is_replaced_stays(
    album: Path, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = indexed(album / "a.jpg")
    list(export_run.run({HAPPY: [photo]}, to, Link.COPY, None, (), ()))
    beside = to / "happy" / "0001-a.jpg.xmp"
    beside.write_bytes(DARKTABLE)
    put = sidecar._put_new

    def put_slowly(destination: Path, data: bytes, like: Path) -> None:
        put(destination, data, like)
        beside.write_bytes(b"another program was here")

    monkeypatch.setattr(sidecar, "_put_new", put_slowly)
    [failed] = [item for item in exported([photo], to) if item.is_sidecar]
    assert failed.action == "fail"
    assert beside.read_bytes() == b"another program was here"
    assert beside.with_name("0001-a.jpg.xmp.bak").read_bytes() == DARKTABLE


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_interrupt_while_a_sidecar_is_replaced_loses_no_bytes(
    when: str, album: Path, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = indexed(album / "a.jpg")
    list(export_run.run({HAPPY: [photo]}, to, Link.COPY, None, (), ()))
    beside = to / "happy" / "0001-a.jpg.xmp"
    beside.write_bytes(DARKTABLE)
    before = held(to)
    rename = os.replace

    def interrupted(old: Path, new: Path) -> None:
        if when == "after":
            rename(old, new)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        exported([photo], to)
    if when == "after":
        assert beside.read_bytes() == marked(DARKTABLE, MARKS)
        assert beside.with_name(f"{beside.name}.bak").read_bytes() == DARKTABLE
    else:
        assert held(to) == before


def test_undo_leaves_a_sidecar_whose_photo_is_gone(album: Path, to: Path, tmp_path: Path) -> None:
    exported([indexed(album / "a.jpg")], to, report=tmp_path / "r.csv")
    before = held(to)
    (album / "a.jpg").unlink()
    assert {outcome.fate for outcome in undo(tmp_path / "r.csv", [album])} == {Fate.LEFT}
    assert held(to) == before


def test_a_forged_report_restores_only_kept_originals(album: Path, to: Path, tmp_path: Path) -> None:
    (to / "happy").mkdir(parents=True)
    victim, other = to / "happy" / "0001-a.jpg.xmp", to / "happy" / "0002-b.jpg.xmp.bak"
    victim.write_bytes(DARKTABLE)
    other.write_bytes(b"other")
    (album / "0001-a.jpg.xmp.bak").write_bytes(b"other")
    for source in (other, album / "0001-a.jpg.xmp.bak", to / "happy" / "0001-a.jpg.xmp.bak" / ".." / other.name):
        report = tmp_path / "forged.csv"
        with journal.Journal.create(report, to) as written:
            digests = whole.digest(other), "merge", "", "copy", whole.digest(victim)
            written._note(journal.Line(str(source), str(victim), *digests))
        assert [outcome.fate for outcome in undo(report, [album])] == [Fate.LEFT]
        report.unlink()
    assert victim.read_bytes() == DARKTABLE


def test_a_copy_to_share_gets_only_what_this_program_says(album: Path, to: Path) -> None:
    photo = indexed(album / "a.jpg", encoded(quarters(64, 48)))
    (album / "a.jpg.xmp").write_bytes(planted.XMP)
    chosen = {HAPPY: [photo]}
    beside = Sidecars(SidecarName.LONG, chosen, copies_sources=False)
    list(export_run.run(chosen, to, Link.COPY, None, (), (), sharing=Sharing(), sidecars=beside))
    assert (to / "happy" / "0001-a.jpg.xmp").read_bytes() == marked(None, MARKS)


# the command


def test_the_command_counts_sidecars_apart_from_photos(library: SimpleNamespace, to: Path, tmp_path: Path) -> None:
    arguments = ("export", "happy", "--to", to, "--sidecar", "long")
    planned = invoke(*arguments, "--dry-run", db=library.database)
    assert not to.exists()
    assert [line.split("\t")[0] for line in planned.stdout.splitlines()] == ["write"] * 4
    assert "Sidecars: 2 would be written" in planned.stderr
    done = invoke(*arguments, "--report", tmp_path / "r.csv", db=library.database)
    assert "2 photos chosen" in done.stderr
    assert "\n2 written, 0 already there, 0 failed\n" in done.stderr
    assert "Sidecars: 2 written, 0 added to, 0 already complete, 0 failed" in done.stderr
    assert "4 files" in invoke("export", "--undo", tmp_path / "r.csv", db=library.database).stderr
    assert not to.exists()


def test_undo_says_how_many_sidecars_it_restored(library: SimpleNamespace, to: Path, tmp_path: Path) -> None:
    invoke("export", "anger", "--to", to, db=library.database)
    (to / "anger" / "0001-row.jpg.xmp").write_bytes(DARKTABLE)
    report = tmp_path / "r.csv"
    done = invoke("export", "anger", "--to", to, "--sidecar", "long", "--report", report, db=library.database)
    assert "1 added to" in done.stderr
    assert "0 files and 0 folders removed, 1 sidecars restored" in invoke("export", "--undo", report).stderr


def test_an_export_that_only_added_to_sidecars_is_the_last_one_to_undo(library: SimpleNamespace, to: Path) -> None:
    invoke("export", "anger", "--to", to, db=library.database)
    (to / "anger" / "0001-row.jpg.xmp").write_bytes(DARKTABLE)
    before = held(to)
    invoke("export", "anger", "--to", to, "--sidecar", "long", db=library.database)
    assert "1 sidecars restored" in invoke("export", "--undo", db=library.database).stderr
    assert held(to) == before
