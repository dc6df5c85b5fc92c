"""Classify crops of faces: calibrated probabilities of the expressions, and of open eyes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from .answers import Confusion, Shares, confusion_from, shares_from
from .networks import weights
from .networks.litert import Network
from .types import Emotion, Expression

EYES = ("open", "closed", "hidden")
NO_FACE = "none"
"""The answer of the head `natural` for a crop without a human face."""
LEAST_DOUBT = 0.01
"""Share of statues, drawings, pets and patterns among the most confident detections of an ordinary album."""

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.floating]


class EmotionClassifier(Protocol):
    """An emotion classifier. side: preferred side of crops, in pixels."""

    side: int

    @property
    def natural(self) -> Shares:
        """How common each answer is among the ordinary faces that it is calibrated for."""
        ...

    @property
    def confusion(self) -> Confusion:
        """How often faces of each kind get each answer; input of `labels.expected_shares`."""
        ...

    def classify(self, crops: Pixels, detections: Sequence[float]) -> list[Expression]:
        """Return the expression of each of (n, s, s) grey crops; none depends on the other crops.

        detections: the detector's confidence for each.
        """
        ...


def load_classifier() -> LiteRTClassifier:
    """Return the emotion network that ships; raises WeightsError if it is missing or damaged."""
    content, network = weights.load("emotion")
    weights.natural_shares()  # checked here, once
    return LiteRTClassifier(content, network.details)


class LiteRTClassifier:
    """The emotion network: (n, side, side, 1) uint8 in, logits of its heads side by side out; one thread.

    details: the manifest's entry. `labels` names the logits of each head, in order. Only the heads `natural` and `eyes`
    are used.
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

    def classify(self, crops: Pixels, detections: Sequence[float]) -> list[Expression]:
        """Return the expression of each crop."""
        if len(crops) == 0:
            return []
        logits = logits_of(self._network, resized(crops, self.side))
        natural, eyes = (logits[:, self._heads[head]] for head in ("natural", "eyes"))
        return self._calibration.expressions(natural, eyes, np.array(detections, np.float64))


def _heads(labels: Mapping[str, list[str]]) -> dict[str, slice]:
    """Return the columns of each head."""
    ends = np.cumsum([len(names) for names in labels.values()]).tolist()
    return {head: slice(end - len(names), end) for (head, names), end in zip(labels.items(), ends, strict=True)}


@dataclass(frozen=True)
class Calibration:
    """The map from logits to probabilities that are calibrated on ordinary faces.

    answers: the ten of the head `natural`, including NO_FACE. temperature, bias: for the other nine; one bias each.
    no_face_share: share of training examples without a face. shares: the natural shares.
    """

    answers: tuple[str, ...]
    temperature: float
    bias: tuple[float, ...]
    no_face_share: float
    shares: Shares

    @classmethod
    def of(cls, details: Mapping[str, Any]) -> Calibration:
        """Return the calibration in a manifest's entry."""
        natural, answers = details["natural"], details["labels"]["natural"]
        bias = dict(zip(natural["labels"], natural["bias"], strict=True))
        return cls(
            tuple(answers),
            float(natural["temperature"]),
            tuple(float(bias[name]) for name in answers if name != NO_FACE),
            float(natural["no_face_share"]),
            shares_from(details["shares"]),
        )

    def expressions(self, natural: Floats, eyes: Floats, detections: Floats) -> list[Expression]:
        """Return expressions from the logits of both heads, (n, 10) and (n, 3), and (n,) confidences."""
        joint = self.joint_probabilities(natural, detections)
        prior = np.array([self.shares[e] for e in Emotion])
        mixture = joint[:, :-1] + joint[:, -1:] * prior / prior.sum()
        return [
            Expression(dict(zip(Emotion, p, strict=True)), nothing, None if isnan(opened) else opened)
            for p, nothing, opened in zip(
                mixture.tolist(), joint[:, -1].tolist(), eyes_open(eyes).tolist(), strict=True
            )
        ]

    def joint_probabilities(self, logits: Floats, detections: Floats) -> npt.NDArray[np.float64]:
        """Return (n, 8) probabilities from (n, 10) logits: of the emotions, in order, and of nothing.

        Nothing covers all other answers: another expression, unclear, no face.
        """
        column = self.answers.index(NO_FACE)
        of_faces = np.delete(np.asarray(logits, np.float64), column, axis=1)
        no_face = self._no_face(logits[:, column] - _log_of_sum(of_faces), detections)
        each = _softmax(of_faces / self.temperature + np.array(self.bias)) * (1 - no_face[:, None])
        names = [name for name in self.answers if name != NO_FACE]
        columns = [names.index(e.value) for e in Emotion]
        nothing = np.delete(each, columns, axis=1).sum(axis=1) + no_face
        return np.concatenate([each[:, columns], nothing[:, None]], axis=1)

    def _no_face(self, log_odds: Floats, detections: Floats) -> npt.NDArray[np.float64]:
        """Return (n,) probabilities that a crop shows no human face, from the network and the detector together.

        The network's odds hold for its training examples; Bayes' rule replaces their prior by the detector's doubt.
        """
        doubt = np.maximum(1 - detections, LEAST_DOUBT)
        corrected = log_odds - np.log(self.no_face_share / (1 - self.no_face_share)) + np.log(doubt / (1 - doubt))
        return np.asarray(1 / (1 + np.exp(-np.clip(corrected, -50, 50))))


def _log_of_sum(logits: Floats) -> Floats:
    largest = logits.max(axis=1)
    return np.asarray(largest + np.log(np.exp(logits - largest[:, None]).sum(axis=1)))


def eyes_open(logits: Floats) -> npt.NDArray[np.float64]:
    """Return (n,) probabilities that the eyes are open, NaN for hidden eyes; from (n, 3) logits of EYES.

    Unless hidden is the most likely answer, only open and closed are compared.
    """
    eyes = np.asarray(logits, np.float64)
    opened = _softmax(eyes[:, [EYES.index("open"), EYES.index("closed")]])[:, 0]
    return np.where(eyes.argmax(axis=1) == EYES.index("hidden"), np.nan, opened)


def _softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def logits_of(network: Network, crops: Pixels) -> npt.NDArray[np.float32]:
    """Return the network's logits, (n, outputs), for (n, side, side) crops; run one by one, for equal results."""
    return np.concatenate([network(crop[None, ..., None]) for crop in crops])


def resized(crops: Pixels, side: int) -> Pixels:
    """Return (n, s, s) crops as (n, side, side): an older index has smaller ones."""
    if crops.shape[1] == side:
        return crops
    how = cv2.INTER_AREA if side < crops.shape[1] else cv2.INTER_LINEAR
    return np.array([cv2.resize(crop, (side, side), interpolation=how) for crop in crops], np.uint8)
