"""Labelled faces: their splits without leaks, their votes, and any subset of their labels.

FER2013 (Goodfellow et al., 2013) has 35,887 grey 48x48 faces with one of seven labels each. FER+ (Barsoum
et al., 2016) gives ten taggers' votes for each of them over eight expressions, "unknown" and "not a face".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt
import xxhash

from ...errors import UsageError
from ..common.arrays import Floats, Ints, Pixels

FER2013_LABELS = ("anger", "disgust", "fear", "happy", "sad", "surprise", "neutral")
FERPLUS_LABELS = ("neutral", "happy", "surprise", "sad", "anger", "disgust", "fear", "contempt")
VOTE_COLUMNS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF")
USAGES = ("Training", "PublicTest", "PrivateTest")
SIDE = 48
NEAR_DUPLICATE = 0.95


@dataclass(frozen=True)
class LabelledFaces:
    """Faces of one split.

    pixels: (n, 48, 48) grey, 0-255. label: (n,) index into `labels`, -1 where there is none.
    votes: (n, 10) FER+ vote counts in the order of VOTE_COLUMNS, all zero where there are none.
    """

    pixels: Pixels
    label: Ints
    votes: Floats
    labels: tuple[str, ...] = FER2013_LABELS

    @classmethod
    def unvoted(cls, pixels: Pixels, label: Ints, labels: tuple[str, ...] = FER2013_LABELS) -> LabelledFaces:
        """Faces that nobody voted on."""
        return cls(pixels, label, np.zeros((len(pixels), len(VOTE_COLUMNS)), np.float32), labels)

    def __len__(self) -> int:
        return len(self.pixels)

    def __add__(self, other: LabelledFaces) -> LabelledFaces:
        if other.labels != self.labels:
            raise ValueError("faces of different label sets cannot be joined")
        return LabelledFaces(
            np.concatenate([self.pixels, other.pixels]),
            np.concatenate([self.label, other.label]),
            np.concatenate([self.votes, other.votes]),
            self.labels,
        )

    def where(self, keep: npt.NDArray[np.bool_]) -> LabelledFaces:
        """Only the faces for which `keep` (n,) is true."""
        return replace(self, pixels=self.pixels[keep], label=self.label[keep], votes=self.votes[keep])

    def only(self, labels: Sequence[str]) -> LabelledFaces:
        """Only the faces with one of `labels`, which become the label set in the order given.

        Raises UsageError for a label that these faces do not have.
        """
        unknown = [name for name in labels if name not in self.labels]
        if unknown:
            raise UsageError(f"no label {', '.join(unknown)} in this data; there are {', '.join(self.labels)}")
        index = np.full(len(self.labels) + 1, -1)  # the last stays -1: faces without a label point there
        index[[self.labels.index(name) for name in labels]] = range(len(labels))
        label = index[self.label].astype(np.int64)
        return replace(self, label=label, labels=tuple(labels)).where(label >= 0)


@dataclass(frozen=True)
class Head:
    """One group of a network's outputs, over which a softmax goes: `ferplus` answers the votes, others the labels."""

    name: str
    labels: tuple[str, ...]

    @property
    def verdicts(self) -> str:
        """What says the truth about its answers: votes or labels."""
        return "votes" if self.name == "ferplus" else "labels"

    @property
    def natural(self) -> bool:
        """Whether it answers what viewers say of natural faces, of which FER2013's know nothing."""
        return self.name in ("natural", "eyes")


BOTH_HEADS = (Head("ferplus", FERPLUS_LABELS), Head("fer2013", FER2013_LABELS))


def parts(heads: Sequence[Head]) -> list[slice]:
    """Return where each head's outputs stand among all."""
    ends = np.cumsum([0] + [len(head.labels) for head in heads])
    return [slice(int(start), int(end)) for start, end in pairwise(ends)]


def digest(splits: Mapping[str, LabelledFaces], voted: bool = False) -> str:
    """Return what tells these faces and labels from any others; voted: their votes, too."""
    state = xxhash.xxh3_128()
    for name, faces in splits.items():
        state.update(f"{name} {len(faces)} {faces.labels}".encode())
        for array in (faces.pixels, faces.label, *([faces.votes] if voted else [])):
            state.update(np.ascontiguousarray(array).data)
    return state.hexdigest()


