"""Conversion of the face detector's two networks to the LiteRT files that ship."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from ...faces.proposer import SIGN
from ..common.conversion import convert
from .networks import ANSWERS


def verifier_to_litert(model: keras.Model) -> bytes:
    """Convert the verifier: float32 crops (0-255) in, the first output as a probability.

    Weights are stored like the emotion network's.
    """
    shape = [None, *model.input.shape[1:]]

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32)])  # type: ignore[untyped-decorator]
    def answers(crops: Any) -> Any:
        y = model(crops, training=False)
        return tf.concat([tf.sigmoid(y[..., :1]), y[..., 1:]], axis=-1)

    return convert(answers)


def proposer_to_litert(model: keras.Model, examples: Sequence[npt.NDArray[np.int8]]) -> bytes:
    """Convert the proposer to 8-bit integers throughout: two thirds of the time of floats.

    examples: some pictures as `faces.proposer_input` returns them. They set the range of each layer's activations.
    A few are enough: many would include extremes, and a wider range rounds all values more coarsely. The outputs
    stay separate, because integers in one tensor would share one scale. The landmarks, which only help training, are
    left out.
    """
    separate = keras.Model(model.input, model.get_layer(ANSWERS).input[:-1])

    @tf.function(input_signature=[tf.TensorSpec([1, *model.input.shape[1:]], tf.float32)])  # type: ignore[untyped-decorator]
    def answers(pixels: Any) -> Any:
        return separate(pixels, training=False)

    every = np.resize(np.arange(256, dtype=np.uint8), (1, 32, 32, model.input.shape[-1]))  # no pixel value is rounded
    pictures = [every, *(picture.view(np.uint8) ^ SIGN for picture in examples)]
    return convert(answers, [picture.astype(np.float32) for picture in pictures])
