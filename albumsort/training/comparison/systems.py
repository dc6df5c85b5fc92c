"""The systems that albumsort grew from, rebuilt from their authors' descriptions.

Every network takes grey faces (n, 48, 48, 1) of 0-255, scales them itself and returns a logit for each of its labels.
Where a description is incomplete, all systems use the same defaults: 3x3 convolutions that keep the size, 2x2 max
pooling and dropout (if any) after each step, ReLU, division by 255, Adam at .001, batches of 64, no augmentation.
Without a stated end, training stops when the accuracy on PublicTest has not improved for eight epochs. The weights of
the best epoch on PublicTest are always kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import keras
from keras import layers

from ...errors import UsageError
from ..common.layers import BatchNorm
from ..emotion.data import FER2013_LABELS, SIDE

FEATURES, HEAD, TRUNK = "features", "head", "vgg19"
"""Parts of a pretrained network: the frozen part, the part trained on its output, and the part of the frozen one whose
weights come from a file."""


@dataclass(frozen=True)
class Jitter:
    """Largest random change of a training face: degrees, shares of its side, relative size; uniformly drawn."""

    rotation: float
    shift: float
    zoom: float


@dataclass(frozen=True)
class Plateau:
    """A rule: multiply the learning rate by `factor` after `patience` epochs without a better PublicTest accuracy."""

    factor: float
    patience: int


@dataclass(frozen=True)
class System:
    """A system: its network, its training and the figures that its authors report.

    build: builds the network for a number of labels; None: a support vector machine on the scaled pixels. published:
    accuracy, 0-1, on test faces of the authors' own choice; published_recall: of single labels. theirs: the authors'
    training, if stated. jitter: also mirrors half of the faces. pretrained: the file of initial weights, by Keras'
    name. setting: the setting of its network that differs in `variants`, which are trained as well, to compare the
    curves.
    """

    name: str
    labels: tuple[str, ...]
    published: float
    build: Callable[[int], keras.Model] | None
    theirs: str = ""
    published_recall: Mapping[str, float] = field(default_factory=dict)
    epochs: int = 60
    patience: int = 8
    batch: int = 64
    learning_rate: float = 1e-3
    plateau: Plateau | None = None
    jitter: Jitter | None = None
    pretrained: str = ""
    setting: str = ""
    variants: Mapping[str, Callable[[int], keras.Model]] = field(default_factory=dict)


def spotle(labels: int) -> keras.Model:
    """Return three pairs of unpadded convolutions, each with pooling; 569,315 parameters for three labels."""
    face, x = _scaled()
    for channels, size in ((32, 5), (64, 3), (128, 3)):
        for _ in range(2):
            x = BatchNorm(0.99)(layers.Conv2D(channels, size, activation="relu")(x))
        x = layers.Dropout(0.25)(layers.MaxPooling2D()(x))
    x = layers.Dense(512, activation="relu")(layers.Flatten()(x))
    return _answering(face, layers.Dropout(0.5)(x), labels)


def mason(labels: int, l2: float = 1e-4) -> keras.Model:
    """Return four unpadded convolutions, each with pooling; 308,356 parameters for four labels."""
    face, x = _scaled()
    for channels in (32, 64, 128, 128):
        x = layers.MaxPooling2D()(layers.Conv2D(channels, 3, activation="relu")(x))
        x = layers.Dropout(0.25)(x)
    x = layers.Dense(512, activation="relu", kernel_regularizer=keras.regularizers.L2(l2))(layers.Flatten()(x))
    return _answering(face, layers.Dropout(0.4)(x), labels)


def dcnn(labels: int) -> keras.Model:
    """Return three pairs of convolutions with exponential linear units and strong dropout."""
    face, x = _scaled()
    elu = {"activation": "elu", "kernel_initializer": "he_normal"}
    for channels, size, dropout in ((64, 5, 0.4), (128, 3, 0.4), (256, 3, 0.5)):
        for _ in range(2):
            x = BatchNorm(0.99)(layers.Conv2D(channels, size, padding="same", **elu)(x))
        x = layers.Dropout(dropout)(layers.MaxPooling2D()(x))
    x = layers.BatchNormalization()(layers.Dense(128, **elu)(layers.Flatten()(x)))
    return _answering(face, layers.Dropout(0.6)(x), labels)


def mlp(labels: int) -> keras.Model:
    """Return dense layers on the pixels."""
    face, x = _scaled()
    return _answering(face, _dense(layers.Flatten()(x), 512, 256, 128, 64, 16), labels)


def convolutions(labels: int, channels: tuple[int, ...]) -> keras.Model:
    """Return one convolution with pooling for each number of channels, and nothing else."""
    face, x = _scaled()
    for count in channels:
        x = layers.MaxPooling2D()(layers.Conv2D(count, 3, padding="same", activation="relu")(x))
    return _answering(face, layers.Flatten()(x), labels)


def vgg19(labels: int) -> keras.Model:
    """Return VGG19 (Simonyan and Zisserman, 2015) with batch norm, which training from random weights needs."""
    face, x = _scaled()
    for channels, depth in ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4)):
        for _ in range(depth):
            x = layers.Conv2D(channels, 3, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
            x = layers.ReLU()(BatchNorm(0.99)(x))
        x = layers.MaxPooling2D()(x)
    return _answering(face, layers.Dropout(0.5)(layers.Flatten()(x)), labels)


def vgg19_frozen(labels: int) -> keras.Model:
    """Return dense layers on the features of an ImageNet VGG19; the weights of TRUNK are random until loaded."""
    grey = layers.Input((SIDE, SIDE, 1))
    blue_green_red = layers.Normalization(mean=(103.939, 116.779, 123.68), variance=(1, 1, 1))
    trunk = keras.applications.VGG19(include_top=False, weights=None, input_shape=(SIDE, SIDE, 3), name=TRUNK)
    trunk.trainable = False
    features = keras.Model(grey, trunk(blue_green_red(layers.Concatenate()([grey, grey, grey]))), name=FEATURES)
    found = layers.Input(trunk.output.shape[1:])
    x = _dense(layers.Flatten()(found), 512, 384, 96, 32)
    head = keras.Model(found, layers.Dense(labels, dtype="float32")(x), name=HEAD)
    face = layers.Input((SIDE, SIDE, 1), name="face")
    return keras.Model(face, head(features(face)))


def _scaled() -> tuple[Any, Any]:
    face = layers.Input((SIDE, SIDE, 1), name="face")
    return face, layers.Rescaling(1 / 255)(face)


def _dense(x: Any, *units: int) -> Any:
    for count in units:
        x = layers.Dense(count, activation="relu")(x)
    return x


def _answering(face: Any, x: Any, labels: int) -> keras.Model:
    return keras.Model(face, layers.Dense(labels, dtype="float32", name="logits")(x))


_DESCRIBED = (
    System("spotle", ("fear", "happy", "sad"), 0.747, spotle, jitter=Jitter(10, 0.1, 0.1)),
    System(
        "mason",
        ("anger", "happy", "sad", "neutral"),
        0.665,
        mason,
        published_recall={"anger": 0.27, "happy": 0.82, "sad": 0.11, "neutral": 0.49},
        setting="L2 0.0001",
        variants={f"L2 {l2:g}": partial(mason, l2=l2) for l2 in (1e-3, 5e-4)},
    ),
    System(
        "dcnn",
        ("happy", "sad", "neutral"),
        0.824,
        dcnn,
        theirs="up to 100 epochs; a tenth of all faces, drawn at random, was both chosen on and reported",
        epochs=100,
        patience=11,
        batch=32,
        plateau=Plateau(0.5, 7),
        jitter=Jitter(15, 0.15, 0.15),
    ),
    System("svm", FER2013_LABELS, 0.43, None),
    System("mlp", FER2013_LABELS, 0.33, mlp),
    System("custom-cnn", FER2013_LABELS, 0.32, partial(convolutions, channels=(256, 128, 64))),
    System(
        "vgg19-frozen",
        FER2013_LABELS,
        0.39,
        vgg19_frozen,
        pretrained="vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
    ),
    System("vgg19", FER2013_LABELS, 0.66, vgg19),
    System("three-conv", FER2013_LABELS, 0.483, partial(convolutions, channels=(128, 256, 128))),
    System("two-conv", FER2013_LABELS, 0.40, partial(convolutions, channels=(32, 64))),
)
SYSTEMS: Mapping[str, System] = {system.name: system for system in _DESCRIBED}


def chosen(names: list[str]) -> list[System]:
    """Return the systems of these names, each once, or all systems without a name."""
    unknown = [name for name in names if name not in SYSTEMS]
    if unknown:
        raise UsageError(f"no system {', '.join(unknown)}; choose from {', '.join(SYSTEMS)}")
    return [SYSTEMS[name] for name in dict.fromkeys(names)] if names else list(SYSTEMS.values())
