"""Crops of faces to probabilities of expressions, and a face's probabilities to its label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from . import weights
from .litert import Network
from .types import FOUR, Emotion, label_among

Pixels = npt.NDArray[np.uint8]


class EmotionClassifier(Protocol):
    """Whatever tells expressions apart."""

    def classify(self, crops: Pixels) -> list[dict[Emotion, float]]:
        """Return calibrated probabilities, each summing to 1, for (n, 48, 48) grey crops."""
        ...

    def label(self, probabilities: Mapping[Emotion, float]) -> Emotion:
        """Return the label of a face among the four."""
        ...


def load_classifier() -> LiteRTClassifier:
    """Return the network that ships; raises WeightsError if it is not what it should be."""
    content, network = weights.load("emotion")
    return LiteRTClassifier(content, network.details, weights.label_prior())


class LiteRTClassifier:
    """The emotion network: (n, 48, 48, 1) uint8 in, logits of the FER+ and the FER2013 head out; one thread.

    details: the manifest's entry. `labels` names the logits of each head, FER+ first, which is the
    product's; `temperature` calibrates it (Guo et al., 2017). prior: what labels are divided by.
    """

    def __init__(self, model: bytes, details: Mapping[str, Any], prior: Mapping[Emotion, float]) -> None:
        self._network = Network(model)
        self._columns = [details["labels"]["ferplus"].index(e.value) for e in Emotion]
        self._temperature = float(details["temperature"])
        self._prior = prior

    def classify(self, crops: Pixels) -> list[dict[Emotion, float]]:
        """Return the probabilities of all expressions; contempt, which no command asks for, is left out of the sum."""
        if len(crops) == 0:
            return []
        z = mirrored_logits(self._network, crops)[:, self._columns] / self._temperature
        e = np.exp(z - z.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        return [dict(zip(Emotion, map(float, row), strict=True)) for row in p]

    def label(self, probabilities: Mapping[Emotion, float]) -> Emotion:
        """Return the label of a face among the four."""
        return label_among(FOUR, probabilities, self._prior)


def mirrored_logits(network: Network, crops: Pixels) -> npt.NDArray[np.float32]:
    """Return the mean of the network's logits for (n, 48, 48) crops and for their mirror images, (n, outputs).

    An expression is the same seen from the other side, and the errors of both views differ in part.
    """
    views = np.concatenate([crops, crops[:, :, ::-1]])[..., None]
    logits = network(views)
    return np.asarray((logits[: len(crops)] + logits[len(crops) :]) / 2, np.float32)
