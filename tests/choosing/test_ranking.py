from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import face, save
from hypothesis import given, settings
from hypothesis import strategies as st
from index_rows import asked

from albumsort.choosing.ranking import is_sure, sort
from albumsort.index.database import Database
from albumsort.query import By, Filters
from albumsort.types import FOUR, Emotion, Face, Photo


def photo(name: str, *faces: Face) -> Photo:
    return Photo(Path("/album", name), 640, 480, None, None, name, faces)


def sorted_into(photos: Sequence[Photo], asked: Sequence[Emotion] = FOUR) -> dict[str, list[str]]:
    folders = sort(photos, asked).folders
    return {name: [photo.path.name for photo in group] for name, group in folders.items()}


# ranking


def test_the_top_is_ordered_by_the_probability_over_all_expressions(index: Database) -> None:
    save(index, "/album/surprised.jpg", [face(surprise=0.6, happy=0.35)])
    save(index, "/album/smiling.jpg", [face(happy=0.5, neutral=0.45)])
    photos = asked(index, Emotion.HAPPY, By.MAX, Filters(), 0.0, 2)
    assert [p.path.name for p in photos] == ["smiling.jpg", "surprised.jpg"]
    assert [p.score for p in photos] == [0.5, 0.35]


def test_the_top_is_as_long_as_asked(index: Database) -> None:
    for number in range(5):
        save(index, f"/album/{number}.jpg", [face(sad=number / 10)])
    photos = asked(index, Emotion.SAD, By.MAX, Filters(), 0.0, 3)
    assert [p.path.name for p in photos] == ["4.jpg", "3.jpg", "2.jpg"]
    assert len(asked(index, Emotion.SAD, By.MAX, Filters(), 0.0, 99)) == 5


# sorting into folders


def test_each_photo_goes_to_the_folder_of_its_label() -> None:
    photos = [photo(f"{emotion}.jpg", face(**{emotion.value: 0.9})) for emotion in FOUR]
    assert sorted_into(photos) == {emotion.value: [f"{emotion}.jpg"] for emotion in FOUR}


def test_every_asked_folder_is_named_though_nothing_belongs_there() -> None:
    assert sorted_into([]) == {"anger": [], "happy": [], "sad": [], "neutral": []}
    assert sorted_into([], [Emotion.FEAR]) == {"fear": []}


def test_a_photo_is_sorted_by_its_largest_face() -> None:
    pair = photo("pair.jpg", face((0, 0, 20, 20), happy=0.99), face((30, 0, 90, 90), sad=0.6))
    assert sorted_into([pair])["sad"] == ["pair.jpg"]
    assert sorted_into([pair])["happy"] == []


def test_a_photo_without_a_face_is_only_counted() -> None:
    found = sort([photo("hills.jpg"), photo("sea.jpg"), photo("glad.jpg", face(happy=0.9))], FOUR)
    assert {emotion: len(group) for emotion, group in found.folders.items()} == dict.fromkeys(FOUR, 0) | {"happy": 1}
    assert (found.without_face, found.unlabelled, found.others) == (2, 0, {})


def test_a_photo_without_a_label_or_without_people_is_only_counted() -> None:
    unread = photo("blur.jpg", face((0, 0, 90, 90), sad=0.3, nothing=0.8))
    statue = photo("statue.jpg", replace(face((0, 0, 90, 90), sad=0.9), matters=False))
    found = sort([unread, statue], FOUR)
    assert not any(found.folders.values())
    assert (found.without_face, found.unlabelled, found.others) == (0, 2, {})


def test_labels_decide_the_folder_and_probabilities_the_order() -> None:
    """A label depends on the album; a probability does not."""
    moved = replace(face(neutral=0.5, sad=0.3), label=Emotion.SAD, sure=0.9)
    photos = [photo("a.jpg", moved), photo("b.jpg", face(sad=0.8))]
    assert sorted_into(photos)["sad"] == ["b.jpg", "a.jpg"]
    assert sorted_into(photos)["neutral"] == []


def test_higher_scores_come_first_and_equal_ones_by_path() -> None:
    photos = [
        photo("b.jpg", face(happy=0.8)),
        photo("c.jpg", face(happy=0.9)),
        photo("a.jpg", face(happy=0.8)),
    ]
    assert sorted_into(photos)["happy"] == ["c.jpg", "a.jpg", "b.jpg"]


def test_photos_of_other_labels_are_left_out_when_one_emotion_is_asked_for() -> None:
    photos = [photo("glad.jpg", face(happy=0.6, sad=0.3)), photo("low.jpg", face(sad=0.9))]
    assert sorted_into(photos, [Emotion.SAD]) == {"sad": ["low.jpg"]}


