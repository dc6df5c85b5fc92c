"""Conversion of the emotion network to the LiteRT file that ships, and its manifest entry."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from ..common.conversion import convert, side_of
from .data import Head


def to_litert(model: keras.Model) -> bytes:
    """Convert to a LiteRT model: uint8 (n, side, side, 1) in, float32 logits out, weights stored as 8-bit integers.

    Weights are quantised per channel, activations at run time (dynamic range quantisation): the file takes a quarter
    of the space and of the time of float32. The converter folds batch normalisation into the convolutions; n can be
    resized.
    """
    side = model.input.shape[1]

    @tf.function(input_signature=[tf.TensorSpec([1, side, side, 1], tf.uint8, name="face")])  # type: ignore[untyped-decorator]
    def logits(face: Any) -> Any:
        return model(tf.cast(face, tf.float32), training=False)

    return convert(logits)


def emotion_entry(
    file: str, content: bytes, heads: Sequence[Head], temperature: float, origin: dict[str, Any]
) -> dict[str, Any]:
    """Return the manifest entry; origin: data, score, commit and command."""
    return {
        "file": file,
        "sha256": hashlib.sha256(content).hexdigest(),
        "input": f"uint8 (n, {side_of(content)}, {side_of(content)}, 1), grey face",
        "output": f"float32 (n, {sum(len(head.labels) for head in heads)}), logits of the heads side by side",
        "labels": {head.name: list(head.labels) for head in heads},
        "temperature": round(temperature, 4),
        **origin,
    }
