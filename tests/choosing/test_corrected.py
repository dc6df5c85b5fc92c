"""What the user says of a face holds, whichever number and box a network gives it."""

from __future__ import annotations

from dataclasses import replace

from helpers import face
from hypothesis import given
from hypothesis import strategies as st

from albumsort.choosing.corrected import Mark, corrected
from albumsort.types import Box, Emotion, Kind

LEFT, RIGHT = Box(0, 0, 100, 100), Box(200, 0, 100, 100)
FACES = (face((0, 0, 100, 100), happy=0.9), replace(face((200, 0, 100, 100), sad=0.8), detection=0.4))


def test_a_marked_emotion_is_certain_and_leaves_the_other_face_alone() -> None:
    first, second = corrected(FACES, [Mark("d", RIGHT, Emotion.ANGER)])
    assert first == FACES[0]
    assert (second.label, second.sure, second.nothing, second.detection) == (Emotion.ANGER, 1.0, 0.0, 1.0)
    assert second.probabilities == {emotion: float(emotion is Emotion.ANGER) for emotion in Emotion}


def test_no_face_leaves_it_out_and_a_face_counts() -> None:
    assert corrected(FACES, [Mark("d", LEFT, Kind.NO_FACE)]) == (replace(FACES[1], matters=False),)
    first, second = corrected(FACES, [Mark("d", RIGHT, Kind.FACE)])
    assert first == FACES[0]
    assert (second.detection, second.probabilities) == (1.0, FACES[1].probabilities)


def test_a_mark_holds_for_a_moved_box_but_not_for_another_face() -> None:
    moved = Mark("d", Box(12, -8, 104, 96), Emotion.SAD)
    assert next(iter(corrected(FACES, [moved]))).label is Emotion.SAD
    assert corrected(FACES, [Mark("d", Box(80, 0, 100, 100), Emotion.SAD)]) == FACES
    assert corrected((), [moved]) == ()


@given(st.permutations(range(4)), st.permutations(range(4)))
def test_the_order_of_faces_and_marks_does_not_matter(order: list[int], marked: list[int]) -> None:
    boxes = [(200.0 * i, 0.0, 100.0, 100.0) for i in range(4)]
    says = [Emotion.SAD, Kind.NO_FACE, Kind.FACE, Emotion.HAPPY]
    faces = [face(boxes[i], neutral=0.6 + i / 100) for i in order]
    seen = corrected(faces, [Mark("d", Box(*boxes[i]), says[i]) for i in marked])
    assert {f.box.x: f.label for f in seen} == {
        0.0: Emotion.SAD,
        400.0: Emotion.NEUTRAL,
        600.0: Emotion.HAPPY,
    }
