"""The label rule: the most likely answer of a viewer for a face in its album, and the probability that they agree.

The classifier is calibrated for ordinary faces. Sad faces are common in a funeral album and rare in a wedding album;
Bayes' rule corrects each answer for that. An album's shares are unknown, so they are estimated from its answers.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..answers import ANSWERS, READABLE, Answer, Confusion, Shares
from ..types import Emotion, Face

PSEUDO_FACES, PSEUDO_FACES_EACH = 100.0, 0.1
"""Pseudo-faces with natural shares added to an album: a number, or a number per face of the album, if larger."""
TEMPER = 0.5
"""Counted answers are divided by this power of the natural shares."""
TELLING = 0.25
"""Least total variation distance between a face's answer and the natural shares for the face to count."""
ROUNDS, SETTLED = 2000, 1e-7
"""The estimation ends after this many rounds, or once no share changes by more."""


@dataclass(frozen=True, slots=True)
class Album:
    """An indexed folder. shares: estimated for its faces; faces: number of faces in the estimate."""

    root: Path
    shares: Shares
    faces: int


class LabelRule:
    """The label rule for the faces of one album. natural, album: shares among ordinary faces, and in the album.

    emotions: the share of each emotion among ordinary faces that show one; ratios: album shares divided by natural
    shares.
    """

    def __init__(self, natural: Shares, album: Shares) -> None:
        every = sum(natural[e] for e in Emotion)
        self.emotions = {e: natural[e] / every for e in Emotion}
        self.ratios = {answer: album[answer] / natural[answer] for answer in ANSWERS}

    def posterior(self, probabilities: Mapping[Emotion, float], nothing: float) -> dict[Answer, float]:
        """Return the probability of each answer in this album; they sum to 1."""
        weights: dict[Answer, float] = {
            e: max(0.0, probabilities[e] - nothing * share) * self.ratios[e] for e, share in self.emotions.items()
        }
        weights[None] = nothing * self.ratios[None]
        total = sum(weights.values())
        return {answer: weight / total for answer, weight in weights.items()}

    def label(self, probabilities: Mapping[Emotion, float], nothing: float) -> tuple[Emotion | None, float | None]:
        """Return the most likely answer, and its probability if it is an emotion."""
        posterior = self.posterior(probabilities, nothing)
        label = max(posterior, key=posterior.__getitem__)
        return label, None if label is None else posterior[label]

    def relabelled(self, face: Face) -> Face:
        """Return the face with its label in this album."""
        label, sure = self.label(face.probabilities, face.nothing)
        return replace(face, label=label, sure=sure)


class AlbumRules:
    """The label rules of all paths: the rule of the deepest album that contains the path, or the natural rule."""

    def __init__(self, natural: Shares, albums: Sequence[Album]) -> None:
        self.natural = natural
        self.albums = tuple(sorted(albums, key=lambda album: (-len(album.root.parts), album.root)))
        self.elsewhere = LabelRule(natural, natural)
        self.rules = tuple(LabelRule(natural, album.shares) for album in self.albums)
        self._beginnings = tuple(os.path.join(album.root, "") for album in self.albums)

    def of(self, path: Path) -> LabelRule:
        """Return the rule for a photo."""
        number = self._number(path)
        return self.elsewhere if number is None else self.rules[number]

    def album_of(self, path: Path) -> Album | None:
        """Return the deepest album that contains a photo."""
        number = self._number(path)
        return None if number is None else self.albums[number]

    def _number(self, path: Path) -> int | None:
        name = os.fspath(path)
        return next((i for i, beginning in enumerate(self._beginnings) if name.startswith(beginning)), None)


def distance(one: Shares, other: Shares) -> float:
    """Return the total variation distance of two shares, 0-1."""
    return sum(abs(one[answer] - other[answer]) for answer in ANSWERS) / 2


def telling_answers(stored: Sequence[Sequence[float]], natural: Shares) -> list[int]:
    """Return for each face the index into ANSWERS of its most likely answer, or -1 if it says nothing about its album.

    The answers assume an album in which rare emotions are less rare. An unreadable face has natural shares and says
    nothing. stored: for each face the probabilities of the seven emotions, and of nothing.
    """
    import numpy as np  # here, because only `index` needs it, and queries must start fast

    prior = np.array([natural[answer] for answer in ANSWERS])
    joint = np.array(stored, np.float64).reshape(-1, len(ANSWERS))
    joint[:, :-1] = np.maximum(0, joint[:, :-1] - joint[:, -1:] * prior[:-1] / prior[:-1].sum())
    telling = np.abs(joint - prior).sum(axis=1) / 2 >= TELLING
    return [int(answer) for answer in np.where(telling, (joint / prior**TEMPER).argmax(axis=1), -1)]


def expected_shares(stored: Sequence[Sequence[float]], natural: Shares, confusion: Confusion) -> Shares:
    """Return the shares of an album's faces that best explain the counts of its telling answers.

    confusion: how often faces of each kind get each answer (Lipton, Wang and Smola 2018); it corrects a classifier that
    rarely answers sad. The most likely shares are found by expectation maximisation (Saerens, Latinne and Decaestecker
    2002), with pseudo-faces in natural shares as a prior: without them, a few mistakes would make a rare emotion
    common. stored: as in `telling_answers`.
    """
    import numpy as np  # as above

    shares = prior = np.array([natural[answer] for answer in ANSWERS])
    confusions = np.array([[confusion[kind][answer] for answer in ANSWERS] for kind in ANSWERS])
    counts = np.bincount([a for a in telling_answers(stored, natural) if a >= 0], minlength=len(ANSWERS))
    faces = counts.sum()
    pseudo = max(PSEUDO_FACES, PSEUDO_FACES_EACH * faces)
    for _ in range(ROUNDS):
        kinds = shares[:, None] * confusions
        kinds = kinds / kinds.sum(axis=0, keepdims=True)
        before, shares = shares, (pseudo * prior + kinds @ counts) / (pseudo + faces)
        if np.abs(shares - before).max() < SETTLED:
            break
    return dict(zip(ANSWERS, map(float, shares), strict=True))


def shares_of(faces: Iterable[Face], natural: Shares, confusion: Confusion) -> Shares:
    """Return the expected shares of an album with these faces; only faces large enough to be read count."""
    readable = [face for face in faces if face.box.longer_side >= READABLE]
    stored = [(*(face.probabilities[e] for e in Emotion), face.nothing) for face in readable]
    return expected_shares(stored, natural, confusion)
