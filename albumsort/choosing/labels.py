"""The label rule: what a viewer would say of a face in this album, and how sure that is.

The classifier answers for ordinary faces. Sad faces are common in the album of a funeral and rare in that of a wedding;
Bayes' rule corrects each answer for that. The shares of an album are not known, so they are estimated from its answers.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..types import ANSWERS, READABLE, Answer, Confusion, Emotion, Face, Shares

PSEUDO_FACES, PSEUDO_FACES_EACH = 100.0, 0.1
"""Faces in natural shares that are added to an album: so many, or so many for each of its own if that is more."""
TEMPER = 0.5
"""Power of the natural shares that the answers which are counted in an album are divided by."""
TELLING = 0.25
"""Total variation between a face's answer and the natural shares, from which it tells anything of its album."""
ROUNDS, SETTLED = 2000, 1e-7
"""Of the estimation: at most so many, until no share changes by more."""


@dataclass(frozen=True, slots=True)
class Album:
    """An indexed folder. shares: what its faces are expected to show; faces: how many that was estimated from."""

    root: Path
    shares: Shares
    faces: int


class LabelRule:
    """The label rule for the faces of one album. natural, album: the shares among ordinary faces, and in the album.

    emotions: the share of each emotion among ordinary faces that show one; ratios: how many times as common each answer
    is in the album.
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
        """Return the likeliest answer, and its probability if that is an emotion."""
        posterior = self.posterior(probabilities, nothing)
        label = max(posterior, key=posterior.__getitem__)
        return label, None if label is None else posterior[label]

    def relabelled(self, face: Face) -> Face:
        """Return a face with the label that it has in this album."""
        label, sure = self.label(face.probabilities, face.nothing)
        return replace(face, label=label, sure=sure)


class AlbumRules:
    """The label rule for every path: that of the deepest album which contains it, the natural one elsewhere."""

    def __init__(self, natural: Shares, albums: Sequence[Album]) -> None:
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


def telling_answers(stored: Sequence[Sequence[float]], natural: Shares) -> list[int]:
    """Return what each face tells of its album: the index into ANSWERS of its likeliest answer, or -1 for nothing new.

    The answers are those of an album in which rare emotions are less rare; a face that cannot be read has natural
    shares and tells nothing. stored: of each face the probabilities of the seven emotions, and of nothing.
    """
    import numpy as np  # here, because only `index` needs it, and queries are to start at once

    prior = np.array([natural[answer] for answer in ANSWERS])
    joint = np.array(stored, np.float64).reshape(-1, len(ANSWERS))
    joint[:, :-1] = np.maximum(0, joint[:, :-1] - joint[:, -1:] * prior[:-1] / prior[:-1].sum())
    telling = np.abs(joint - prior).sum(axis=1) / 2 >= TELLING
    return [int(answer) for answer in np.where(telling, (joint / prior**TEMPER).argmax(axis=1), -1)]


def expected_shares(stored: Sequence[Sequence[float]], natural: Shares, confusion: Confusion) -> Shares:
    """Return the shares of an album's faces: those that explain best how often each telling answer was given.

    confusion says how often each is given to faces of each kind (Lipton, Wang and Smola 2018), so that a classifier
    that seldom dares to say sad is not believed that few are. The likeliest shares are found by expectation
    maximisation (Saerens, Latinne and Decaestecker 2002), held back by pseudo-faces in natural shares: without them a
    few mistakes would make a rare emotion common. stored: as `telling_answers` takes it.
    """
    import numpy as np  # as above

    shares = prior = np.array([natural[answer] for answer in ANSWERS])
    given = np.array([[confusion[kind][answer] for answer in ANSWERS] for kind in ANSWERS])
    counts = np.bincount([a for a in telling_answers(stored, natural) if a >= 0], minlength=len(ANSWERS))
    faces = counts.sum()
    held = max(PSEUDO_FACES, PSEUDO_FACES_EACH * faces)
    for _ in range(ROUNDS):
        kinds = shares[:, None] * given
        kinds = kinds / kinds.sum(axis=0, keepdims=True)
        before, shares = shares, (held * prior + kinds @ counts) / (held + faces)
        if np.abs(shares - before).max() < SETTLED:
            break
    return dict(zip(ANSWERS, map(float, shares), strict=True))


def shares_of(faces: Iterable[Face], natural: Shares, confusion: Confusion) -> Shares:
    """Return the expected shares of an album with these faces, of which only those large enough to be read count."""
    readable = [face for face in faces if face.box.longer_side >= READABLE]
    stored = [(*(face.probabilities[e] for e in Emotion), face.nothing) for face in readable]
    return expected_shares(stored, natural, confusion)
