"""Labelled faces: leak-free splits, votes, and subsets of the labels.

FER2013 (Goodfellow et al., 2013) has 35,887 grey 48x48 faces with one of seven labels each. FER+ (Barsoum
et al., 2016) adds ten taggers' votes for each of them over eight expressions, "unknown" and "not a face".
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

    pixels: (n, 48, 48) grey, 0-255. label: (n,) index into `labels`, -1 without a label. votes: (n, 10) FER+ vote
    counts in the order of VOTE_COLUMNS, zeros without votes.
    """

    pixels: Pixels
    label: Ints
    votes: Floats
    labels: tuple[str, ...] = FER2013_LABELS

    @classmethod
    def unvoted(cls, pixels: Pixels, label: Ints, labels: tuple[str, ...] = FER2013_LABELS) -> LabelledFaces:
        """Return faces without votes."""
        return cls(pixels, label, np.zeros((len(pixels), len(VOTE_COLUMNS)), np.float32), labels)

    def __len__(self) -> int:
        return len(self.pixels)

    def __add__(self, other: LabelledFaces) -> LabelledFaces:
        if other.labels != self.labels:
            raise ValueError("cannot join faces with different label sets")
        return LabelledFaces(
            np.concatenate([self.pixels, other.pixels]),
            np.concatenate([self.label, other.label]),
            np.concatenate([self.votes, other.votes]),
            self.labels,
        )

    def where(self, keep: npt.NDArray[np.bool_]) -> LabelledFaces:
        """Return the faces for which `keep` (n,) is true."""
        return replace(self, pixels=self.pixels[keep], label=self.label[keep], votes=self.votes[keep])

    def only(self, labels: Sequence[str]) -> LabelledFaces:
        """Return the faces with one of `labels`, which become the label set in this order.

        Raises UsageError for a label that these faces do not have.
        """
        unknown = [name for name in labels if name not in self.labels]
        if unknown:
            raise UsageError(f"no label {', '.join(unknown)} in this data; its labels are {', '.join(self.labels)}")
        index = np.full(len(self.labels) + 1, -1)  # the last stays -1, for faces without a label (index -1)
        index[[self.labels.index(name) for name in labels]] = range(len(labels))
        label = index[self.label].astype(np.int64)
        return replace(self, label=label, labels=tuple(labels)).where(label >= 0)


@dataclass(frozen=True)
class Head:
    """A group of a network's outputs with a common softmax. `ferplus` predicts the votes, other heads the labels."""

    name: str
    labels: tuple[str, ...]

    @property
    def verdicts(self) -> str:
        """The truth that its answers are compared with: votes or labels."""
        return "votes" if self.name == "ferplus" else "labels"

    @property
    def natural(self) -> bool:
        """Whether it predicts the viewers' verdicts on natural faces, which FER2013 does not have."""
        return self.name in ("natural", "eyes")


BOTH_HEADS = (Head("ferplus", FERPLUS_LABELS), Head("fer2013", FER2013_LABELS))


def parts(heads: Sequence[Head]) -> list[slice]:
    """Return each head's slice of the network's outputs."""
    ends = np.cumsum([0] + [len(head.labels) for head in heads])
    return [slice(int(start), int(end)) for start, end in pairwise(ends)]


def digest(splits: Mapping[str, LabelledFaces], voted: bool = False) -> str:
    """Return the hash of these faces and their labels; voted: include the votes."""
    state = xxhash.xxh3_128()
    for name, faces in splits.items():
        state.update(f"{name} {len(faces)} {faces.labels}".encode())
        for array in (faces.pixels, faces.label, *([faces.votes] if voted else [])):
            state.update(np.ascontiguousarray(array).data)
    return state.hexdigest()


def heads_for(faces: LabelledFaces) -> tuple[Head, ...]:
    """Return the heads of a network for these faces: one for the votes, if any, and one for the labels.

    FER2013's label agrees with the FER+ majority for only 63 % of the faces, so one head cannot learn both. If the
    labels are a subset, the head for the votes has the same subset.
    """
    own = Head("fer2013" if set(faces.labels) <= set(FER2013_LABELS) else "labels", faces.labels)
    if not faces.votes.any():
        return (own,)
    if faces.labels == FER2013_LABELS:
        return BOTH_HEADS
    return (Head("ferplus", tuple(name for name in FERPLUS_LABELS if name in faces.labels)), own)


