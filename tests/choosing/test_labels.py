"""The label rule and the shares of albums: hypothesis draws faces, shares and albums."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
import pytest
from helpers import EVEN, face
from hypothesis import given
from hypothesis import strategies as st

from albumsort.answers import ANSWERS, Answer, Confusion, Shares
from albumsort.choosing import labels
from albumsort.choosing.labels import Album, AlbumRules, LabelRule, expected_shares, telling_answers
from albumsort.networks.weights import natural_shares
from albumsort.types import Emotion

NATURAL = natural_shares()
SAD, HAPPY, NEUTRAL = Emotion.SAD, Emotion.HAPPY, Emotion.NEUTRAL


def shares(**named: float) -> Shares:
    """Return these shares; the other answers share the rest up to 1."""
    given: dict[Answer, float] = {None if name == "nothing" else Emotion(name): p for name, p in named.items()}
    rest = [answer for answer in ANSWERS if answer not in given]
    return {answer: given.get(answer, (1 - sum(given.values())) / max(1, len(rest))) for answer in ANSWERS}


def stored(joint: Shares, natural: Shares = NATURAL) -> tuple[float, ...]:
    """Return the stored probabilities of a face with these joint probabilities."""
    anybody = {e: natural[e] / (1 - natural[None]) for e in Emotion}
    return (*(joint[e] + joint[None] * anybody[e] for e in Emotion), joint[None])


def label(rule: LabelRule, joint: Shares, natural: Shares = NATURAL) -> tuple[Emotion | None, float | None]:
    *values, nothing = stored(joint, natural)
    return rule.label(dict(zip(Emotion, values, strict=True)), nothing)


def posterior(rule: LabelRule, joint: Shares, natural: Shares = NATURAL) -> Shares:
    *values, nothing = stored(joint, natural)
    return rule.posterior(dict(zip(Emotion, values, strict=True)), nothing)


ANY_SHARES = st.lists(st.floats(0.001, 1), min_size=len(ANSWERS), max_size=len(ANSWERS)).map(
    lambda parts: {answer: part / sum(parts) for answer, part in zip(ANSWERS, parts, strict=True)}
)


# the rule


@given(ANY_SHARES, ANY_SHARES)
def test_in_an_ordinary_album_the_answer_is_the_classifiers_own(joint: Shares, natural: Shares) -> None:
    assert posterior(LabelRule(natural, natural), joint, natural) == pytest.approx(joint)


@given(ANY_SHARES, ANY_SHARES, ANY_SHARES)
def test_in_another_album_answers_are_weighted_by_their_ratio(joint: Shares, natural: Shares, album: Shares) -> None:
    found = posterior(LabelRule(natural, album), joint, natural)
    assert sum(found.values()) == pytest.approx(1)
    for one in ANSWERS:
        odds = joint[one] * album[one] / natural[one] / (joint[HAPPY] * album[HAPPY] / natural[HAPPY])
        assert found[one] / found[HAPPY] == pytest.approx(odds)


@given(ANY_SHARES, ANY_SHARES, ANY_SHARES)
def test_the_label_is_the_most_likely_answer_and_nothing_gives_none(
    joint: Shares, natural: Shares, album: Shares
) -> None:
    rule = LabelRule(natural, album)
    found, (chosen, sure) = posterior(rule, joint, natural), label(rule, joint, natural)
    assert found[chosen] == max(found.values())
    assert sure == (None if chosen is None else found[chosen])


@pytest.mark.parametrize("emotion", list(Emotion))
def test_any_of_the_seven_can_be_a_label(emotion: Emotion) -> None:
    found, sure = label(LabelRule(EVEN, EVEN), shares(**{emotion.value: 0.6}), EVEN)
    assert (found, sure) == (emotion, pytest.approx(0.6))


def test_a_rare_emotion_has_no_bonus() -> None:
    assert label(LabelRule(NATURAL, NATURAL), shares(neutral=0.5, sad=0.4))[0] is NEUTRAL


def test_an_album_moves_a_label() -> None:
    doubtful = shares(neutral=0.6, sad=0.3)
    funeral = LabelRule(NATURAL, shares(neutral=0.4, sad=0.4))
    assert (label(LabelRule(NATURAL, NATURAL), doubtful)[0], label(funeral, doubtful)[0]) == (NEUTRAL, SAD)


def test_an_unreadable_face_has_no_label_and_no_probability() -> None:
    rule = LabelRule(NATURAL, NATURAL)
    assert label(rule, shares(nothing=0.5, happy=0.4)) == (None, None)
    assert label(rule, shares(nothing=0.4, happy=0.5))[0] is HAPPY


def test_a_joint_probability_is_never_negative() -> None:
    """Older results and rounding may put a mixture below the natural shares."""
    even = dict.fromkeys(Emotion, 1 / 7)
    found = LabelRule(NATURAL, NATURAL).posterior(even, 0.9)
    assert found[NEUTRAL] == 0
    assert min(found.values()) >= 0


def test_relabelling_changes_only_the_label() -> None:
    before = face(neutral=0.6, sad=0.3)
    after = LabelRule(EVEN, shares(sad=0.9)).relabelled(before)
    assert (before.label, after.label) == (NEUTRAL, SAD)
    assert (after.probabilities, after.box, after.eyes) == (before.probabilities, before.box, before.eyes)


# the album of a photo


def test_a_photo_uses_the_deepest_album_that_contains_it() -> None:
    outer = Album(Path("/photos"), shares(sad=0.9), 5)
    inner = Album(Path("/photos/2024"), shares(happy=0.9), 5)
    for albums in ([outer, inner], [inner, outer]):
        rules = AlbumRules(EVEN, albums)
        assert rules.album_of(Path("/photos/a.jpg")) is outer
        assert rules.album_of(Path("/photos/2024/a.jpg")) is inner
        assert rules.album_of(Path("/photos/2024b/a.jpg")) is outer
        assert rules.album_of(Path("/photos2/a.jpg")) is None
        assert rules.of(Path("/photos/2024/x/a.jpg")).label(dict.fromkeys(Emotion, 1 / 7), 0.0)[0] is HAPPY
        assert rules.of(Path("/elsewhere.jpg")) is rules.elsewhere


def test_the_root_folder_contains_everything() -> None:
    everything = Album(Path("/"), EVEN, 5)
    assert AlbumRules(EVEN, [everything]).album_of(Path("/a.jpg")) is everything


# the shares of an album

FACES = st.lists(ANY_SHARES, max_size=30)


def drawn(album: Shares, n: int, clear: float = 3.0, seed: int = 0) -> list[Shares]:
    """Draw joint probabilities of faces, calibrated on natural shares: Bayes' rule on a noisy measurement."""
    random = np.random.default_rng(seed)
    truth = random.choice(len(ANSWERS), n, p=[album[answer] for answer in ANSWERS])
    measured = clear * np.eye(len(ANSWERS))[truth] + random.normal(0, 1, (n, len(ANSWERS)))
    likelihoods = np.exp(clear * measured)  # of unit normal noise around `clear` or 0, without a common factor
    joint = likelihoods * [NATURAL[answer] for answer in ANSWERS]
    joint /= joint.sum(axis=1, keepdims=True)
    return [dict(zip(ANSWERS, map(float, row), strict=True)) for row in joint]


