"""What a result depends on besides the photo's bytes: the weights, and the methods that are code."""

from __future__ import annotations

from .networks import weights
from .types import Settings

FINDING_METHOD = "12"
"""Changes whenever the same bytes and weights would give other faces, crops or dates."""
CLASSIFYING_METHOD = "3"
"""Changes whenever the same crops and weights would give other probabilities."""


def settings() -> Settings:
    """Name what results depend on besides the bytes: the weights and the methods."""
    return Settings(
        finding=f"{weights.fingerprint('face_proposer', 'face_verifier')}-{FINDING_METHOD}",
        classifying=f"{weights.fingerprint('emotion')}-{CLASSIFYING_METHOD}",
    )
