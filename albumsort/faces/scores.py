"""Turn the scores of networks into probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .rows import Floats


@dataclass(frozen=True)
class Calibration:
    """The map from the scores of both networks to the confidence: weights of their logits, and an offset."""

    proposal: float
    verification: float
    offset: float

    def __call__(self, proposal: Floats, verification: Floats) -> Floats:
        """Return (n,) probabilities of a face; proposal, verification: (n,) scores, 0-1."""
        log_odds = self.proposal * logit(proposal) + self.verification * logit(verification) + self.offset
        return probability(log_odds)


def logit(p: Floats) -> Floats:
    """Return the log odds of probabilities, clipped to stay finite at 0 and 1."""
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(p / (1 - p)), np.float32)


def probability(log_odds: npt.NDArray[np.floating]) -> Floats:
    """Return the probabilities of log odds, the inverse of `logit`."""
    return np.asarray(1 / (1 + np.exp(-log_odds)), np.float32)
