"""A trained Keras network to the LiteRT file that ships, and its manifest entry."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from ..errors import AlbumsortError
from ..litert import Network
from .datasets import FER2013_LABELS, FERPLUS_LABELS, SIDE, Floats, Pixels
from .networks import BatchNorm

BATCH = 256


def to_litert(model: keras.Model) -> bytes:
    """Convert to a LiteRT model: uint8 (n, 48, 48, 1) in, float32 logits out, weights stored as float16.

    Batch normalisation is folded into the convolutions by the converter; n can be resized.
    """

    @tf.function(input_signature=[tf.TensorSpec([1, SIDE, SIDE, 1], tf.uint8, name="face")])  # type: ignore[untyped-decorator]
    def logits(face: Any) -> Any:
        return model(tf.cast(face, tf.float32), training=False)

    # variables must become constants first, or the converter keeps them as such and folds nothing
    frozen = convert_variables_to_constants_v2(logits.get_concrete_function())
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return bytes(converter.convert())


def take_weights(model: keras.Model, content: bytes, faces: Pixels) -> None:
    """Give a network the weights of a LiteRT file made from the same kind of network, to train it further.

    The file holds batch normalisation folded into the convolutions. Each layer's mean and variance are
    measured on `faces` (n, 48, 48) and its scale and offset set so that its answers stay the same.
    Raises AlbumsortError if the file was made from another network.
    """
    layers = [
        layer for layer in model.layers if isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense, BatchNorm))
    ]
    stored = _folded(content)
    following = {id(layer.input): layer for layer in layers if isinstance(layer, BatchNorm)}
    for layer in layers:
        if isinstance(layer, BatchNorm):
            continue
        kernel = layer.kernel.shape
        matching = [pair for pair in stored if pair[0].shape == tuple(kernel)]
        if not matching:
            raise AlbumsortError(
                f"the file holds no weights of shape {tuple(kernel)}: it was made from another network"
            )
        pair = matching[0]
        stored = [other for other in stored if other is not pair]
        layer.kernel.assign(pair[0])
        if layer.use_bias:
            layer.bias.assign(pair[1])
        else:
            following[id(layer.output)].beta.assign(pair[1])
    if stored:
        raise AlbumsortError("the file holds more weights than the network: it was made from another one")
    norms = list(following.values())
    for norm in norms:  # as folded: scale 1
        norm.mean.assign(np.zeros(norm.mean.shape))
        norm.variance.assign(np.full(norm.variance.shape, 1 - norm.epsilon))
        norm.gamma.assign(np.ones(norm.gamma.shape))
    inputs = keras.Model(model.input, [norm.input for norm in norms])(faces.astype(np.float32)[..., None])
    for norm, x in zip(norms, inputs, strict=True):
        values = np.asarray(x, np.float32).reshape(-1, x.shape[-1])
        mean, variance = values.mean(axis=0), values.var(axis=0)
        norm.mean.assign(mean)
        norm.variance.assign(variance)
        norm.gamma.assign(np.sqrt(variance + norm.epsilon))
        norm.beta.assign(np.asarray(norm.beta) + mean)


def _folded(content: bytes) -> list[tuple[Floats, Floats]]:
    """Return kernel (height, width, in, out) and bias of each layer with weights, in the order the file runs them."""
    interpreter = Interpreter(
        model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.zeros((1, SIDE, SIDE, 1), np.uint8))
    interpreter.invoke()  # unpacks float16
    found = []
    for operation in interpreter._get_ops_details():
        if operation["op_name"] in ("CONV_2D", "FULLY_CONNECTED"):
            kernel, bias = (interpreter.get_tensor(i) for i in operation["inputs"][1:3])
            found.append((np.moveaxis(kernel, 0, -1), bias))
    return found


def training_prior(shares: Floats) -> dict[str, float]:
    """Return the mean share of the votes that each FER+ expression got; shares: (n, 8), rows of zeros left out."""
    voted = shares[shares.sum(axis=1) > 0]
    return {name: round(float(p), 5) for name, p in zip(FERPLUS_LABELS, voted.mean(axis=0), strict=True)}


def emotion_entry(
    file: str, content: bytes, temperature: float, prior: dict[str, float], made: dict[str, Any]
) -> dict[str, Any]:
    """Return the manifest's entry; `made` says data, score, commit and command."""
    return {
        "file": file,
        "sha256": hashlib.sha256(content).hexdigest(),
        "input": f"uint8 (n, {SIDE}, {SIDE}, 1), grey face",
        "output": "float32 (n, 15), logits of both heads side by side",
        "labels": {"ferplus": list(FERPLUS_LABELS), "fer2013": list(FER2013_LABELS)},
        "temperature": round(temperature, 4),
        "prior": prior,
        **made,
    }


def update_manifest(path: Path, name: str, entry: dict[str, Any]) -> None:
    """Put one network's entry into the manifest, leaving the others as they are."""
    manifest = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"networks": {}}
    manifest["networks"][name] = entry
    draft = path.with_name("draft-" + path.name)
    draft.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    os.replace(draft, path)


def commit() -> str:
    """Return the commit of the checkout the code runs from, or "unknown" outside of one."""
    here = Path(__file__).parent
    result = subprocess.run(["git", "-C", str(here), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return result.stdout.strip() if result.returncode == 0 else "unknown"


def run_litert(content: bytes, pixels: Pixels) -> Floats:
    """Return the (n, 15) logits that the shipped form of the network gives for (n, 48, 48) faces."""
    network = Network(content)
    faces = pixels[..., None]
    return np.concatenate([network(faces[i : i + BATCH]) for i in range(0, len(faces), BATCH)])
