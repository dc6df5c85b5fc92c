"""The two networks of the face detector, in Keras; `albumsort.faces` describes inputs and outputs.

Here the score is a logit in both; the verifier's LiteRT file returns a probability.
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
RARE = -4.6  # initial logit of the heat map: a face in one cell of a hundred
ANSWERS = "answers"  # the layer that concatenates the proposer's outputs
USUAL_SIZE = 1.4  # initial log of a box's side in cells


@keras.saving.register_keras_serializable("albumsort")
class Doubled(layers.Layer):  # type: ignore[misc]
    """Upsampling by 2 that repeats pixels; it does not read the input's shape, so LiteRT can resize the input."""

    def call(self, x: Any) -> Any:
        return tf.nn.depth_to_space(tf.concat([x] * 4, axis=-1), 2)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, height, width, channels = shape
        return batch, height and height * 2, width and width * 2, channels


def proposer() -> keras.Model:
    """Return the network for the whole photo: (n, h, w/4, 12) BGR 0-255 to (n, h/8, w/8, 15).

    It has residual blocks (He et al., 2016) and a feature pyramid (Lin et al., 2017) down to cells of 8 x 8 pixels.
    Four neighbouring pixels form one pixel of twelve channels, which is their order in memory anyway: convolutions
    with few channels, and all work at full size, took two thirds of the time. No convolution is separable: in
    integers, a separable one over 48 channels takes as long as a full one, which learns more. Pixels are not scaled:
    the normalisation after the first convolution does that. The landmarks only help training; the file that ships has
    none.
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
    """Return two convolutions plus their input; they add nothing at first, so that a network can be deepened."""
    added = conv(conv(x, channels, 3), channels, 3, relu=False, gamma="zeros")
    return layers.ReLU()(layers.Add()([x, added]))


def verifier() -> keras.Model:
    """Return the network for one candidate: (n, 48, 48, 3) BGR 0-255 to (n, 15)."""
    crop = layers.Input((VERIFIER_SIDE, VERIFIER_SIDE, 3), name="crop")
    x = conv(layers.Rescaling(1 / 127.5, -1.0)(crop), 24, 3, 2)
    for channels, blocks in zip(VERIFIER_CHANNELS, VERIFIER_BLOCKS, strict=True):
        x = conv(x, channels, 3, 2)
        for _ in range(blocks):
            x = _block(x, channels)
    x = layers.Dropout(0.2)(layers.Flatten()(conv(x, 112, 3, 2)))
    x = layers.Dense(64, activation="relu")(x)
    return keras.Model(crop, layers.Dense(15, kernel_initializer="zeros")(x), name="verifier")
