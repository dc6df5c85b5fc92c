"""Crops of faces to what they express: calibrated probabilities of the expressions, and whether the eyes are open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from . import weights
from .litert import Network
from .types import Confusion, Emotion, Expression, Shares, confusion_from, shares_from

EYES = ("open", "closed", "hidden")

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.floating]


class EmotionClassifier(Protocol):
    """Whatever tells expressions apart. side: pixels of the crops that it sees best."""

    side: int

    @property
    def natural(self) -> Shares:
        """How common each answer is among the ordinary faces that it is calibrated for."""
        ...

    @property
    def confusion(self) -> Confusion:
        """How often each answer is given to faces of each kind, as `labels.expected_shares` needs it."""
        ...

    def classify(self, crops: Pixels) -> list[Expression]:
        """Return what each of (n, s, s) grey crops expresses; no answer depends on the other crops."""
        ...


def load_classifier() -> LiteRTClassifier:
    """Return the network that ships; raises WeightsError if it is not what it should be."""
    content, network = weights.load("emotion")
    weights.natural_shares()  # is checked here, once
    return LiteRTClassifier(content, network.details)


class LiteRTClassifier:
    """The emotion network: (n, side, side, 1) uint8 in, logits of its heads side by side out; one thread.

    details: the manifest's entry. `labels` names the logits of each head, in their order. Only the heads `natural` and
    `eyes` speak here.
    """

    def __init__(self, model: bytes, details: Mapping[str, Any]) -> None:
        self._network = Network(model)
        self.side = self._network.sides[0]
        self._heads = _heads(details["labels"])
        self._calibration = Calibration.of(details)
        self.confusion = confusion_from(details["confusion"])

    @property
    def natural(self) -> Shares:
        """How common each answer is among the ordinary faces that it is calibrated for."""
        return self._calibration.shares

    def classify(self, crops: Pixels) -> list[Expression]:
        """Return what each crop expresses."""
        if len(crops) == 0:
            return []
        logits = logits_of(self._network, resized(crops, self.side))
        return self._calibration.expressions(logits[:, self._heads["natural"]], logits[:, self._heads["eyes"]])


def _heads(labels: Mapping[str, list[str]]) -> dict[str, slice]:
    """Return the columns of each head."""
    ends = np.cumsum([len(names) for names in labels.values()]).tolist()
    return {head: slice(end - len(names), end) for (head, names), end in zip(labels.items(), ends, strict=True)}


@dataclass(frozen=True)
class Calibration:
    """How logits become probabilities that hold among ordinary faces.

    answers: the ten of the head `natural`, with a bias each; shares: how common emotions are among ordinary faces.
    """

    answers: tuple[str, ...]
    temperature: float
    bias: tuple[float, ...]
    shares: Shares

    @classmethod
    def of(cls, details: Mapping[str, Any]) -> Calibration:
        """Return the calibration that a manifest's entry gives."""
        natural, answers = details["natural"], details["labels"]["natural"]
        bias = dict(zip(natural["labels"], natural["bias"], strict=True))
        shares = shares_from(details["shares"])
        return cls(tuple(answers), float(natural["temperature"]), tuple(float(bias[name]) for name in answers), shares)

    def expressions(self, natural: Floats, eyes: Floats) -> list[Expression]:
        """Return what each face expresses, by the logits of both heads: (n, 10) and (n, 3)."""
        joint = joint_probabilities(natural, self.answers, self.temperature, self.bias)
        anybody = np.array([self.shares[e] for e in Emotion])
        mixture = joint[:, :-1] + joint[:, -1:] * anybody / anybody.sum()
        return [
            Expression(dict(zip(Emotion, p, strict=True)), nothing, None if isnan(opened) else opened)
            for p, nothing, opened in zip(
                mixture.tolist(), joint[:, -1].tolist(), eyes_open(eyes).tolist(), strict=True
            )
        ]


def joint_probabilities(
    logits: Floats, answers: tuple[str, ...], temperature: float, bias: tuple[float, ...]
) -> npt.NDArray[np.float64]:
    """Return (n, 8) probabilities of the emotions, in their order, and of nothing; from (n, 10) logits of the answers.

    Whatever is no emotion (another expression, unclear, no face) is nothing.
    """
    each = _softmax(np.asarray(logits, np.float64) / temperature + np.array(bias))
    columns = [answers.index(e.value) for e in Emotion]
    nothing = np.delete(each, columns, axis=1).sum(axis=1, keepdims=True)
    return np.concatenate([each[:, columns], nothing], axis=1)


def eyes_open(logits: Floats) -> npt.NDArray[np.float64]:
    """Return (n,) probabilities that the eyes are open, NaN where they are not to be seen; from (n, 3) logits of EYES.

    Where hidden is not the likeliest, what counts is open against closed.
    """
    eyes = np.asarray(logits, np.float64)
    opened = _softmax(eyes[:, [EYES.index("open"), EYES.index("closed")]])[:, 0]
    return np.where(eyes.argmax(axis=1) == EYES.index("hidden"), np.nan, opened)


def _softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def logits_of(network: Network, crops: Pixels) -> npt.NDArray[np.float32]:
    """Return the network's logits, (n, outputs), for (n, side, side) crops; one by one, so that none sways another."""
    return np.concatenate([network(crop[None, ..., None]) for crop in crops])


def resized(crops: Pixels, side: int) -> Pixels:
    """Return (n, s, s) crops as (n, side, side): those of an older index are smaller."""
    if crops.shape[1] == side:
        return crops
    how = cv2.INTER_AREA if side < crops.shape[1] else cv2.INTER_LINEAR
    return np.array([cv2.resize(crop, (side, side), interpolation=how) for crop in crops], np.uint8)
