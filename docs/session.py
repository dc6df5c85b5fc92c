"""Draw README's picture: a real terminal session, on an album that this script draws.

usage: python docs/session.py [OUT.svg=docs/session.svg]

Runs each command of COMMANDS on a terminal of its own and saves what it prints as an SVG. The album holds drawn faces
and the public-domain portrait of an astronaut that ships with scikit-image: nobody's private photos.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import ExifTags, Image, ImageDraw, ImageFilter
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text
from skimage import data

COMMANDS = (
    "albumsort index ~/Photos",
    "albumsort top happy -n 5 --since 2024",
    "albumsort why ~/Photos/portrait.jpg",
    "albumsort export --to ~/Sorted",
)
WIDTH = 90  # columns
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
GREY, RED, GREEN, YELLOW = (60, 64, 76), (240, 113, 120), (145, 207, 130), (238, 196, 110)
BLUE, PURPLE, CYAN, WHITE = (113, 164, 245), (200, 146, 234), (104, 204, 214), (214, 219, 229)
THEME = TerminalTheme((24, 26, 33), WHITE, [GREY, RED, GREEN, YELLOW, BLUE, PURPLE, CYAN, WHITE])
Colour = tuple[int, int, int]
SKINS: tuple[Colour, ...] = ((224, 172, 140), (241, 200, 170))
HAIR: Colour = (45, 32, 26)
BACKGROUNDS: tuple[Colour, ...] = ((120, 150, 190), (150, 175, 140), (190, 165, 140), (140, 140, 165))


@dataclass(frozen=True)
class Drawn:
    """A photo to draw: the mouth of each face in it, and the day it was taken."""

    name: str
    mouths: tuple[str, ...]
    taken: str


ALBUM = (
    Drawn("2023/picnic.jpg", ("smile", "smile", "flat"), "2023:06:11 15:20:00"),
    Drawn("2023/passport.jpg", ("flat",), "2023:09:02 09:05:00"),
    Drawn("2024/birthday.jpg", ("smile", "smile"), "2024:03:30 18:45:00"),
    Drawn("2024/platform.jpg", ("flat",), "2024:05:21 07:58:00"),
    Drawn("2024/lake.jpg", ("smile",), "2024:07:14 11:02:00"),
    Drawn("2024/lake-2.jpg", ("smile", "smile"), "2024:07:14 11:04:00"),
    Drawn("2024/queue.jpg", ("flat", "flat"), "2024:10:05 08:12:00"),
    Drawn("2024/fireworks.jpg", ("smile", "flat"), "2024:12:31 23:59:00"),
)


def draw_face(canvas: Image.Image, left: int, number: int, mouth: str) -> None:
    """Draw a face, 480 pixels wide, with hair, a shirt and this mouth."""
    skin = SKINS[number % len(SKINS)]
    shade = tuple(int(0.88 * value) for value in skin)
    draw = ImageDraw.Draw(canvas)

    def disc(x: int, y: int, across: int, down: int, colour: Colour) -> None:
        draw.ellipse([left + x - across, y - down, left + x + across, y + down], fill=colour)

    disc(240, 200, 135, 160, HAIR)
    draw.rectangle([left + 190, 340, left + 290, 480], fill=shade)
    disc(240, 500, 220, 90, ((40, 60, 110), (120, 50, 60), (50, 100, 80))[number % 3])
    disc(240, 240, 110, 145, skin)
    for x, side in ((195, 1), (285, -1)):
        if mouth == "smile":
            draw.arc([left + x - 30, 170, left + x + 30, 210], 200, 340, fill=HAIR, width=8)
        else:
            draw.line([left + x - 30, 187 - 5 * side, left + x + 30, 187 + 5 * side], fill=HAIR, width=8)
        disc(x, 215, 22, 10, (250, 250, 250))
        disc(x, 215, 10, 10, HAIR)
        disc(x, 215, 5, 5, (0, 0, 0))
    draw.polygon([(left + 240, 220), (left + 222, 275), (left + 258, 275)], fill=shade)
    disc(229, 275, 6, 4, (120, 70, 60))
    disc(251, 275, 6, 4, (120, 70, 60))
    if mouth == "smile":
        draw.chord([left + 190, 265, left + 290, 345], 15, 165, fill=(150, 40, 40))
        draw.chord([left + 200, 285, left + 280, 338], 20, 160, fill=(250, 250, 250))
    else:
        draw.line([left + 205, 318, left + 275, 318], fill=(150, 60, 60), width=9)


def draw_photo(photo: Drawn, number: int) -> Image.Image:
    """Draw the faces of a photo side by side."""
    canvas = Image.new("RGB", (480 * len(photo.mouths), 480), BACKGROUNDS[number % len(BACKGROUNDS)])
    for place, mouth in enumerate(photo.mouths):
        draw_face(canvas, 480 * place, number + place, mouth)
    return canvas.filter(ImageFilter.GaussianBlur(3))


def draw_album(folder: Path) -> None:
    """Write the album's photos, each with the time it was taken."""
    pictures = {photo: draw_photo(photo, number) for number, photo in enumerate(ALBUM)}
    pictures[Drawn("portrait.jpg", (), "2024:05:01 10:00:00")] = Image.fromarray(data.astronaut())
    for photo, picture in pictures.items():
        path = folder / photo.name
        path.parent.mkdir(parents=True, exist_ok=True)
        exif = Image.Exif()
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = photo.taken
        picture.save(path, quality=95, exif=exif)


def run(command: str, home: Path) -> str:
    """Return what a command prints on a terminal: first its output, then its messages, without progress bars."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ALBUMSORT_")}
    environment |= {"HOME": str(home), "XDG_DATA_HOME": str(home / ".data"), "COLUMNS": str(WIDTH), "TERM": "xterm"}
    environment |= {"COLORTERM": "truecolor", "albumsort": f"{sys.executable} -m albumsort"}
    terminal, its_end = pty.openpty()
    script = command.replace("albumsort", "$albumsort", 1)
    done = subprocess.run(["sh", "-c", script], env=environment, stdout=its_end, stderr=subprocess.PIPE, text=True)
    os.close(its_end)
    printed = b""
    while part := _read(terminal):
        printed += part
    os.close(terminal)
    if done.returncode:
        raise SystemExit(f"{command}: {done.stderr}")
    return (printed.decode() + done.stderr).replace("\r", "").replace(str(home), "/home/ada").strip("\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # Linux: nobody holds the other end, and everything was read
        return b""


def main(out: Path) -> None:
    """Run the session and save it."""
    with open(os.devnull, "w") as nowhere, tempfile.TemporaryDirectory() as temporary:
        console = Console(record=True, width=WIDTH, file=nowhere, force_terminal=True)
        home = Path(temporary)
        draw_album(home / "Photos")
        for number, command in enumerate(COMMANDS):
            console.print(Text(end="\n") if number else "", end="\n" if number else "")
            console.print(Text.assemble(("$ ", "bold green"), (command, "bold white")))
            console.print(Text.from_ansi(run(command, home)))
    svg = console.export_svg(title="albumsort", theme=THEME, unique_id="session")
    svg = re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # a picture loads nothing from the network
    svg = svg.replace("Fira Code, monospace", FONTS).replace("font-family: arial", "font-family: system-ui, sans-serif")
    out.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("session.svg"))
