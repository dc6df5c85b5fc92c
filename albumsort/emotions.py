"""Crops of faces to what they express: calibrated probabilities of the expressions, and whether the eyes are open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from .networks import weights
from .networks.litert import Network
from .types import Confusion, Emotion, Expression, Shares, confusion_from, shares_from

EYES = ("open", "closed", "hidden")
NO_FACE = "none"
"""The answer of the head `natural` that a crop shows no human face."""
LEAST_DOUBT = 0.01
"""Share of statues, drawings, pets and patterns among what the detector is surest of, in an ordinary album."""

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

    def classify(self, crops: Pixels, detections: Sequence[float]) -> list[Expression]:
        """Return what each of (n, s, s) grey crops expresses; no answer depends on the other crops.

        detections: the probability that each is a face, by the detector.
        """
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

    def classify(self, crops: Pixels, detections: Sequence[float]) -> list[Expression]:
        """Return what each crop expresses."""
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
    """How logits become probabilities that hold among ordinary faces.

    answers: the ten of the head `natural`, NO_FACE among them. temperature, bias: for the nine that are about faces,
    with a bias each. no_face_share: how many of the training examples were no faces. shares: how common emotions are
    among ordinary faces.
    """

    answers: tuple[str, ...]
    temperature: float
    bias: tuple[float, ...]
    no_face_share: float
    shares: Shares

    @classmethod
    def of(cls, details: Mapping[str, Any]) -> Calibration:
        """Return the calibration that a manifest's entry gives."""
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
        """Return what each face expresses, by the logits of both heads, (n, 10) and (n, 3), and (n,) detections."""
        joint = self.joint_probabilities(natural, detections)
        anybody = np.array([self.shares[e] for e in Emotion])
        mixture = joint[:, :-1] + joint[:, -1:] * anybody / anybody.sum()
        return [
            Expression(dict(zip(Emotion, p, strict=True)), nothing, None if isnan(opened) else opened)
            for p, nothing, opened in zip(
                mixture.tolist(), joint[:, -1].tolist(), eyes_open(eyes).tolist(), strict=True
            )
        ]

    def joint_probabilities(self, logits: Floats, detections: Floats) -> npt.NDArray[np.float64]:
        """Return (n, 8) probabilities of the emotions, in their order, and of nothing; from (n, 10) logits.

        Whatever is no emotion (another expression, unclear, no face) is nothing.
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
        """Return (n,) probabilities that a crop shows no person's face, by the network and the detector together.

        The network's odds hold among its training examples; Bayes' rule takes them to what the detector left in doubt.
        """
        doubt = np.maximum(1 - detections, LEAST_DOUBT)
        shown = log_odds - np.log(self.no_face_share / (1 - self.no_face_share)) + np.log(doubt / (1 - doubt))
        return np.asarray(1 / (1 + np.exp(-np.clip(shown, -50, 50))))


def _log_of_sum(logits: Floats) -> Floats:
    most = logits.max(axis=1)
    return np.asarray(most + np.log(np.exp(logits - most[:, None]).sum(axis=1)))


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
