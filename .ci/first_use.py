"""Index a folder of drawn photos with the albumsort installed beside this Python, which needs no extra for it."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

PROGRAM = Path(sys.executable).with_name("albumsort")
SKIN, DARK, WHITE, LIPS = (224, 172, 140), (60, 40, 30), (250, 250, 250), (150, 40, 40)


def smile() -> Image.Image:
    """A face that the networks take for one, and for a happy one."""
    picture = Image.new("RGB", (480, 480), (120, 150, 190))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((105, 40, 375, 360), DARK)  # hair
    draw.ellipse((20, 410, 460, 590), (40, 60, 110))  # shoulders
    draw.ellipse((130, 95, 350, 385), SKIN)
    for x in (195, 285):
        draw.arc((x - 30, 165, x + 30, 205), 200, 340, DARK, 8)
        draw.ellipse((x - 22, 203, x + 22, 227), WHITE)
        draw.ellipse((x - 11, 204, x + 11, 226), DARK)
    draw.polygon([(240, 220), (222, 275), (258, 275)], (205, 150, 120))  # nose
    draw.chord((190, 265, 290, 345), 15, 165, LIPS)
    draw.chord((200, 285, 280, 338), 20, 160, WHITE)
    return picture.filter(ImageFilter.GaussianBlur(3))


def albumsort(*arguments: str | Path) -> str:
    """Run a command that must succeed, and return what it prints."""
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"albumsort {arguments}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def main(folder: Path) -> None:
    """Draw, index, list, check; ends with what is wrong."""
    album, database = folder / "album", folder / "index.sqlite"
    album.mkdir()
    smile().save(album / "smile.jpg")
    Image.new("RGB", (320, 240), (60, 120, 50)).save(album / "meadow.png")
    albumsort("--db", database, "index", album)
    listed = {Path(photo["path"]).name: photo for photo in json.loads(albumsort("--db", database, "list", "--json"))}
    labels = {name: photo["label"] for name, photo in listed.items()}
    if labels != {"smile.jpg": "happy", "meadow.png": None}:
        sys.exit(f"other labels than what is drawn: {labels}")
    print(albumsort("--db", database, "doctor"), end="")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(temporary))
