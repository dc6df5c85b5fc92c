from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from helpers import face, save
from hypothesis import given, settings
from hypothesis import strategies as st

from albumsort.index import By, Filters, Index
from albumsort.ranking import labelled, sure, top
from albumsort.types import FOUR, Emotion, Face, Photo

EVEN = dict.fromkeys(Emotion, 1 / len(Emotion))


def photo(name: str, *faces: Face) -> Photo:
    return Photo(Path("/album", name), 640, 480, None, name, faces)


def sorted_into(
    photos: Sequence[Photo], asked: Sequence[Emotion] = FOUR, n: int | None = None, prior: dict[Emotion, float] = EVEN
) -> dict[str, list[str]]:
    folders = labelled(photos, asked, prior, n)
    return {emotion.value: [photo.path.name for photo in group] for emotion, group in folders.items()}


# the best


def test_the_top_is_ordered_by_the_probability_over_all_expressions(index: Index) -> None:
    save(index, "/album/surprised.jpg", [face(surprise=0.6, happy=0.35)])
    save(index, "/album/smiling.jpg", [face(happy=0.5, neutral=0.45)])
    photos = top(index, Emotion.HAPPY, 2, By.MAX, Filters(), 0.0)
    assert [p.path.name for p in photos] == ["smiling.jpg", "surprised.jpg"]
    assert [p.score for p in photos] == [0.5, 0.35]


def test_the_top_is_as_long_as_asked(index: Index) -> None:
    for number in range(5):
        save(index, f"/album/{number}.jpg", [face(sad=number / 10)])
    photos = top(index, Emotion.SAD, 3, By.MAX, Filters(), 0.0)
    assert [p.path.name for p in photos] == ["4.jpg", "3.jpg", "2.jpg"]
    assert len(top(index, Emotion.SAD, 99, By.MAX, Filters(), 0.0)) == 5


# the folders


def test_each_photo_goes_to_the_folder_of_its_label() -> None:
    photos = [photo(f"{emotion}.jpg", face(**{emotion.value: 0.9})) for emotion in FOUR]
    assert sorted_into(photos) == {emotion.value: [f"{emotion}.jpg"] for emotion in FOUR}


def test_every_asked_folder_is_named_though_nothing_belongs_there() -> None:
    assert sorted_into([]) == {"anger": [], "happy": [], "sad": [], "neutral": []}
    assert sorted_into([], [Emotion.FEAR]) == {"fear": []}


def test_a_photo_goes_by_its_largest_face() -> None:
    pair = photo("pair.jpg", face((0, 0, 20, 20), happy=0.99), face((30, 0, 90, 90), sad=0.6))
    assert sorted_into([pair])["sad"] == ["pair.jpg"]
    assert sorted_into([pair])["happy"] == []


def test_a_photo_without_a_face_goes_nowhere() -> None:
    assert not any(sorted_into([photo("hills.jpg")]).values())


def test_the_label_divides_by_the_prior_but_the_order_does_not() -> None:
    leaning = {**EVEN, Emotion.NEUTRAL: 0.6, Emotion.SAD: 0.1}
    photos = [
        photo("a.jpg", face(neutral=0.5, sad=0.3)),
        photo("b.jpg", face(neutral=0.1, sad=0.25, happy=0.2)),
    ]
    assert sorted_into(photos)["neutral"] == ["a.jpg"]
    assert sorted_into(photos, prior=leaning)["sad"] == ["a.jpg", "b.jpg"]


def test_the_most_telling_come_first_and_equals_by_path() -> None:
    photos = [
        photo("b.jpg", face(happy=0.8)),
        photo("c.jpg", face(happy=0.9)),
        photo("a.jpg", face(happy=0.8)),
    ]
    assert sorted_into(photos)["happy"] == ["c.jpg", "a.jpg", "b.jpg"]
    assert sorted_into(photos, n=2)["happy"] == ["c.jpg", "a.jpg"]


def test_photos_of_other_labels_are_left_out_when_one_emotion_is_asked_for() -> None:
    photos = [photo("glad.jpg", face(happy=0.6, sad=0.3)), photo("low.jpg", face(sad=0.9))]
    assert sorted_into(photos, [Emotion.SAD]) == {"sad": ["low.jpg"]}


def test_asking_for_a_fifth_emotion_takes_its_photos_out_of_the_four() -> None:
    shock = photo("shock.jpg", face(surprise=0.8, neutral=0.15))
    assert sorted_into([shock])["neutral"] == ["shock.jpg"]
    both = sorted_into([shock], [*FOUR, Emotion.SURPRISE])
    assert (both["neutral"], both["surprise"]) == ([], ["shock.jpg"])


def test_a_photo_in_a_folder_has_the_score_of_that_emotion_in_its_largest_face() -> None:
    pair = photo("pair.jpg", face((0, 0, 20, 20), sad=0.99), face((30, 0, 90, 90), sad=0.6))
    [scored] = labelled([pair], FOUR, EVEN, None)[Emotion.SAD]
    assert (scored.score, scored.emotion) == (0.6, Emotion.SAD)


SHARES = st.lists(st.floats(0.01, 1), min_size=len(Emotion), max_size=len(Emotion)).map(
    lambda shares: {e.value: s / sum(shares) for e, s in zip(Emotion, shares, strict=True)}
)


@settings(max_examples=50)
@given(st.lists(SHARES, max_size=12), st.sets(st.sampled_from(list(Emotion))))
def test_no_photo_is_in_two_folders_and_none_of_the_four_loses_any(
    faces: list[dict[str, float]], extra: set[Emotion]
) -> None:
    photos = [photo(f"{number}.jpg", face(**shares)) for number, shares in enumerate(faces)]
    folders = sorted_into(photos, list(dict.fromkeys((*FOUR, *extra))))
    assert sorted(name for group in folders.values() for name in group) == sorted(p.path.name for p in photos)


# sure labels


@pytest.mark.parametrize(("least", "expected"), [(0.0, "abc"), (0.5, "ab"), (0.8, "b"), (0.95, "")])
def test_sure_photos_are_those_where_some_label_is_probable_enough(least: float, expected: str) -> None:
    photos = [
        photo("a", face(happy=0.6), face(sad=0.3, fear=0.65)),
        photo("b", face(neutral=0.4), face(anger=0.9)),
        photo("c"),
    ]
    assert "".join(p.path.name for p in sure(photos, least)) == expected
