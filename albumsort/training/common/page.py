"""Parts of every report: charts as PNGs, tables as CSV, and one HTML page that shows them."""

from __future__ import annotations

import csv
import html
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...text import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE = (
    "body { font-family: sans-serif; max-width: 1100px; margin: 2em auto } img { max-width: 100% } "
    "table { border-collapse: collapse; font-size: small } th { text-align: left } "
    "td, th { padding: .15em .8em .15em 0; border-bottom: 1px solid #ddd } td { font-variant-numeric: tabular-nums }"
)

Draw = Callable[["Figure"], None]


@dataclass(frozen=True)
class Picture:
    """A PNG file beside the page."""

    title: str
    file: str


@dataclass(frozen=True)
class Table:
    """A table for people to read. file: name of a CSV beside the page with the same figures and more, or empty."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    file: str = ""


def plain(table: Table) -> str:
    """Return the table as aligned lines for a terminal or a pipe."""
    lines = [table.header, *table.rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([table.title, *([table.note] if table.note else []), *aligned])


def draw(folder: Path, charts: Iterable[tuple[str, str, Draw]]) -> list[Picture]:
    """Draw charts, each a (name, title, drawing function), into `folder` as NAME.png."""
    import matplotlib  # not needed for tables alone
    from matplotlib.figure import Figure

    pictures = []
    with matplotlib.rc_context({"text.parse_math": False}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # names may be in any script
        for name, title, draw_on in charts:
            figure = Figure(figsize=(11, 6), layout="constrained")
            draw_on(figure)
            figure.savefig(folder / f"{name}.png", dpi=100)
            pictures.append(Picture(title, f"{name}.png"))
    return pictures


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table for programs: floats with six significant digits, NaN as an empty cell."""
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([_plain(cell) for cell in row] for row in rows)


def _plain(cell: object) -> object:
    if isinstance(cell, float):
        return "" if cell != cell else f"{cell:.6g}"
    return cell


def write(path: Path, title: str, parts: Iterable[Picture | Table], about: str = "") -> None:
    """Write the page; all texts are escaped, so they may contain anything."""
    body = "\n".join(_picture(part) if isinstance(part, Picture) else _table(part) for part in parts)
    name = _text(title)
    note = f"<p>{_text(about)}</p>\n" if about else ""
    path.write_text(
        f'<!doctype html>\n<meta charset="utf-8">\n<title>{name}</title>\n<style>{STYLE}</style>\n'
        f"<h1>{name}</h1>\n{note}{body}\n",
        encoding="utf-8",
    )


def _picture(part: Picture) -> str:
    return f'<h2>{_text(part.title)}</h2>\n<img src="{_text(part.file)}" alt="{_text(part.title)}">'


def _table(part: Table) -> str:
    lines = [_row("th", part.header), *(_row("td", row) for row in part.rows)]
    note = f"<p>{_text(part.note)}</p>\n" if part.note else ""
    link = f'\n<p><a href="{_text(part.file)}">{_text(part.file)}</a></p>' if part.file else ""
    return f"<h2>{_text(part.title)}</h2>\n{note}<table>\n" + "\n".join(lines) + f"\n</table>{link}"


def _row(kind: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{kind}>{_text(cell)}</{kind}>" for cell in cells) + "</tr>"


def _text(text: str) -> str:
    return html.escape(printable(text))
