"""Draw the faces of a photo on it: boxes, landmarks, labels and probabilities, legible at any size."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count, product
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from ..disk import whole
from ..errors import AlbumsortError
from ..photos.upright import Upright
from ..types import Box, Emotion, Face
from .listing import labelled

Floats = npt.NDArray[np.float64]

LONGEST_SIDE = 1600
"""Longest side of a drawing in pixels. A tiny photo is enlarged, so that its text is no larger than its faces."""
CROWD, CROWD_SIDE = 30, 4000
"""With more faces than CROWD, the longest side becomes CROWD_SIDE pixels if notes would cover faces or each other."""
SHORTEST_SIDE = 480
"""Minimum side in pixels of a drawing whose notes do not fit on the photo: a narrow photo gets a margin for them."""
COLOURS = {
    Emotion.ANGER: (255, 96, 80),
    Emotion.HAPPY: (255, 214, 10),
    Emotion.SAD: (100, 180, 255),
    Emotion.NEUTRAL: (230, 230, 230),
    Emotion.SURPRISE: (255, 150, 230),
    Emotion.FEAR: (190, 150, 255),
    Emotion.DISGUST: (130, 220, 110),
    None: (150, 150, 150),
}
INK, PAPER = (255, 255, 255), (0, 0, 0)
FONT_SIZES = (26, 20, 15)
DETAIL = (7, 3, 0)  # lines of probabilities in a note; with 0, the note is the label with its probability
NUMBER_ALONE = -1  # least detail: the note is a number, and the colour of the box shows the label
MOST_IN_FULL = 3  # faces; the full notes of more would cover the photo
GAP = 4  # pixels between a face and its note
REACH = (0.0, 0.5, 1.5, 4.0)  # distances of a note from its face, in sizes of the note

# cost of covering something with a note
LANDMARKS_WEIGHT, NOTE_WEIGHT, FACE_WEIGHT, DISTANCE_WEIGHT = 8.0, 4.0, 1.0, 0.01


@dataclass(frozen=True)
class _Note:
    """The text for a face and its box, in pixels of the drawing."""

    text: str
    box: Box
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont


def draw(upright: Upright, faces: Sequence[Face], out: Path, numbers: Sequence[int] = ()) -> None:
    """Write a photo with its faces marked as a new JPEG; raises AlbumsortError if the file exists.

    numbers: of the faces; by default they count from 1.
    """
    picture, by, notes = _laid_out(upright, faces, numbers)
    line = 3
    pen = ImageDraw.Draw(picture)
    for face, note in zip(faces, notes, strict=True):
        _join(pen, face.box.scaled(by), note.box, COLOURS[face.label], line)
    for face in faces:
        _mark(pen, face, by, line)
    for face, note in zip(faces, notes, strict=True):
        _write(pen, note, COLOURS[face.label])
    if not faces:
        _write(pen, _no_face(), INK)
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=92)
    unfinished = out.with_name(whole.temporary_name())
    try:
        with unfinished.open("xb") as file:
            file.write(encoded.getbuffer())
        whole.place(unfinished, out)  # last, so that a full disk leaves no half-written file named `out`
    except FileExistsError as e:
        raise AlbumsortError(f"{out} exists already and is not overwritten; name another file") from e
    except OSError as e:
        raise AlbumsortError(f"cannot write {out}: {e.strerror or e}") from e
    finally:
        with suppress(OSError):  # renamed, never created, or left hidden: the error above explains why
            unfinished.unlink()


def _laid_out(
    upright: Upright, faces: Sequence[Face], numbers: Sequence[int] = ()
) -> tuple[Image.Image, float, list[_Note]]:
    """Return the picture to draw on, its scale relative to the photo, and a note for each face."""
    by = LONGEST_SIDE / max(upright.width, upright.height)
    picture = _enlarged(upright, by)
    details = DETAIL if len(faces) <= MOST_IN_FULL else DETAIL[1:] if len(faces) <= CROWD else DETAIL[-1:]
    notes, detail = _notes(faces, by, picture.size, details, numbers)
    if detail != details[0] and min(picture.size) < SHORTEST_SIDE:
        picture = _widened(picture)
        notes, detail = _notes(faces, by, picture.size, details, numbers)
    if detail is None and len(faces) > CROWD:
        by = CROWD_SIDE / max(upright.width, upright.height)
        picture = _enlarged(upright, by)
        notes, _ = _notes(faces, by, picture.size, (DETAIL[-1], NUMBER_ALONE), numbers)
    return picture, by, notes


def _enlarged(upright: Upright, by: float) -> Image.Image:
    """Return the photo, resized by a factor."""
    picture = Image.fromarray(upright.pixels[:, :, ::-1])
    size = max(1, round(upright.width * by)), max(1, round(upright.height * by))
    return picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)


def _widened(picture: Image.Image) -> Image.Image:
    """Return a narrow picture with a black margin at the right or below."""
    width, height = picture.size
    paper = Image.new("RGB", (max(width, SHORTEST_SIDE), max(height, SHORTEST_SIDE)), PAPER)
    paper.paste(picture)
    return paper


def _no_face() -> _Note:
    font = ImageFont.load_default(FONT_SIZES[0])
    return _Note("no face", _text_box("no face", font), font)


def _notes(
    faces: Sequence[Face], by: float, size: tuple[int, int], details: Sequence[int], numbers: Sequence[int] = ()
) -> tuple[list[_Note], int | None]:
    """Return a note for each face, as detailed and large as fits, and the level of detail.

    Notes fit if they lie inside the picture and cover no face and no other note. If none fit, return those that cover
    least, and None.
    """
    if not faces:
        return [], details[0] if _is_inside(_no_face().box, size) else None
    best, least = list[_Note](), float("inf")
    for detail, font_size in product(details, FONT_SIZES):
        font = ImageFont.load_default(font_size)
        texts = [_text(number, face, detail) for number, face in zip(numbers or count(1), faces, strict=False)]
        notes, covered = _placed(texts, faces, by, size, font)
        if covered < least:
            best, least = notes, covered
        if covered == 0 and all(_is_inside(note.box, size) for note in notes):
            return notes, detail
    return best, None


def _is_inside(box: Box, size: tuple[int, int]) -> bool:
    return box.x + box.w <= size[0] and box.y + box.h <= size[1]


def _text(number: int, face: Face, detail: int) -> str:
    if detail == NUMBER_ALONE:
        return str(number)
    named = sorted(face.probabilities.items(), key=lambda pair: -pair[1])[:detail]
    if not named:
        return f"{number} {_label(face)}"
    sharp = "" if face.sharpness is None else f", sharp {face.sharpness:.2f}"
    lines = [f"{number}  {_label(face)}", f"face {face.detection:.2f}{sharp}"]
    return "\n".join([*lines, *(f"{emotion} {100 * p:.1f} %" for emotion, p in named)])


def _label(face: Face) -> str:
    return labelled(face.label, face.sure) or "no label"


def _placed(
    texts: Sequence[str],
    faces: Sequence[Face],
    by: float,
    size: tuple[int, int],
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> tuple[list[_Note], float]:
    """Place each text where it covers least; return the notes and the weighted area they cover, in square pixels."""
    boxes = [face.box.scaled(by) for face in faces]
    marks = [_around([(x * by, y * by) for x, y in face.landmarks]) for face in faces]
    covered = _Covered([(box, FACE_WEIGHT) for box in boxes] + [(mark, LANDMARKS_WEIGHT) for mark in marks])
    notes, total = list[_Note](), 0.0
    for text, box in zip(texts, boxes, strict=True):
        room = _text_box(text, font)
        places = _inside(_places(box, room.w, room.h), size)
        costs = covered.by(places)
        distances = np.hypot(*(places[:, :2] + places[:, 2:] / 2 - (box.x + box.w / 2, box.y + box.h / 2)).T)
        chosen = int(np.argmin(costs + DISTANCE_WEIGHT * distances))
        notes.append(_Note(text, Box(*places[chosen].tolist()), font))
        covered.add(notes[-1].box, NOTE_WEIGHT)
        total += float(costs[chosen])
    return notes, total


class _Covered:
    """Boxes that notes should not cover, each with a weight per square pixel."""

    def __init__(self, boxes: Sequence[tuple[Box, float]]) -> None:
        self._rows = np.array([(b.x, b.y, b.x + b.w, b.y + b.h, weight) for b, weight in boxes])

    def add(self, box: Box, weight: float) -> None:
        self._rows = np.vstack([self._rows, (box.x, box.y, box.x + box.w, box.y + box.h, weight)])

    def by(self, places: Floats) -> Floats:
        """Return the weighted area, (n,) square pixels, that each place, (n, 4) rows of x, y, w, h, would cover."""
        left, top = places[:, :2].min(axis=0)
        right, bottom = (places[:, :2] + places[:, 2:]).max(axis=0)
        x, y, end_x, end_y, _ = self._rows.T
        rows = self._rows[(x < right) & (end_x > left) & (y < bottom) & (end_y > top)]  # in a crowd, only a few
        places = places[:, None]
        corner = np.minimum(places[..., :2] + places[..., 2:], rows[:, 2:4])
        shared = np.clip(corner - np.maximum(places[..., :2], rows[:, :2]), 0, None).prod(axis=2)
        return np.asarray(shared @ rows[:, 4], np.float64)


def _places(box: Box, w: float, h: float) -> Floats:
    """Return places for a note of size w, h near a face: (n, 4), nearest first; below, then above, then beside it."""
    places = list[tuple[float, ...]]()
    for reach in REACH:
        gap_x, gap_y = GAP + reach * w, GAP + reach * h
        for x in (box.x, box.x + box.w - w, box.x - gap_x, box.x + box.w - w + gap_x):
            places += [(x, box.y + box.h + gap_y, w, h), (x, box.y - h - gap_y, w, h)]
        for y in (box.y, box.y + box.h - h, box.y - gap_y, box.y + box.h - h + gap_y):
            places += [(box.x + box.w + gap_x, y, w, h), (box.x - w - gap_x, y, w, h)]
    return np.array(places)


def _inside(places: Floats, size: tuple[int, int]) -> Floats:
    """Return the places, moved so that they lie inside a picture of this size."""
    moved = places.copy()
    moved[:, :2] = np.clip(places[:, :2], 0, np.maximum(0, np.array(size) - places[:, 2:]))
    return moved


def _around(points: Sequence[tuple[float, float]]) -> Box:
    x, y = [x for x, _ in points], [y for _, y in points]
    return Box(min(x), min(y), max(x) - min(x), max(y) - min(y))


def _text_box(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> Box:
    pen = ImageDraw.Draw(Image.new("1", (1, 1)))
    _, _, right, bottom = pen.multiline_textbbox((0, 0), text, font=font)
    return Box(0, 0, right + 12, bottom + 12)


def _join(pen: ImageDraw.ImageDraw, face: Box, note: Box, colour: tuple[int, int, int], line: int) -> None:
    """Draw a line from a face to its note, if the note is at a distance."""
    start = (min(max(face.x, note.x + note.w / 2), face.x + face.w), min(max(face.y, note.y), face.y + face.h))
    end = (min(max(note.x, start[0]), note.x + note.w), min(max(note.y, start[1]), note.y + note.h))
    pen.line((*start, *end), fill=PAPER, width=3 * line)
    pen.line((*start, *end), fill=colour, width=line)


def _mark(pen: ImageDraw.ImageDraw, face: Face, by: float, line: int) -> None:
    """Draw box and landmarks with a dark border, visible on any background."""
    box, colour = face.box.scaled(by), COLOURS[face.label]
    corners = (box.x, box.y, box.x + box.w, box.y + box.h)
    pen.rectangle((corners[0] - 2, corners[1] - 2, corners[2] + 2, corners[3] + 2), outline=PAPER, width=line + 4)
    pen.rectangle(corners, outline=colour, width=line)
    radius = max(2.0, min(box.w, box.h) / 40)
    for x, y in face.landmarks:
        dot = (x * by - radius, y * by - radius, x * by + radius, y * by + radius)
        pen.ellipse(dot, fill=colour, outline=PAPER)


def _write(pen: ImageDraw.ImageDraw, note: _Note, colour: tuple[int, int, int]) -> None:
    box = note.box
    pen.rectangle((box.x, box.y, box.x + box.w, box.y + box.h), fill=PAPER, outline=colour, width=2)
    pen.multiline_text((box.x + 6, box.y + 4), note.text, fill=INK, font=note.font)
