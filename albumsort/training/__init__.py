"""How the shipped networks are trained: data sets, networks, fitting, evaluation, conversion."""

from __future__ import annotations

from pathlib import Path


def fit_predict(train_csv: Path | str, test_csv: Path | str) -> list[str]:
    """Learn from one table of faces and return a label for every row of another; see `competition.fit_predict`."""
    from .emotion import competition  # imports TensorFlow, which most users of this package do not need

    return competition.fit_predict(train_csv, test_csv)
