"""The two networks of the face detector as the LiteRT files that ship."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from ...faces.proposer import SIGN
from ..common.conversion import converted
from .networks import ANSWERS


def verifier_to_litert(model: keras.Model) -> bytes:
    """Convert the face detector's second network: float32 crops (0-255) in, the first output made a probability.

    Weights are stored as those of the expression network.
    """
    shape = [None, *model.input.shape[1:]]

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32)])  # type: ignore[untyped-decorator]
    def answers(crops: Any) -> Any:
        y = model(crops, training=False)
        return tf.concat([tf.sigmoid(y[..., :1]), y[..., 1:]], axis=-1)

    return converted(answers)


def proposer_to_litert(model: keras.Model, shown: Sequence[npt.NDArray[np.int8]]) -> bytes:
    """Convert the face detector's first network to 8-bit integers throughout: two thirds of the time of floats.

    shown: some pictures as `faces.proposer_input` gives them. They decide how large an activation of each layer
    can be; few show the usual, many the extremes, for which all others would be rounded more coarsely. The
    network's outputs stay apart, because integers side by side would share one scale; the landmarks, which only
    help it to learn, are left out.
    """
    apart = keras.Model(model.input, model.get_layer(ANSWERS).input[:-1])

    @tf.function(input_signature=[tf.TensorSpec([1, *model.input.shape[1:]], tf.float32)])  # type: ignore[untyped-decorator]
    def answers(pixels: Any) -> Any:
        return apart(pixels, training=False)

    every = np.resize(np.arange(256, dtype=np.uint8), (1, 32, 32, model.input.shape[-1]))  # so that none is rounded
    pictures = [every, *(picture.view(np.uint8) ^ SIGN for picture in shown)]
    return converted(answers, [picture.astype(np.float32) for picture in pictures])
