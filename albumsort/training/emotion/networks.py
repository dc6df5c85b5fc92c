"""The emotion networks, in plain Keras: a square grey face in, the logits of all heads side by side out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import layers

from ..common.layers import conv
from .data import SIDE


def _residual(x: Any, channels: int, stride: int = 1) -> Any:
    """Return two 3x3 convolutions plus a shortcut (He et al., 2016), average-pooled if the stride is 2.

    The convolutions add nothing at first (Goyal et al., 2017), so that a trained network can get further blocks.
    """
    y = conv(conv(x, channels, 3, stride), channels, 3, relu=False, gamma="zeros")
    if stride > 1:
        x = layers.AveragePooling2D(stride)(x)
    if x.shape[-1] != channels:
        x = conv(x, channels, 1, relu=False)
    return layers.ReLU()(layers.Add()([x, y]))


def _attend(x: Any) -> Any:
    """Weight the channels by the content of the whole face (squeeze and excite, Hu et al., 2018)."""
    channels = x.shape[-1]
    s = layers.GlobalAveragePooling2D(keepdims=True)(x)
    s = layers.Conv2D(channels // 8, 1, activation="relu")(s)
    return layers.Multiply()([x, layers.Conv2D(channels, 1, activation="sigmoid")(s)])


def _input(side: int) -> tuple[Any, Any]:
    face = layers.Input((side, side, 1), name="face")
    return face, layers.Rescaling(1 / 127.5, -1.0)(face)


def _heads(face: Any, features: Any, outputs: int, dropout: float) -> keras.Model:
    x = layers.Dropout(dropout)(layers.GlobalAveragePooling2D()(features))
    return keras.Model(face, layers.Dense(outputs, dtype="float32", name="logits")(x))


def compact(outputs: int, side: int = SIDE) -> keras.Model:
    """Return a small residual network: 43 million multiplications for a face of 48 pixels, most at 12x12 and 6x6."""
    return _stacked(outputs, side, ((64, 2), (64, 1), (128, 2), (128, 1), (192, 2)))


def deep(outputs: int, side: int = SIDE) -> keras.Model:
    """Return `compact` with three more blocks at the fine scales: 75 million multiplications at 48 pixels."""
    return _stacked(outputs, side, ((32, 1), (64, 2), (64, 1), (64, 1), (64, 1), (128, 2), (128, 1), (192, 2)))


def deeper(outputs: int, side: int = SIDE) -> keras.Model:
    """Return `deep` with two more blocks at the coarse scales, which see the whole face: a fifth more work."""
    blocks = ((32, 1), (64, 2), (64, 1), (64, 1), (64, 1), (128, 2), (128, 1), (128, 1), (192, 2), (192, 1))
    return _stacked(outputs, side, blocks)


def _stacked(outputs: int, side: int, blocks: Sequence[tuple[int, int]]) -> keras.Model:
    """Return a residual network of these blocks; each block is (channels, stride)."""
    face, x = _input(side)
    x = conv(x, 32, 5, 2)
    for channels, stride in blocks:
        x = _residual(x, channels, stride)
    return _heads(face, x, outputs, 0.3)


def wide(outputs: int, side: int = SIDE) -> keras.Model:
    """Return a teacher: the same kind of network with a finer first scale and three times the work."""
    face, x = _input(side)
    x = conv(x, 48, 3, 2)
    for channels, stride in ((48, 1), (96, 2), (96, 1), (96, 1), (192, 2), (192, 1), (256, 2)):
        x = _attend(_residual(x, channels, stride))
    return _heads(face, x, outputs, 0.4)


def plain(outputs: int, side: int = SIDE) -> keras.Model:
    """Return a teacher of another kind: stacked convolutions and pooling, after VGG (Simonyan and Zisserman, 2015).

    It has as many multiplications as `deep` in fewer, wider layers, and trains in half the time.
    """
    face, x = _input(side)
    for channels, depth, size in ((32, 1, 5), (64, 1, 3), (128, 2, 3), (256, 2, 3)):
        for layer in range(depth):
            x = conv(x, channels, size, 2 if size == 5 and layer == 0 else 1)
        if size == 3:
            x = layers.MaxPooling2D(2)(x)
            x = layers.Dropout(0.15)(x)
    return _heads(face, x, outputs, 0.4)


NETWORKS: dict[str, Callable[[int, int], keras.Model]] = {
    "compact": compact,
    "deep": deep,
    "deeper": deeper,
    "wide": wide,
    "plain": plain,
}