@functools.cache
def confusion() -> Confusion:
    """Return how often drawn faces of each kind get each answer."""
    kinds: dict[Answer, Shares] = {}
    for kind in ANSWERS:
        faces = drawn(shares(**{str(kind or "nothing"): 1.0}), 2000, seed=9)
        told = [answer for answer in telling_answers([stored(joint) for joint in faces], NATURAL) if answer >= 0]
        counts = np.bincount(told, minlength=len(ANSWERS)) + 0.01
        kinds[kind] = dict(zip(ANSWERS, map(float, counts / counts.sum()), strict=True))
    return kinds


def estimated(joints: Sequence[Shares]) -> Shares:
    return expected_shares([stored(joint) for joint in joints], NATURAL, confusion())


@given(FACES)
def test_shares_are_shares(joints: list[Shares]) -> None:
    found = estimated(joints)
    assert list(found) == list(ANSWERS)
    assert sum(found.values()) == pytest.approx(1)
    assert min(found.values()) > 0


def test_an_album_without_faces_is_an_ordinary_one() -> None:
    assert estimated([]) == pytest.approx(NATURAL)


@given(FACES, st.randoms())
def test_the_order_of_faces_does_not_matter(joints: list[Shares], chance: Random) -> None:
    mixed = [*joints]
    chance.shuffle(mixed)
    assert estimated(mixed) == pytest.approx(estimated(joints), abs=1e-9)


