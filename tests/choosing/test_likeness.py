"""Pictures are alike whatever their exposure, crop and blur; other pictures are not."""

from __future__ import annotations

import numpy as np
import pytest
from moment_frames import pictures
from variants import CHANGES, cropped, exposed

from albumsort.choosing import panning
from albumsort.choosing.exposure import difference, is_bracketed
from albumsort.choosing.likeness import layouts, likeness, likenesses
from albumsort.choosing.linking import STILL, STRONG, WEAK
from albumsort.photos.description import describe

ORDINARY = [number for number in range(len(pictures())) if not 24 <= number < 28]
"""Without the deep field: a picture of nothing but dots is not alike after a crop."""


def test_a_picture_is_like_itself() -> None:
    assert all(likeness(describe(one), describe(one)) > 0.99 for one in pictures())


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_picture_is_alike(change: str) -> None:
    random = np.random.default_rng(0)
    found = [likeness(describe(pictures()[at]), describe(CHANGES[change](pictures()[at], random))) for at in ORDINARY]
    assert np.mean([one >= WEAK for one in found]) >= 0.95
    assert np.mean([one >= STRONG for one in found]) >= 0.9


def test_other_pictures_are_not_alike() -> None:
    found = layouts([describe(one) for one in pictures()])
    first, second = np.triu_indices(len(found), 1)
    alike = likenesses(found, first, second)
    assert (alike >= WEAK).mean() <= 0.03
    assert (alike >= STRONG).mean() <= 0.01


def test_pairs_at_once_are_as_alike_as_one_by_one() -> None:
    described = [describe(one) for one in pictures()]
    first, second = np.triu_indices(len(described), 1)
    one_by_one = [likeness(described[a], described[b]) for a, b in zip(first, second, strict=True)]
    assert likenesses(layouts(described), first, second) == pytest.approx(np.array(one_by_one), abs=1e-5)


def test_blank_pictures_are_like_nothing() -> None:
    blank = describe(np.full((300, 400, 3), 90, np.uint8))
    assert likeness(blank, blank) == likeness(blank, describe(pictures()[0])) == 0


def test_another_format_is_an_error() -> None:
    with pytest.raises(ValueError, match="232 bytes"):
        likeness(b"short", describe(pictures()[0]))


# the exposure


@pytest.mark.parametrize("stops", [-2, -1, -0.5, 0, 0.5, 1])
def test_the_difference_in_exposure_is_found(stops: float) -> None:
    """Of pictures that are bright enough: -2 stops leave nothing of a night sky."""
    bright = [one for one in map(pictures().__getitem__, range(0, 12)) if 90 < np.median(one) < 190]
    assert len(bright) >= 4
    for picture in bright:
        assert difference(describe(picture), describe(exposed(picture, stops))) == pytest.approx(stops, abs=0.35)


def test_what_is_black_or_white_says_nothing_about_the_exposure() -> None:
    picture = pictures()[0].copy()
    picture[:, : picture.shape[1] * 6 // 10] = 0
    assert difference(describe(picture), describe(exposed(picture, 1))) == pytest.approx(1, abs=0.35)


def test_crops_hardly_change_the_exposure() -> None:
    picture = pictures()[0]
    random = np.random.default_rng(0)
    assert abs(difference(describe(picture), describe(cropped(picture, random, 0.05)))) < 0.5


def test_nothing_is_no_bracket() -> None:
    assert not is_bracketed([])
    assert not is_bracketed([describe(pictures()[0])])


# the view


@pytest.mark.parametrize(("right", "down"), [(4, 0), (-4, 0), (0, 4), (0, -4), (0, 0)])
def test_the_turn_of_a_camera_is_found(right: int, down: int) -> None:
    cell = 20
    for number in (0, 4, 8, 12):
        large = np.kron(pictures()[number], np.ones((2, 2, 1), np.uint8))
        view, moved = (
            large[(6 + rows) * cell :, (6 + columns) * cell :][: 15 * cell, : 15 * cell]
            for rows, columns in ((0, 0), (down, right))
        )
        found = layouts([describe(view), describe(moved)])
        steps = panning.steps(found, np.array([0]), np.array([1]))[0]
        assert np.abs(steps - (right, down)).max() <= 1
        assert list(np.sign(steps)) == [np.sign(right), np.sign(down)]


def test_the_structure_of_a_view_stands_the_shake_of_a_hand() -> None:
    for number in (4, 12, 16):
        picture = pictures()[number]
        found = layouts([describe(picture[:, :-24]), describe(picture[:, 24:])])
        assert panning.structure(found, np.array([0]), np.array([1]))[0] >= STILL
