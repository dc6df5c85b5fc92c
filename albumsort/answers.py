"""The answers of viewers for a face, and how common they are."""

from __future__ import annotations

from collections.abc import Mapping

from .types import Emotion

Answer = Emotion | None
"""A viewer's answer for a face: one of the seven, or None (another expression, unreadable, or not a face)."""
ANSWERS: tuple[Answer, ...] = (*Emotion, None)
Shares = Mapping[Answer, float]
"""How common each answer is among some faces; the shares sum to 1."""
Confusion = Mapping[Answer, Shares]
"""For each answer of viewers, the shares of the classifier's answers to the same faces."""
NOTHING = "nothing"
"""The name of the answer None in files and columns."""
READABLE = 32.0
"""Minimum longer side in pixels of a face that counts for the shares of its album."""


def shares_from(named: Mapping[str, float]) -> Shares:
    """Return shares from a mapping by name; raises KeyError if a name is missing."""
    return {answer: float(named[answer or NOTHING]) for answer in ANSWERS}


def confusion_from(named: Mapping[str, Mapping[str, float]]) -> Confusion:
    """Return a confusion from mappings by name; raises KeyError if a name is missing."""
    return {answer: shares_from(named[answer or NOTHING]) for answer in ANSWERS}


def named_shares(shares: Shares) -> dict[str, float]:
    """Return shares as a mapping by name."""
    return {str(answer or NOTHING): shares[answer] for answer in ANSWERS}
