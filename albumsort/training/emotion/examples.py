"""What a network is shown in training: faces of several sources, what it should answer, and how often each is drawn.

Every answer of every head has a target; where nothing is known about a face, a head's targets are zero and its loss
says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..common.arrays import Floats, Ints, Pixels
from .data import Head, LabelledFaces, parts, shares
from .natural import EXPRESSIONS, EYES_HEAD, NATURAL_HEAD, SQUARE, NaturalFaces, squares

SMOOTHING = 0.1
CLEAR = 0.7
"""Share of FER+'s votes from which they are taken for what a viewer of a natural face would say."""
VOTED_WORDS = ("neutral", "happy", "surprise", "sad", "anger", "disgust", "fear", "other", "unclear", "none")
"""What a viewer of a natural face would say instead of each of VOTE_COLUMNS."""


@dataclass(frozen=True)
class Examples:
    """Faces of one source.

    images: (n, s, s) grey, of which the middle `square` pixels are the classifier's. targets: (n, outputs) shares over
    the labels of each head, side by side. chance: (n,) how often each is drawn against the others, and share how much
    of every batch comes from here.
    """

    images: Pixels
    square: int
    targets: Floats
    chance: Floats
    share: float

    def __len__(self) -> int:
        return len(self.images)

    def draw(self, random: np.random.Generator, count: int) -> Ints:
        """(count,) rows, drawn with replacement by their chances."""
        ends = np.cumsum(self.chance, dtype=np.float64)
        return np.asarray(np.searchsorted(ends, random.random(count) * ends[-1], side="right"), np.int64)

    def faces(self, side: int, most: int | None = None) -> Pixels:
        """(n, side, side): the faces as the program would show them to a network, the first `most` or all."""
        return squares(self.images[:most], self.square, side)

    def taught(self, answers: Floats, heads: Sequence[Head], share: float) -> Examples:
        """Mix teachers' answers in: `share` of each target, or all of it where nothing else is known.

        answers: (n, outputs), zeros for a head that no teacher has.
        """
        targets = self.targets.copy()
        for part in parts(heads):
            known = self.targets[:, part].any(axis=1, keepdims=True)
            weight = np.where(known, share, 1.0) * answers[:, part].any(axis=1, keepdims=True)
            targets[:, part] = (1 - weight) * self.targets[:, part] + weight * answers[:, part]
        return replace(self, targets=targets)


def of_labelled(faces: LabelledFaces, heads: Sequence[Head], share: float, voted: bool) -> Examples:
    """Return labelled faces with what votes and labels say; voted: clear votes speak for the natural head, too."""
    targets = np.zeros((len(faces), parts(heads)[-1].stop), np.float32)
    for head, part in zip(heads, parts(heads), strict=True):
        if head == NATURAL_HEAD:
            targets[:, part] = _natural_words(faces.votes) if voted else 0
        elif head != EYES_HEAD:
            known = shares(head, faces)
            # ten taggers' votes are soft already
            targets[:, part] = known if head.name == "ferplus" else smoothed(known)
    return Examples(faces.pixels, faces.pixels.shape[1], targets, np.ones(len(faces), np.float32), share)


def of_natural(faces: NaturalFaces, heads: Sequence[Head], share: float, evenly: float) -> Examples:
    """Return natural faces with what viewers said, and nothing where nobody looked.

    evenly: 0 draws every face as often as any other, 1 every expression as often as any other; between them a power.
    """
    told = dict(zip((NATURAL_HEAD, EYES_HEAD), (faces.expressions, faces.eyes), strict=True))
    said = [told.get(head, np.zeros((len(faces), len(head.labels)), np.float32)) for head in heads]
    targets = [smoothed(votes / votes.sum(axis=1, keepdims=True).clip(1)) for votes in said]
    label = faces.expressions.argmax(axis=1)
    chance = (1.0 / np.bincount(label, minlength=len(EXPRESSIONS))[label]) ** evenly
    return Examples(faces.tiles, SQUARE, np.concatenate(targets, axis=1), chance.astype(np.float32), share)


def of_anybody(tiles: Pixels, heads: Sequence[Head], share: float) -> Examples:
    """Return tiles of faces that nobody judged."""
    targets = np.zeros((len(tiles), parts(heads)[-1].stop), np.float32)
    return Examples(tiles, SQUARE, targets, np.ones(len(tiles), np.float32), share)


def of_nobody(tiles: Pixels, heads: Sequence[Head], share: float) -> Examples:
    """Return tiles of what a detector took for a face and is none."""
    targets = np.zeros((len(tiles), parts(heads)[-1].stop), np.float32)
    targets[:, parts(heads)[list(heads).index(NATURAL_HEAD)].start + EXPRESSIONS.index("none")] = 1
    return Examples(tiles, SQUARE, smoothed(targets, parts(heads)), np.ones(len(tiles), np.float32), share)


def smoothed(known: Floats, groups: Sequence[slice] = (slice(None),)) -> Floats:
    """Take a little from what is known and spread it over all labels (Szegedy et al., 2016); zeros stay zeros."""
    known = known.copy()
    for part in groups:
        some = known[:, part]
        known[:, part] = some * (1 - SMOOTHING) + SMOOTHING / some.shape[1] * some.any(axis=1, keepdims=True)
    return known


def _natural_words(votes: Floats) -> Floats:
    """(n, 10) shares over EXPRESSIONS where ten taggers clearly agreed, else zeros."""
    kept = np.where(votes > 1, votes, 0)
    total = np.maximum(kept.sum(axis=1, keepdims=True), 1)
    told: Floats = np.zeros((len(votes), len(EXPRESSIONS)), np.float32)
    for column, word in enumerate(VOTED_WORDS):
        told[:, EXPRESSIONS.index(word)] += kept[:, column] / total[:, 0]
    return np.where(told.max(axis=1, keepdims=True) >= CLEAR, told, 0).astype(np.float32)
