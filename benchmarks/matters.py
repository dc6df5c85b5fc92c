"""Measure who matters in photos, and whether the label of a photo is the word that a viewer would give it.

usage: python benchmarks/matters.py PHOTOS JUDGED [--db INDEX]

PHOTOS: a folder with `faces` and `boxes` (boxes.json lists the true faces of group photos, and scenes without a face),
and `album`, with folders named after the four emotions. JUDGED: a CSV file of judged faces in `faces` (file,
box, labels). INDEX: an index of these folders; without one, they are indexed into a temporary one, which takes minutes.

`matters.csv` beside this file lists photos of `faces` with several faces: the centres of those that matter, and of the
rest, in pixels, and the words that a viewer would give the photo. The rule was chosen on the photos with the use
`choose`; those with the use `report` were judged afterwards, before the rule was seen on them. One viewer, a vision
model, judged all of them; a face in neither list was left open.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

import albumsort
from albumsort.choosing.matters import deciding_face, matters, those_that_matter
from albumsort.training.detectors.matching import OVERLAP, overlap
from albumsort.types import FOUR, Box, Face, Photo

JUDGED = Path(__file__).with_suffix(".csv")
NO_WORD = "none"


def largest(faces: Sequence[Face]) -> Face | None:
    """Return the largest face."""
    return max(faces, key=lambda face: face.box.area, default=None)


def largest_that_matters(faces: Sequence[Face]) -> Face | None:
    """Return the largest face that matters."""
    return largest(those_that_matter(faces))


def largest_labelled(faces: Sequence[Face]) -> Face | None:
    """Return the largest face that matters and has a label."""
    return largest([face for face in those_that_matter(faces) if face.label])


def surest(faces: Sequence[Face]) -> Face | None:
    """Return the face that matters and has the surest label."""
    return max(those_that_matter(faces), key=lambda face: face.sure or 0.0, default=None)


CHOICES: dict[str, Callable[[Sequence[Face]], Face | None]] = {
    "largest face": largest,
    "largest that matters": largest_that_matters,
    "largest labelled that matters": largest_labelled,
    "surest that matters": surest,
    "deciding_face": deciding_face,
}
RULES: dict[str, Callable[[Sequence[Face]], Sequence[bool]]] = {
    "every face matters": lambda faces: [True] * len(faces),
    "the largest face matters": lambda faces: [face is largest(faces) for face in faces],
    "matters": matters,
}


def word(face: Face | None) -> str:
    """Return the label of a face as a word."""
    return str(face.label) if face is not None and face.label else NO_WORD


def faces_at(photo: Photo, centres: str) -> list[int]:
    """Return the numbers of the faces with these centres; a centre that no face has now is left out."""
    found = []
    for centre in filter(None, centres.split(";")):
        x, y = map(float, centre.split())
        near = [
            (abs(f.box.x + f.box.w / 2 - x) + abs(f.box.y + f.box.h / 2 - y), i)
            for i, f in enumerate(photo.faces)
            if f.box.x <= x <= f.box.x + f.box.w and f.box.y <= y <= f.box.y + f.box.h
        ]
        if near:
            found.append(min(near)[1])
    return found


def table(title: str, columns: Sequence[str]) -> Table:
    """Return an empty table."""
    made = Table(*columns, title=title, title_justify="left")
    for column in made.columns[1:]:
        column.justify = "right"
    return made


def judged_tables(photos: dict[str, Photo]) -> list[Table]:
    """Return how often the rule is wrong on each side, and how often a word agrees, on the judged photos."""
    with JUDGED.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["file"] in photos]
    sides = table("Judged faces", ["rule", "use", "matter", "of these silenced", "the rest", "of these counted"])
    words = table("The word for a photo", ["label of", "use", "photos", "right"])
    for use in ("choose", "report"):
        of_use = [(photos[row["file"]], row) for row in rows if row["use"] == use]
        for name, rule in RULES.items():
            yes = [rule(p.faces)[i] for p, row in of_use for i in faces_at(p, row["matter"])]
            no = [rule(p.faces)[i] for p, row in of_use for i in faces_at(p, row["rest"])]
            sides.add_row(name, use, *map(str, (len(yes), yes.count(False), len(no), no.count(True))))
        worded = [(p, row["words"].split()) for p, row in of_use if row["words"]]
        for name, choose in CHOICES.items():
            right = sum(word(choose(p.faces)) in said for p, said in worded)
            words.add_row(name, use, str(len(worded)), str(right))
    return [sides, words]


def album_table(photos: Sequence[Photo]) -> Table:
    """Return how many photos of each folder have its label."""
    made = table("Photos of the folder with its label", ["label of", *FOUR, "with another label", "without a label"])
    for name, choose in CHOICES.items():
        words = [(p.path.parent.name, word(choose(p.faces))) for p in photos]
        right = [sum(folder == said == emotion for folder, said in words) for emotion in FOUR]
        none = sum(said == NO_WORD for _, said in words)
        made.add_row(name, *map(str, (*right, len(words) - sum(right) - none, none)))
    return made


def viewers_table(photos: dict[str, Photo], listed: Path) -> Table:
    """Return how many photos with one judged face have the label that most viewers gave that face."""
    with listed.open(newline="") as file:
        rows = list(csv.DictReader(file))
    files = [row["file"] for row in rows]
    said = {row["file"]: row["labels"].split() for row in rows if files.count(row["file"]) == 1}
    known = {"other": NO_WORD, "unclear": NO_WORD, "none": NO_WORD}
    most = {name: w for name, labels in said.items() for w in set(labels) if labels.count(w) > len(labels) / 2}
    made = table(
        "Photos with one face judged by viewers", ["label of", "photos", "right", "right, several faces found"]
    )
    for name, choose in CHOICES.items():
        right = {f: word(choose(photos[f].faces)) == known.get(w, w) for f, w in most.items() if f in photos}
        several = [ok for f, ok in right.items() if len(photos[f].faces) > 1]
        made.add_row(name, str(len(right)), str(sum(right.values())), f"{sum(several)} of {len(several)}")
    return made


def boxes_table(photos: dict[str, Photo], boxes: Path) -> Table:
    """Return which detections in group photos and in scenes without a face matter."""
    made = table("Detections", ["photos", "number", "true", "of these silenced", "false", "of these counted"])
    entries = [e for e in json.loads(boxes.read_text()) if e["file"] in photos]
    kinds = {"groups": ("dlib", "fddb", "wider_train", "wider_val"), "scenes without a face": ("noface",)}
    for name, sets in kinds.items():
        true, false = [], []
        chosen = [e for e in entries if e["set"] in sets]
        for entry in chosen:
            faces = photos[entry["file"]].faces
            for face, counted in zip(faces, matters(faces), strict=True):
                if any(overlap_of(face, box) >= OVERLAP for box in entry["boxes"]):
                    true.append(counted)
                elif not any(overlap_of(face, box) >= OVERLAP for box in entry["ignore"]):
                    false.append(counted)
        made.add_row(name, *map(str, (len(chosen), len(true), true.count(False), len(false), false.count(True))))
    return made


def overlap_of(face: Face, box: Sequence[float]) -> float:
    """Return intersection over union of a face and a box (x, y, width, height)."""
    return overlap(face.box, Box(*box))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("judged", type=Path)
    parser.add_argument("--db", type=Path)
    asked = parser.parse_args()
    folder = asked.photos.resolve()
    with tempfile.TemporaryDirectory() as temporary:
        db = asked.db or Path(temporary, "index.sqlite")
        if asked.db is None:
            albumsort.index_photos([folder / name for name in ("faces", "boxes", "album")], db=db)
        with albumsort.open_index(db) as index:
            photos = {name: list(index.photos(folders=[folder / name])) for name in ("faces", "boxes", "album")}
    faces, boxes = ({p.path.name: p for p in photos[name]} for name in ("faces", "boxes"))
    console = Console()
    for shown in (
        *judged_tables(faces),
        viewers_table(faces, asked.judged),
        album_table(photos["album"]),
        boxes_table(boxes, folder / "boxes" / "boxes.json"),
    ):
        console.print(shown)


if __name__ == "__main__":
    main()
