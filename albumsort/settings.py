"""The settings of a result: the networks and the methods (code) that produce it."""

from __future__ import annotations

from .networks import weights
from .types import Settings

FINDING_METHOD = "13"
"""Increase this when the same bytes and weights give different faces, crops or descriptions."""
CLASSIFYING_METHOD = "3"
"""Increase this when the same crops and weights give different probabilities."""
DATING_METHOD = "1"
"""Increase this when the same bytes give another date."""


def settings() -> Settings:
    """Return the settings of results produced now: hashes of the networks, and numbers of methods."""
    return Settings(
        finding=f"{weights.fingerprint('face_proposer', 'face_verifier')}-{FINDING_METHOD}",
        classifying=f"{weights.fingerprint('emotion')}-{CLASSIFYING_METHOD}",
        dating=DATING_METHOD,
    )
