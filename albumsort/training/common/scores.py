"""A share with a bootstrap interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RESAMPLES = 2000


@dataclass(frozen=True)
class Score:
    """An accuracy (0-1) with its 95 % bootstrap interval, over n faces."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}] n={self.n}"


def accuracy(answers: npt.ArrayLike) -> Score:
    """Return the share of true values with a seeded percentile bootstrap interval (Efron, 1979)."""
    right = np.asarray(answers, np.bool_)
    n = len(right)
    if n == 0:
        return Score(float("nan"), float("nan"), float("nan"), 0)
    # the sum of n zeros and ones, resampled with replacement, is binomial
    shares = np.random.default_rng(0).binomial(n, right.mean(), RESAMPLES) / n
    low, high = np.quantile(shares, [0.025, 0.975])
    return Score(float(right.mean()), float(low), float(high), n)
