"""The page of a gallery without its photos: its text before and after them, and what it may do in a browser."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from importlib.resources import files
from typing import Any

SCRIPTS = ("base", "choices", "grid", "large", "boxes", "panel", "sheets", "start")
"""The parts of the script, in the order in which they run."""


def parts() -> tuple[str, str, str]:
    """Return the page's HTML before its sections, between them and its data, and after the data."""
    words = _file("words.json")
    style, script = _file("gallery.css"), "\n".join(_file(f"{name}.js") for name in SCRIPTS)
    texts = json.loads(words)
    values = {
        "policy": _policy(style, script),
        "title": html.escape(texts["title"]),
        "without_script": html.escape(texts["without_script"]),
        "style": style,
        "script": script,
        "words": embedded(texts),
    }
    page = _file("gallery.html").format_map(values)
    before, _, rest = page.partition("<!-- sections -->\n")
    between, _, after = rest.partition("<!-- data -->")
    return before, between, after


def words() -> Any:
    """Return the texts of the page."""
    return json.loads(_file("words.json"))


def embedded(value: Any) -> str:
    """Return a value as JSON for a script element, in ASCII and without a character that could end the element."""
    text = json.dumps(value, separators=(",", ":"), sort_keys=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _policy(style: str, script: str) -> str:
    """Return the content security policy: the page's own style and script run, and nothing is fetched."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}';"
        " base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _file(name: str) -> str:
    return (files(__package__) / "page" / name).read_text(encoding="utf-8")
