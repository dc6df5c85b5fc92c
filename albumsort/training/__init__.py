"""Data sets, networks, fitting, evaluation, conversion: how the shipped networks are made."""

from __future__ import annotations

from pathlib import Path


def fit_predict(train_csv: Path | str, test_csv: Path | str) -> list[str]:
    """Learn from one table of faces and return a label for every row of another; see `competition.fit_predict`."""
    from .emotion import competition  # needs TensorFlow, which most of what uses this package does not

    return competition.fit_predict(train_csv, test_csv)
