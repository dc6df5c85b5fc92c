"""Training examples: faces of several sources, their targets, and how often each is drawn.

Every output of every head has a target. If nothing is known about a face, a head's targets and its loss are zero.
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
"""Least share of FER+'s votes for one answer at which they also count as verdicts on a natural face."""
VOTED_WORDS = ("neutral", "happy", "surprise", "sad", "anger", "disgust", "fear", "other", "unclear", "none")
"""For each of VOTE_COLUMNS, the verdict on a natural face that means the same."""


@dataclass(frozen=True)
class Examples:
    """Faces of one source.

    images: (n, s, s) grey; the classifier sees the middle `square` pixels. targets: (n, outputs) shares over the labels
    of each head, side by side. chance: (n,) relative frequency with which each face is drawn. share: part of every
    batch that comes from this source.
    """

    images: Pixels
    square: int
    targets: Floats
    chance: Floats
    share: float

    def __len__(self) -> int:
        return len(self.images)

    def draw(self, random: np.random.Generator, count: int) -> Ints:
        """Return (count,) row numbers, drawn with replacement by their chances."""
        ends = np.cumsum(self.chance, dtype=np.float64)
        return np.asarray(np.searchsorted(ends, random.random(count) * ends[-1], side="right"), np.int64)

    def faces(self, side: int, most: int | None = None) -> Pixels:
        """Return (n, side, side) crops as the program shows them to a network, the first `most` or all."""
        return squares(self.images[:most], self.square, side)

    def taught(self, answers: Floats, heads: Sequence[Head], share: float) -> Examples:
        """Mix the teachers' answers into the targets: `share` of a known target, all of an unknown one.

        answers: (n, outputs), zeros for a head that no teacher has.
        """
        targets = self.targets.copy()
        for part in parts(heads):
            known = self.targets[:, part].any(axis=1, keepdims=True)
            weight = np.where(known, share, 1.0) * answers[:, part].any(axis=1, keepdims=True)
            targets[:, part] = (1 - weight) * self.targets[:, part] + weight * answers[:, part]
        return replace(self, targets=targets)


def of_labelled(faces: LabelledFaces, heads: Sequence[Head], share: float, voted: bool) -> Examples:
    """Return labelled faces with targets from votes and labels; voted: clear votes are targets of the natural head."""
    targets = np.zeros((len(faces), parts(heads)[-1].stop), np.float32)
    for head, part in zip(heads, parts(heads), strict=True):
        if head == NATURAL_HEAD:
            targets[:, part] = _natural_words(faces.votes) if voted else 0
        elif head != EYES_HEAD:
            known = shares(head, faces)
            # shares of ten taggers' votes need no smoothing
            targets[:, part] = known if head.name == "ferplus" else smoothed(known)
    return Examples(faces.pixels, faces.pixels.shape[1], targets, np.ones(len(faces), np.float32), share)


def of_natural(faces: NaturalFaces, heads: Sequence[Head], share: float, evenly: float) -> Examples:
    """Return natural faces with targets from the viewers' verdicts, zeros without verdicts.

    evenly: 0 draws every face equally often, 1 every expression equally often; values between are an exponent.
    """
    known = dict(zip((NATURAL_HEAD, EYES_HEAD), (faces.expressions, faces.eyes), strict=True))
    verdicts = [known.get(head, np.zeros((len(faces), len(head.labels)), np.float32)) for head in heads]
    targets = [smoothed(votes / votes.sum(axis=1, keepdims=True).clip(1)) for votes in verdicts]
    label = faces.expressions.argmax(axis=1)
    chance = (1.0 / np.bincount(label, minlength=len(EXPRESSIONS))[label]) ** evenly
    return Examples(faces.tiles, SQUARE, np.concatenate(targets, axis=1), chance.astype(np.float32), share)


def of_anybody(tiles: Pixels, heads: Sequence[Head], share: float) -> Examples:
    """Return tiles of unjudged faces, without targets."""
    targets = np.zeros((len(tiles), parts(heads)[-1].stop), np.float32)
    return Examples(tiles, SQUARE, targets, np.ones(len(tiles), np.float32), share)


def of_nobody(tiles: Pixels, heads: Sequence[Head], share: float) -> Examples:
    """Return tiles of false detections, with the target "no face"."""
    targets = np.zeros((len(tiles), parts(heads)[-1].stop), np.float32)
    targets[:, parts(heads)[list(heads).index(NATURAL_HEAD)].start + EXPRESSIONS.index("none")] = 1
    return Examples(tiles, SQUARE, smoothed(targets, parts(heads)), np.ones(len(tiles), np.float32), share)


def smoothed(known: Floats, groups: Sequence[slice] = (slice(None),)) -> Floats:
    """Apply label smoothing (Szegedy et al., 2016) to each group of labels; unknown targets stay zero."""
    known = known.copy()
    for part in groups:
        some = known[:, part]
        known[:, part] = some * (1 - SMOOTHING) + SMOOTHING / some.shape[1] * some.any(axis=1, keepdims=True)
    return known


def _natural_words(votes: Floats) -> Floats:
    """Return (n, 10) shares over EXPRESSIONS where ten taggers clearly agreed, else zeros."""
    kept = np.where(votes > 1, votes, 0)
    total = np.maximum(kept.sum(axis=1, keepdims=True), 1)
    verdicts: Floats = np.zeros((len(votes), len(EXPRESSIONS)), np.float32)
    for column, word in enumerate(VOTED_WORDS):
        verdicts[:, EXPRESSIONS.index(word)] += kept[:, column] / total[:, 0]
    return np.where(verdicts.max(axis=1, keepdims=True) >= CLEAR, verdicts, 0).astype(np.float32)
