"""Note in the index who matters in a photo, as its faces and the user's marks tell."""

from __future__ import annotations

from ..choosing.corrected import corrected, marked
from ..choosing.labels import LabelRule
from ..choosing.matters import judged
from ..types import Kind
from .database import Database
from .marks import marks_of
from .reader import stored_faces
from .rows import face_of_row
from .shares import EVEN

ANY_RULE = LabelRule(EVEN, EVEN)
"""Who matters does not depend on labels."""


def note_people(database: Database, digest: str) -> None:
    """Note who matters in the photo with this content hash, if the index has a result for it."""
    found = database.writer.execute("SELECT id FROM contents WHERE digest = ?", (digest,)).fetchone()
    if found is None:
        return
    [content] = found
    faces = [face_of_row(row, ANY_RULE) for row in stored_faces(database, content)]
    marks = marks_of(database, digest)
    about = marked(faces, marks)
    left = [place for place in range(len(faces)) if place not in about or about[place].says is not Kind.NO_FACE]
    people = dict(zip(left, judged(corrected(faces, marks)), strict=True))
    database.writer.executemany(
        "UPDATE faces SET matters = ? WHERE content = ? AND number = ?",
        [(place in people and people[place].matters, content, place) for place in range(len(faces))],
    )
