"""Keras layers that several networks use."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("albumsort")
class BatchNorm(layers.Layer):  # type: ignore[misc]
    """Batch normalisation over the last axis that trains with TensorFlow's fused kernel where available.

    Keras' own layer makes six passes over memory; on a CPU the fused kernel makes a whole training step of these
    networks about twice as fast. Other backends use the plain form.
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
    """Apply a convolution, batch normalisation and, if `relu`, a ReLU; gamma: initial scale."""
    x = layers.Conv2D(channels, size, stride, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
    x = BatchNorm(gamma=gamma)(x)
    return layers.ReLU()(x) if relu else x
