"""A trained Keras network to a LiteRT file, and the manifest that lists it."""

from __future__ import annotations

import json
import os
import subprocess
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from ...emotions import logits_of
from ...errors import AlbumsortError
from ...networks.litert import Network, hushed
from .arrays import Floats, Pixels
from .layers import BatchNorm
from .recipes import write_json


def converted(function: Any, shown: Sequence[Floats] | None = None) -> bytes:
    """Convert with weights as 8-bit integers, and whatever else too if it is `shown` what comes in."""
    # variables must become constants first, or the converter keeps them as such and folds nothing
    frozen = convert_variables_to_constants_v2(function.get_concrete_function())
    with hushed():  # it advises against what it then does
        converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if shown is not None:
        converter.representative_dataset = lambda: ([picture] for picture in shown)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.int8
    with warnings.catch_warnings(), hushed():  # that statistics come from pictures, not by hand; and its own settings
        warnings.filterwarnings("ignore", "Statistics for quantized inputs")
        return bytes(converter.convert())


def take_weights(model: keras.Model, content: bytes, shown: Pixels, outputs: Sequence[int | None]) -> None:
    """Give a network the weights of a LiteRT file made from it, or from one with fewer layers, to train it further.

    outputs: for each output of the last dense layer the one of the file that it begins as, None for a new one.

    The file holds batch normalisation folded into the convolutions. Each layer's mean and variance are
    measured on what is `shown` to it, (n, height, width, channels), and its scale and offset set so that its answers
    stay the same. Raises AlbumsortError if the file was made from another network.
    """
    following = {id(layer.input): layer for layer in model.layers if isinstance(layer, BatchNorm)}
    stored = _folded(content, shown.shape[1:])
    taken = []
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    for layer in model.layers:
        if layer in dense[-1:]:
            _take_outputs(layer, *stored.pop(), outputs)
        elif isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
            found = next((i for i, (kernel, _) in enumerate(stored) if kernel.shape == tuple(layer.kernel.shape)), None)
            if found is None:
                continue  # of a further block, which adds nothing yet, or of an answer that the file leaves out
            kernel, bias = stored.pop(found)
            layer.kernel.assign(kernel)
            if layer.use_bias:
                layer.bias.assign(bias)
                continue
            norm = following[id(layer.output)]
            norm.beta.assign(bias)
            norm.gamma.assign(np.full(norm.gamma.shape, np.sqrt(1 + norm.epsilon)))  # as folded: no scaling
            taken.append(norm)
    if stored:
        raise AlbumsortError("it holds more weights than the network: it was made from another one")
    norms = list(following.values())
    inputs = keras.Model(model.input, [norm.input for norm in norms])(shown.astype(np.float32))
    for norm, x in zip(norms, inputs, strict=True):
        values = np.asarray(x, np.float32).reshape(-1, x.shape[-1])
        mean, variance = values.mean(axis=0), values.var(axis=0)
        norm.mean.assign(mean)
        norm.variance.assign(variance)
        if norm in taken:
            norm.gamma.assign(np.sqrt(variance + norm.epsilon))
            norm.beta.assign(np.asarray(norm.beta) + mean)


def _take_outputs(layer: keras.layers.Dense, kernel: Floats, bias: Floats, outputs: Sequence[int | None]) -> None:
    own_kernel, own_bias = np.array(layer.kernel), np.array(layer.bias)
    if own_kernel.shape[0] != kernel.shape[0]:
        raise AlbumsortError(f"its outputs read {kernel.shape[0]} features, not {own_kernel.shape[0]}")
    for own, other in enumerate(outputs):
        if other is not None:
            own_kernel[:, own], own_bias[own] = kernel[:, other], bias[other]
    layer.kernel.assign(own_kernel)
    layer.bias.assign(own_bias)


def _folded(content: bytes, shape: Sequence[int]) -> list[tuple[Floats, Floats]]:
    """Return kernel (height, width, in, out) and bias of each layer with weights, in the order the file runs them.

    shape: of one input. Raises AlbumsortError if the file takes another.
    """
    interpreter = Interpreter(
        model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    given = interpreter.get_input_details()[0]
    if len(given["shape"]) != 1 + len(shape) or given["shape"][-1] != shape[-1]:
        raise AlbumsortError(f"it takes other pictures, of shape {given['shape_signature'][1:]}: it is another network")
    interpreter.resize_tensor_input(given["index"], [1, *shape])
    interpreter.allocate_tensors()
    interpreter.set_tensor(given["index"], np.zeros((1, *shape), given["dtype"]))
    interpreter.invoke()  # unpacks weights stored as float16

    def values(tensor: int) -> Floats:
        stored = np.moveaxis(interpreter.get_tensor(tensor), 0, -1)
        if stored.dtype.kind == "i":  # there is one scale for each output, or one for all
            stored = stored * interpreter._get_tensor_details(tensor, 0)["quantization_parameters"]["scales"]
        return np.asarray(stored, np.float32)

    layers = (op for op in interpreter._get_ops_details() if op["op_name"] in ("CONV_2D", "FULLY_CONNECTED"))
    return [(values(op["inputs"][1]), values(op["inputs"][2])) for op in layers]


def update_manifest(path: Path, name: str, entry: dict[str, Any]) -> None:
    """Put one network's entry into the manifest, leaving the others as they are."""
    manifest = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"networks": {}}
    manifest["networks"][name] = entry
    write_json(path, manifest)


def commit() -> str:
    """Return the commit of the checkout the code runs from, or "unknown" outside of one."""
    here = Path(__file__).parent
    result = subprocess.run(["git", "-C", str(here), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return result.stdout.strip() if result.returncode == 0 else "unknown"


def side_of(content: bytes) -> int:
    """Return how many pixels wide the faces are that a LiteRT file takes."""
    return Network(content).sides[0]


def run_litert(content: bytes, pixels: Pixels) -> Floats:
    """Return the (n, outputs) logits that the network gives for (n, side, side) faces in the program."""
    return logits_of(Network(content), pixels)


def mirrored_litert(content: bytes, pixels: Pixels) -> Floats:
    """Return the same averaged with the logits of the faces' mirror images, whose errors differ in part.

    All cores work, as there are many faces: LiteRT holds no lock of Python's while it computes.
    """
    networks = [Network(content) for _ in range(os.cpu_count() or 1)]
    for network in networks:
        network(pixels[:1, ..., None])  # made ready here: to keep it quiet, stderr is turned off meanwhile
    parts = np.array_split(pixels, len(networks))
    with ThreadPoolExecutor(len(networks)) as pool:
        answers = list(pool.map(_both_views, networks, [part for part in parts if len(part)]))
    return np.concatenate(answers)


def _both_views(network: Network, pixels: Pixels) -> Floats:
    return np.asarray((logits_of(network, pixels) + logits_of(network, pixels[:, :, ::-1])) / 2, np.float32)