def shares(head: Head, faces: LabelledFaces) -> Floats:
    """Return a head's targets, (n, labels): the shares of the votes, or 1 for the label; zeros if unknown."""
    if head.name == "ferplus":
        columns = [FERPLUS_LABELS.index(name) for name in head.labels]
        chosen = vote_shares(faces.votes)[:, columns]
        return np.asarray(chosen / np.maximum(chosen.sum(axis=1, keepdims=True), 1e-6), np.float32)
    index = np.array([head.labels.index(name) if name in head.labels else -1 for name in faces.labels] + [-1])
    return np.asarray(index[faces.label][:, None] == np.arange(len(head.labels)), np.float32)


def truth(head: Head, faces: LabelledFaces) -> Ints:
    """Return (n,) true labels as an index into the head's labels, -1 without one.

    Votes are counted by FER+'s own rule.
    """
    if head.name == "ferplus":
        index = np.array([head.labels.index(name) if name in head.labels else -1 for name in FERPLUS_LABELS] + [-1])
        return np.asarray(index[ferplus_majority(faces.votes)], np.int64)
    known = shares(head, faces)
    return np.where(known.any(axis=1), known.argmax(axis=1), -1).astype(np.int64)


def without_leaks(splits: dict[str, LabelledFaces]) -> dict[str, LabelledFaces]:
    """Return the splits without faces that a later split also has, exactly or nearly.

    Training loses the faces of PublicTest and PrivateTest, PublicTest those of PrivateTest, so that neither training
    nor model selection sees a reported face. PrivateTest stays complete.
    """
    train, public, private = (splits[u] for u in USAGES)
    public_clean = public.where(~near_duplicates(public.pixels, private.pixels))
    leaked = near_duplicates(train.pixels, np.concatenate([public.pixels, private.pixels]))
    return {"Training": train.where(~leaked), "PublicTest": public_clean, "PrivateTest": private}


def near_duplicates(faces: Pixels, others: Pixels) -> npt.NDArray[np.bool_]:
    """Return (n,) whether each face, or its mirror image, has a correlation above .95 with one of `others`."""
    target = _normalised(others)
    found = np.zeros(len(faces), np.bool_)
    for start in range(0, len(faces), 2048):
        part = faces[start : start + 2048]
        for view in (part, part[:, :, ::-1]):
            found[start : start + 2048] |= (_normalised(view) @ target.T).max(axis=1, initial=-1.0) > NEAR_DUPLICATE
    return found


def _normalised(faces: Pixels) -> Floats:
    """Return rows of zero mean and unit length from the faces at half size, which takes a quarter of the time."""
    half = [cv2.resize(f, (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_AREA) for f in faces]
    rows: Floats = np.array(half, np.float32).reshape(len(faces), (SIDE // 2) ** 2)
    rows -= rows.mean(axis=1, keepdims=True)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    return rows


def vote_shares(votes: Floats) -> Floats:
    """Return (n, 8) shares of the votes over FERPLUS_LABELS; zeros for a face without a verdict.

    Single votes are dropped as noise, as FER+'s authors do. A face with most votes for "unknown" or "not a face" has
    no verdict.
    """
    kept = np.where(votes > 1, votes, 0)
    expressions = kept[:, : len(FERPLUS_LABELS)]
    valid = (expressions.max(axis=1) > 0) & (kept[:, len(FERPLUS_LABELS) :].max(axis=1) < expressions.max(axis=1))
    total = np.maximum(expressions.sum(axis=1, keepdims=True), 1)
    shares: Floats = np.where(valid[:, None], expressions / total, 0).astype(np.float32)
    return shares


def ferplus_majority(votes: Floats) -> Ints:
    """Return (n,) index into FERPLUS_LABELS by the rule of FER+'s authors, -1 for a face that the rule excludes.

    Single votes are dropped; the winner must be an expression with more than half of the remaining votes.
    """
    kept = np.where(votes > 1, votes, 0)
    winner = kept.argmax(axis=1)
    clear = kept.max(axis=1) > 0.5 * np.maximum(kept.sum(axis=1), 1)
    return np.where(clear & (winner < len(FERPLUS_LABELS)), winner, -1).astype(np.int64)
