"""The upgrade notes who matters in stored photos, as `choosing.matters` judges."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from any_faces import ANY_FACE
from hypothesis import given, settings
from hypothesis import strategies as st
from test_schema import build

from albumsort.choosing.matters import judged
from albumsort.index.database import Database
from albumsort.types import Emotion, Face

ROUND = st.builds(  # few values, so that faces are often equal, or as small or blurred as is just allowed
    lambda one, size, sharpness, detection, nothing: replace(
        one, size=size, sharpness=sharpness, detection=detection, nothing=nothing
    ),
    ANY_FACE,
    st.sampled_from([0.1, 0.2, 0.25, 0.5]),
    st.sampled_from([None, 0.0, 0.2, 0.22, 0.48, 0.5]),
    st.sampled_from([0.4, 0.5, 0.9, 0.95, 1.0]),
    st.sampled_from([0.0, 0.84, 0.85, 1.0]),
)


@settings(max_examples=100)
@given(
    photos=st.lists(st.lists(ANY_FACE, max_size=5) | st.lists(ROUND, max_size=5), min_size=1, max_size=4),
    unknown=st.booleans(),
)
def test_people_are_those_that_the_rule_judges(photos: list[list[Face]], unknown: bool) -> None:
    """unknown: whether nothing was ever asked of the faces."""
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder, "index.sqlite")
        build(database, 7)
        with closing(sqlite3.connect(database)) as raw:
            for number, faces in enumerate(photos):
                raw.execute(
                    "INSERT INTO contents (id, digest, found_with, width, height) VALUES (?, ?, 'x', 9, 9)",
                    (10 + number, f"photo {number}"),
                )
                store(raw, 10 + number, faces, unknown)
            raw.commit()
        Database(database).close()
        with closing(sqlite3.connect(database)) as raw:
            found = raw.execute("SELECT matters FROM faces WHERE content >= 10 ORDER BY content, number").fetchall()
    known = [[replace(one, nothing=0.0) if unknown else one for one in faces] for faces in photos]
    assert [bool(matters) for (matters,) in found] == [one.matters for faces in known for one in judged(faces)]


def store(raw: sqlite3.Connection, content: int, faces: Sequence[Face], unknown: bool) -> None:
    """Store faces as version 7 did."""
    for number, one in enumerate(faces):
        values = {"content": content, "number": number, "x": 1, "y": 1, "w": one.box.w, "h": one.box.h}
        values |= {"landmarks": json.dumps(one.landmarks), "detection": one.detection, "size": one.size}
        values |= {"sharpness": one.sharpness, '"nothing"': None if unknown else one.nothing, "eyes": one.eyes}
        values |= {e.value: one.probabilities[e] for e in Emotion}
        raw.execute(
            f"INSERT INTO faces ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})", tuple(values.values())
        )
