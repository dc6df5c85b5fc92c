"""The label rule: what a viewer would say of a face in this album, and how sure that is.

The classifier answers for ordinary faces. Sad faces are common in the album of a funeral and rare in that of a wedding;
Bayes' rule corrects each answer for that. The shares of an album are not known, so they are estimated from its answers
(Saerens, Latinne and Decaestecker 2002: Adjusting the outputs of a classifier to new a priori probabilities).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .types import ANSWERS, Answer, Emotion, Face, Shares

PSEUDO_FACES, PSEUDO_FACES_EACH = 300.0, 0.3
"""Faces in natural shares that are added to an album: so many, or so many for each of its own if that is more."""
ROUNDS, SETTLED = 1000, 1e-6
"""Of the estimation: at most so many, until no share changes by more."""


@dataclass(frozen=True, slots=True)
class Album:
    """An indexed folder. shares: what its faces are expected to show; faces: how many that was estimated from."""

    root: Path
    shares: Shares
    faces: int


class LabelRule:
    """The label rule for the faces of one album. natural, album: the shares among ordinary faces, and in the album."""

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


def expected_shares(stored: Sequence[Sequence[float]], natural: Shares) -> Shares:
    """Return the shares of an album's faces by expectation maximisation, held back by pseudo-faces.

    stored: of each face the probabilities of the seven emotions, and of nothing. Without pseudo-faces a few mistakes of
    the classifier would make a rare emotion common, and that more mistakes.
    """
    import numpy as np  # here, because only `index` needs it, and queries are to start at once

    shares = prior = np.array([natural[answer] for answer in ANSWERS])
    faces = np.array(stored, np.float64).reshape(-1, len(ANSWERS))
    joint = faces.copy()
    joint[:, :-1] = np.maximum(0, faces[:, :-1] - faces[:, -1:] * prior[:-1] / prior[:-1].sum())
    held = max(PSEUDO_FACES, PSEUDO_FACES_EACH * len(faces))
    for _ in range(ROUNDS):
        weights = joint * (shares / prior)
        posteriors = weights / weights.sum(axis=1, keepdims=True)
        before, shares = shares, (held * prior + posteriors.sum(axis=0)) / (held + len(faces))
        if np.abs(shares - before).max() < SETTLED:
            break
    return dict(zip(ANSWERS, map(float, shares), strict=True))
