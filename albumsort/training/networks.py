"""The expression networks, in plain Keras: a square grey face in, logits of all heads out, side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import layers, ops

from .datasets import SIDE


@keras.saving.register_keras_serializable("albumsort")
class BatchNorm(layers.Layer):  # type: ignore[misc]
    """Batch normalisation over the last axis that trains with TensorFlow's fused kernel where it is there.

    Keras' own layer runs as six passes over memory; on a CPU the fused kernel makes a whole training
    step of these networks about twice as fast. Other backends take the plain form.
    """

    def __init__(self, momentum: float = 0.97, epsilon: float = 1e-3, gamma: str = "ones", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.momentum, self.epsilon, self.first_gamma = momentum, epsilon, gamma

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        def weight(name: str, value: str, trainable: bool) -> Any:
            return self.add_weight(
                (input_shape[-1],), initializer=value, name=name, trainable=trainable, dtype="float32", autocast=False
            )

        self.gamma, self.beta = weight("gamma", self.first_gamma, True), weight("beta", "zeros", True)
        self.mean, self.variance = weight("mean", "zeros", False), weight("variance", "ones", False)

    def call(self, x: Any, training: bool = False) -> Any:
        if not training:
            scale = self.gamma * ops.rsqrt(self.variance + self.epsilon)
            return x * ops.cast(scale, x.dtype) + ops.cast(self.beta - self.mean * scale, x.dtype)
        y, mean, variance = self._normalise(x)
        for running, batch in ((self.mean, mean), (self.variance, variance)):
            running.assign(running * self.momentum + batch * (1 - self.momentum))
        return y

    def _normalise(self, x: Any) -> tuple[Any, Any, Any]:
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            unused = tf.zeros((0,))
            y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
                x=x,
                scale=tf.convert_to_tensor(self.gamma.value),
                offset=tf.convert_to_tensor(self.beta.value),
                mean=unused,
                variance=unused,
                epsilon=self.epsilon,
                exponential_avg_factor=1.0,
                is_training=True,
            )
            return y, mean, variance
        axes = tuple(range(len(x.shape) - 1))
        mean, variance = ops.moments(ops.cast(x, "float32"), axes)
        scale = self.gamma * ops.rsqrt(variance + self.epsilon)
        return ops.cast(ops.cast(x, "float32") * scale + (self.beta - mean * scale), x.dtype), mean, variance

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "gamma": self.first_gamma,
        }


Extent = int | tuple[int, int]  # of rows and columns


def conv(x: Any, channels: int, size: Extent, stride: Extent = 1, relu: bool = True, gamma: str = "ones") -> Any:
    """Convolve, normalise, and keep what is positive; gamma: what the scale begins as."""
    x = layers.Conv2D(channels, size, stride, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
    x = BatchNorm(gamma=gamma)(x)
    return layers.ReLU()(x) if relu else x


def _residual(x: Any, channels: int, stride: int = 1) -> Any:
    """Two 3x3 convolutions beside a shortcut (He et al., 2016), averaged down where the stride is 2.

    The convolutions begin by adding nothing (Goyal et al., 2017), so that a network can be continued
    with further blocks.
    """
    y = conv(conv(x, channels, 3, stride), channels, 3, relu=False, gamma="zeros")
    if stride > 1:
        x = layers.AveragePooling2D(stride)(x)
    if x.shape[-1] != channels:
        x = conv(x, channels, 1, relu=False)
    return layers.ReLU()(layers.Add()([x, y]))


def _attend(x: Any) -> Any:
    """Weigh the channels by what the whole face shows (squeeze and excite, Hu et al., 2018)."""
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
    """Return a small residual network: 43 million multiplications a face of 48 pixels, most at 12x12 and 6x6."""
    return _stacked(outputs, side, ((64, 2), (64, 1), (128, 2), (128, 1), (192, 2)))


def deep(outputs: int, side: int = SIDE) -> keras.Model:
    """Return `compact` and three more blocks at the fine scales: 75 million multiplications at 48 pixels."""
    return _stacked(outputs, side, ((32, 1), (64, 2), (64, 1), (64, 1), (64, 1), (128, 2), (128, 1), (192, 2)))


def deeper(outputs: int, side: int = SIDE) -> keras.Model:
    """Return `deep` and two more blocks at the coarse scales, which see the whole face: a fifth more work."""
    blocks = ((32, 1), (64, 2), (64, 1), (64, 1), (64, 1), (128, 2), (128, 1), (128, 1), (192, 2), (192, 1))
    return _stacked(outputs, side, blocks)


def _stacked(outputs: int, side: int, blocks: Sequence[tuple[int, int]]) -> keras.Model:
    """Return a residual network of these blocks, each with its channels and stride."""
    face, x = _input(side)
    x = conv(x, 32, 5, 2)
    for channels, stride in blocks:
        x = _residual(x, channels, stride)
    return _heads(face, x, outputs, 0.3)


def wide(outputs: int, side: int = SIDE) -> keras.Model:
    """Return a teacher: the same kind of network with a finer first scale, three times the work."""
    face, x = _input(side)
    x = conv(x, 48, 3, 2)
    for channels, stride in ((48, 1), (96, 2), (96, 1), (96, 1), (192, 2), (192, 1), (256, 2)):
        x = _attend(_residual(x, channels, stride))
    return _heads(face, x, outputs, 0.4)


def plain(outputs: int, side: int = SIDE) -> keras.Model:
    """Return a teacher of another kind: stacked convolutions and pooling, after VGG (Simonyan and Zisserman, 2015).

    As many multiplications as `deep` in fewer and wider layers, which takes half the time to train.
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