def test_photos_of_other_labels_are_never_put_into_the_requested_folders() -> None:
    shocks = [photo(f"{number}.jpg", face(surprise=0.8, neutral=0.15)) for number in range(3)]
    photos = [*shocks, photo("spider.jpg", face(fear=0.9)), photo("low.jpg", face(sad=0.9))]
    found = sort(photos, FOUR)
    assert found.others == {Emotion.SURPRISE: 3, Emotion.FEAR: 1}
    assert [p.path.name for group in found.folders.values() for p in group] == ["low.jpg"]
    both = sort(photos, [Emotion.SURPRISE, Emotion.FEAR])
    assert [len(group) for group in both.folders.values()] == [3, 1]
    assert both.others == {Emotion.SAD: 1}


def test_unsure_labels_come_into_a_folder_of_their_own_if_asked() -> None:
    photos = [
        photo("glad.jpg", face(happy=0.95)),
        photo("maybe.jpg", face(happy=0.5)),
        photo("wow.jpg", face(fear=0.5)),
    ]
    found = sort(photos, FOUR, unsure_folder=True)
    assert {name: [p.path.name for p in group] for name, group in found.folders.items() if group} == {
        "happy": ["glad.jpg"],
        "unsure": ["maybe.jpg"],
    }
    assert found.others == {Emotion.FEAR: 1}
    assert "unsure" not in sort(photos, FOUR).folders


def test_each_folder_gets_one_frame_of_a_moment_if_asked() -> None:
    burst = [replace(photo(f"{n}.jpg", face(happy=0.9 + n / 100)), moment=7) for n in range(3)]
    [best] = sort([*burst, photo("low.jpg", face(sad=0.9))], [Emotion.HAPPY], moments=True).folders["happy"]
    assert (best.path.name, best.behind) == ("2.jpg", 2)
    assert len(sort(burst, FOUR).folders["happy"]) == 3


def test_a_photo_in_a_folder_has_the_score_of_that_emotion_in_its_largest_face() -> None:
    pair = photo("pair.jpg", face((0, 0, 20, 20), sad=0.99), face((30, 0, 90, 90), sad=0.6))
    [scored] = sort([pair], FOUR).folders[Emotion.SAD]
    assert (scored.score, scored.emotion) == (0.6, Emotion.SAD)


FACES = st.lists(st.floats(0.01, 1), min_size=len(Emotion) + 1, max_size=len(Emotion) + 1).map(
    lambda parts: face(
        nothing=parts[-1], **{e.value: p / sum(parts[:-1]) for e, p in zip(Emotion, parts[:-1], strict=True)}
    )
)


@settings(max_examples=50)
@given(
    st.lists(st.lists(FACES, max_size=2), max_size=12),
    st.sets(st.sampled_from(list(Emotion))),
    st.booleans(),
)
def test_every_photo_is_in_one_folder_or_counted_as_left_out(
    photos: list[list[Face]], asked: set[Emotion], unsure: bool
) -> None:
    found = sort([photo(f"{number}.jpg", *faces) for number, faces in enumerate(photos)], sorted(asked), unsure)
    placed = [p.path for group in found.folders.values() for p in group]
    assert len(placed) == len(set(placed))
    left = found.without_face + found.unlabelled + sum(found.others.values())
    assert len(placed) + left == len(photos)
    assert not set(found.others) & asked


# sure labels


@pytest.mark.parametrize(("least", "expected"), [(0.0, "abc"), (0.5, "ab"), (0.8, "b"), (0.95, "")])
def test_sure_photos_are_those_where_some_label_is_probable_enough(least: float, expected: str) -> None:
    photos = [
        photo("a", face(happy=0.6), face(sad=0.3, fear=0.65)),
        photo("b", face(neutral=0.4), face(anger=0.9)),
        photo("c"),
    ]
    assert "".join(p.path.name for p in photos if is_sure(p, least)) == expected


def test_a_face_without_a_label_is_never_sure() -> None:
    unread = replace(face(happy=0.9), label=None, sure=None)
    assert not is_sure(photo("a", unread), 0.5)
    assert is_sure(photo("a", unread), 0.0)


def test_sure_refers_to_the_label_and_not_to_another_emotion() -> None:
    moved = replace(face(neutral=0.6, sad=0.3), label=Emotion.SAD, sure=0.9)
    assert not is_sure(photo("a", moved), 0.5)