def heads_for(faces: LabelledFaces) -> tuple[Head, ...]:
    """Return the heads that a network for these faces needs: for the votes, if there are any, and for the labels.

    A label of FER2013 agrees with the majority of FER+ for only 63 % of the faces, so one head cannot
    learn both. Where the labels are a subset, the head of the votes answers the same.
    """
    own = Head("fer2013" if set(faces.labels) <= set(FER2013_LABELS) else "labels", faces.labels)
    if not faces.votes.any():
        return (own,)
    if faces.labels == FER2013_LABELS:
        return BOTH_HEADS
    return (Head("ferplus", tuple(name for name in FERPLUS_LABELS if name in faces.labels)), own)


def shares(head: Head, faces: LabelledFaces) -> Floats:
    """(n, labels) what a head should answer: the shares of the votes, or 1 for the label; zeros if not known."""
    if head.name == "ferplus":
        columns = [FERPLUS_LABELS.index(name) for name in head.labels]
        chosen = vote_shares(faces.votes)[:, columns]
        return np.asarray(chosen / np.maximum(chosen.sum(axis=1, keepdims=True), 1e-6), np.float32)
    index = np.array([head.labels.index(name) if name in head.labels else -1 for name in faces.labels] + [-1])
    return np.asarray(index[faces.label][:, None] == np.arange(len(head.labels)), np.float32)


def truth(head: Head, faces: LabelledFaces) -> Ints:
    """(n,) index into the head's labels, -1 where there is no verdict: FER+'s own rule for votes, else the label."""
    if head.name == "ferplus":
        index = np.array([head.labels.index(name) if name in head.labels else -1 for name in FERPLUS_LABELS] + [-1])
        return np.asarray(index[ferplus_majority(faces.votes)], np.int64)
    known = shares(head, faces)
    return np.where(known.any(axis=1), known.argmax(axis=1), -1).astype(np.int64)


def without_leaks(splits: dict[str, LabelledFaces]) -> dict[str, LabelledFaces]:
    """The same splits, with no face of an earlier one standing (nearly) the same in a later one.

    Training loses what is in PublicTest or PrivateTest, PublicTest what is in PrivateTest, so that
    neither fitting nor choosing ever sees a reported face; PrivateTest stays whole.
    """
    train, public, private = (splits[u] for u in USAGES)
    public_clean = public.where(~near_duplicates(public.pixels, private.pixels))
    leaked = near_duplicates(train.pixels, np.concatenate([public.pixels, private.pixels]))
    return {"Training": train.where(~leaked), "PublicTest": public_clean, "PrivateTest": private}


def near_duplicates(faces: Pixels, others: Pixels) -> npt.NDArray[np.bool_]:
    """(n,) true where a face, or its mirror image, correlates by more than .95 with one of `others`."""
    target = _normalised(others)
    found = np.zeros(len(faces), np.bool_)
    for start in range(0, len(faces), 2048):
        part = faces[start : start + 2048]
        for view in (part, part[:, :, ::-1]):
            found[start : start + 2048] |= (_normalised(view) @ target.T).max(axis=1, initial=-1.0) > NEAR_DUPLICATE
    return found


def _normalised(faces: Pixels) -> Floats:
    """Rows of zero mean and unit length, from the faces at half size: a quarter of the work."""
    half = [cv2.resize(f, (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_AREA) for f in faces]
    rows: Floats = np.array(half, np.float32).reshape(len(faces), (SIDE // 2) ** 2)
    rows -= rows.mean(axis=1, keepdims=True)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    return rows


def vote_shares(votes: Floats) -> Floats:
    """(n, 8) shares of the votes over FERPLUS_LABELS; zeros where a face has no verdict to learn from.

    Single votes are dropped as noise, as FER+'s authors do. A face whose winner is "unknown" or
    "not a face" has no verdict.
    """
    kept = np.where(votes > 1, votes, 0)
    expressions = kept[:, : len(FERPLUS_LABELS)]
    valid = (expressions.max(axis=1) > 0) & (kept[:, len(FERPLUS_LABELS) :].max(axis=1) < expressions.max(axis=1))
    total = np.maximum(expressions.sum(axis=1, keepdims=True), 1)
    shares: Floats = np.where(valid[:, None], expressions / total, 0).astype(np.float32)
    return shares


def ferplus_majority(votes: Floats) -> Ints:
    """(n,) index into FERPLUS_LABELS by the rule of FER+'s authors, -1 where a face is left out of the test.

    Single votes are dropped; the winner must hold more than half of what is left and be an expression.
    """
    kept = np.where(votes > 1, votes, 0)
    winner = kept.argmax(axis=1)
    clear = kept.max(axis=1) > 0.5 * np.maximum(kept.sum(axis=1), 1)
    return np.where(clear & (winner < len(FERPLUS_LABELS)), winner, -1).astype(np.int64)
