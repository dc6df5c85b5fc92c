"""The two networks of the face detector, in Keras; `albumsort.faces` describes what goes in and comes out.

Both answer with a logit for the score here; the verifier's file answers with a probability.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import layers

from ...faces.verifier import VERIFIER_SIDE
from ..common.layers import conv

PROPOSER_CHANNELS, PROPOSER_BLOCKS = (32, 64, 96), (1, 2, 2)  # at strides 8, 16, 32
STEM, PYRAMID = 16, 32
VERIFIER_CHANNELS, VERIFIER_BLOCKS = (48, 80), (2, 2)  # at strides 4, 8
NEIGHBOURS = 4  # pixels side by side
RARE = -4.6  # the logit that the heat map begins with: one cell in a hundred
ANSWERS = "answers"  # the layer that puts the proposer's outputs side by side
USUAL_SIZE = 1.4  # log of the side in cells that boxes begin with


@keras.saving.register_keras_serializable("albumsort")
class Doubled(layers.Layer):  # type: ignore[misc]
    """Twice as wide and high, each pixel repeated, without asking for its shape: LiteRT can resize the input."""

    def call(self, x: Any) -> Any:
        return tf.nn.depth_to_space(tf.concat([x] * 4, axis=-1), 2)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, height, width, channels = shape
        return batch, height and height * 2, width and width * 2, channels


def proposer() -> keras.Model:
    """Return the network that looks at the whole photo: (n, h, w/4, 12) BGR 0-255 to (n, h/8, w/8, 15).

    Residual blocks (He et al., 2016), and a feature pyramid (Lin et al., 2017) down to cells of 8 x 8 pixels. Four
    neighbouring pixels come as one of twelve channels, which is how they lie in memory anyway: convolutions of
    few channels, and all that is done at full size, took two thirds of the time. None of them is separable: in
    integers, filtering each of 48 channels by itself and mixing them takes as long as one convolution over all,
    which learns more. Pixels are not scaled, because the normalisation after the first convolution does that. The
    landmarks are learnt for the sake of the rest: the file that ships has none.
    """
    photo = layers.Input((None, None, 3 * NEIGHBOURS), name="photo")
    x = conv(photo, STEM, (4, 3), (4, 1))
    scales = []
    for channels, blocks in zip(PROPOSER_CHANNELS, PROPOSER_BLOCKS, strict=True):
        x = conv(x, channels, 3, 2)
        for _ in range(blocks):
            x = _block(x, channels)
        scales.append(x)
    x = conv(scales[2], PYRAMID, 1)
    for finer in (scales[1], scales[0]):
        x = layers.Add()([Doubled()(x), conv(finer, PYRAMID, 1)])
        x = conv(x, PYRAMID, 3)
    x = conv(x, PYRAMID, 3)
    heat = layers.Conv2D(1, 1, bias_initializer=keras.initializers.Constant(RARE))(x)
    centre = layers.Conv2D(2, 1)(x)
    size = layers.Conv2D(2, 1, bias_initializer=keras.initializers.Constant(USUAL_SIZE))(x)
    landmarks = layers.Conv2D(10, 1)(x)
    return keras.Model(photo, layers.Concatenate(name=ANSWERS)([heat, centre, size, landmarks]), name="proposer")


def _block(x: Any, channels: int) -> Any:
    """Two convolutions, and what came in added; they begin by adding nothing, so that a network can be made deeper."""
    added = conv(conv(x, channels, 3), channels, 3, relu=False, gamma="zeros")
    return layers.ReLU()(layers.Add()([x, added]))


def verifier() -> keras.Model:
    """Return the network that looks at one candidate: (n, 48, 48, 3) BGR 0-255 to (n, 15)."""
    crop = layers.Input((VERIFIER_SIDE, VERIFIER_SIDE, 3), name="crop")
    x = conv(layers.Rescaling(1 / 127.5, -1.0)(crop), 24, 3, 2)
    for channels, blocks in zip(VERIFIER_CHANNELS, VERIFIER_BLOCKS, strict=True):
        x = conv(x, channels, 3, 2)
        for _ in range(blocks):
            x = _block(x, channels)
    x = layers.Dropout(0.2)(layers.Flatten()(conv(x, 112, 3, 2)))
    x = layers.Dense(64, activation="relu")(x)
    return keras.Model(crop, layers.Dense(15, kernel_initializer="zeros")(x), name="verifier")
