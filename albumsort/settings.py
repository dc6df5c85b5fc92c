"""The settings of a result: the networks and the methods (code) that produce it."""

from __future__ import annotations

from .networks import weights
from .types import Settings

FINDING_METHOD = "12"
"""Increase this when the same bytes and weights give different faces, crops or dates."""
CLASSIFYING_METHOD = "3"
"""Increase this when the same crops and weights give different probabilities."""


def settings() -> Settings:
    """Return the settings of results produced now: hashes of the networks, and method numbers."""
    return Settings(
        finding=f"{weights.fingerprint('face_proposer', 'face_verifier')}-{FINDING_METHOD}",
        classifying=f"{weights.fingerprint('emotion')}-{CLASSIFYING_METHOD}",
    )
