"""python -m albumsort."""

from .cli import app

app(prog_name="albumsort")