@given(FACES)
def test_faces_that_say_nothing_leave_the_shares_as_they_are(joints: list[Shares]) -> None:
    assert estimated([NATURAL] * len(joints)) == pytest.approx(NATURAL, abs=1e-5)


@given(st.lists(ANY_SHARES, min_size=1, max_size=30))
def test_more_pseudo_faces_move_less(joints: list[Shares]) -> None:
    moved = list[float]()
    for pseudo in (10.0, 100.0, 1000.0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(labels, "PSEUDO_FACES", pseudo)
            found = estimated(joints)
        # the distance as the pseudo-faces limit it: the divergence from the natural shares
        moved.append(sum(NATURAL[a] * float(np.log(NATURAL[a] / found[a])) for a in ANSWERS))
    assert moved[0] >= moved[1] - 1e-9
    assert moved[1] >= moved[2] - 1e-9


def test_a_large_album_gets_pseudo_faces_in_proportion(monkeypatch: pytest.MonkeyPatch) -> None:
    faces = drawn(shares(sad=0.5, neutral=0.3), 3000)
    held = estimated(faces)
    monkeypatch.setattr(labels, "PSEUDO_FACES_EACH", 0.0)
    free = estimated(faces)
    assert NATURAL[SAD] < held[SAD] < free[SAD] - 0.02


def test_an_ordinary_album_does_not_run_away() -> None:
    for seed in range(5):
        found = estimated(drawn(NATURAL, 1000, seed=seed))
        assert found == pytest.approx(NATURAL, abs=0.05)
        assert all(found[answer] < 2 * NATURAL[answer] + 0.005 for answer in ANSWERS)


def test_a_staged_album_raises_what_is_rare() -> None:
    staged = shares(anger=0.25, happy=0.25, sad=0.25, neutral=0.22)
    found = estimated(drawn(staged, 1000))
    assert found[SAD] > 20 * NATURAL[SAD]
    assert found[Emotion.ANGER] > 20 * NATURAL[Emotion.ANGER]
    assert found[NEUTRAL] < NATURAL[NEUTRAL] / 1.5


def test_without_pseudo_faces_the_shares_are_those_of_the_album(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "PSEUDO_FACES", 1e-6)
    monkeypatch.setattr(labels, "PSEUDO_FACES_EACH", 0.0)
    album = shares(sad=0.3, happy=0.3, nothing=0.2)
    assert estimated(drawn(album, 5000)) == pytest.approx(album, abs=0.03)


def test_a_classifier_that_rarely_answers_sad_is_corrected() -> None:
    timid = {kind: shares(neutral=0.99) if kind is not SAD else shares(sad=0.3, neutral=0.65) for kind in ANSWERS}
    says_sad, says_neutral = shares(sad=0.9), shares(neutral=0.99)
    album = [stored(says_sad)] * 300 + [stored(says_neutral)] * 700
    assert expected_shares(album, NATURAL, timid)[SAD] > 0.5  # three in ten sad faces are answered sad


def test_an_unreadable_face_is_ignored_and_a_doubtful_sad_one_counts() -> None:
    doubtful = shares(sad=0.3, neutral=0.6)
    told = telling_answers([stored(NATURAL), stored(shares(nothing=1.0)), stored(doubtful)], NATURAL)
    assert [None if answer < 0 else ANSWERS[answer] for answer in told] == [None, None, SAD]
    assert told[:2] == [-1, list(ANSWERS).index(None)]
