"""Conversion of a trained Keras network to a LiteRT file, and the manifest that lists it."""

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


def convert(function: Any, examples: Sequence[Floats] | None = None) -> bytes:
    """Convert a TensorFlow function to LiteRT with weights as 8-bit integers.

    examples: inputs, to make the activations 8-bit integers as well.
    """
    # variables must become constants first: the converter folds nothing into variables
    frozen = convert_variables_to_constants_v2(function.get_concrete_function())
    with hushed():  # it warns about its own defaults
        converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if examples is not None:
        converter.representative_dataset = lambda: ([picture] for picture in examples)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.int8
    with warnings.catch_warnings(), hushed():  # it warns that ranges come from examples, and about its own settings
        warnings.filterwarnings("ignore", "Statistics for quantized inputs")
        return bytes(converter.convert())


def take_weights(model: keras.Model, content: bytes, examples: Pixels, outputs: Sequence[int | None]) -> None:
    """Load the weights of a LiteRT file into a network, to train it further.

    The file was converted from this network, or from one with fewer layers. outputs: for each output of the last
    dense layer, the output of the file to copy; None for a new output.

    The file has batch normalisation folded into the convolutions. Each layer's mean and variance are measured on
    `examples`, (n, height, width, channels); its scale and offset are set so that the network's answers stay the
    same. Raises AlbumsortError if the file was converted from another network.
    """
    following = {id(layer.input): layer for layer in model.layers if isinstance(layer, BatchNorm)}
    stored = _folded(content, examples.shape[1:])
    taken = []
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    for layer in model.layers:
        if layer in dense[-1:]:
            _take_outputs(layer, *stored.pop(), outputs)
        elif isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
            found = next((i for i, (kernel, _) in enumerate(stored) if kernel.shape == tuple(layer.kernel.shape)), None)
            if found is None:
                continue  # part of a new block, which adds nothing yet, or of an answer that the file lacks
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
        raise AlbumsortError("it holds more weights than the network: it comes from another network")
    norms = list(following.values())
    inputs = keras.Model(model.input, [norm.input for norm in norms])(examples.astype(np.float32))
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
        raise AlbumsortError(f"its last layer takes {kernel.shape[0]} features, not {own_kernel.shape[0]}")
    for own, other in enumerate(outputs):
        if other is not None:
            own_kernel[:, own], own_bias[own] = kernel[:, other], bias[other]
    layer.kernel.assign(own_kernel)
    layer.bias.assign(own_bias)


def _folded(content: bytes, shape: Sequence[int]) -> list[tuple[Floats, Floats]]:
    """Return kernel (height, width, in, out) and bias of each layer with weights, in the order of execution.

    shape: of one input. Raises AlbumsortError if the file takes inputs of another shape.
    """
    interpreter = Interpreter(
        model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    details = interpreter.get_input_details()[0]
    if len(details["shape"]) != 1 + len(shape) or details["shape"][-1] != shape[-1]:
        raise AlbumsortError(f"its inputs have another shape, {details['shape_signature'][1:]}: it is another network")
    interpreter.resize_tensor_input(details["index"], [1, *shape])
    interpreter.allocate_tensors()
    interpreter.set_tensor(details["index"], np.zeros((1, *shape), details["dtype"]))
    interpreter.invoke()  # unpacks weights stored as float16

    def values(tensor: int) -> Floats:
        stored = np.moveaxis(interpreter.get_tensor(tensor), 0, -1)
        if stored.dtype.kind == "i":  # one scale for each output, or one for all
            stored = stored * interpreter._get_tensor_details(tensor, 0)["quantization_parameters"]["scales"]
        return np.asarray(stored, np.float32)

    layers = (op for op in interpreter._get_ops_details() if op["op_name"] in ("CONV_2D", "FULLY_CONNECTED"))
    return [(values(op["inputs"][1]), values(op["inputs"][2])) for op in layers]


def update_manifest(path: Path, name: str, entry: dict[str, Any]) -> None:
    """Replace one network's entry in the manifest."""
    manifest = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"networks": {}}
    manifest["networks"][name] = entry
    write_json(path, manifest)


def commit() -> str:
    """Return the commit of the checkout that the code runs from, or "unknown" outside a checkout."""
    here = Path(__file__).parent
    result = subprocess.run(["git", "-C", str(here), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return result.stdout.strip() if result.returncode == 0 else "unknown"


def side_of(content: bytes) -> int:
    """Return the side, in pixels, of the faces that a LiteRT network takes."""
    return Network(content).sides[0]


def run_litert(content: bytes, pixels: Pixels) -> Floats:
    """Return (n, outputs) logits for (n, side, side) faces, computed as the program does."""
    return logits_of(Network(content), pixels)


def mirrored_litert(content: bytes, pixels: Pixels) -> Floats:
    """Return logits averaged over the faces and their mirror images, whose errors partly differ.

    Runs on all cores: LiteRT releases Python's lock while it computes.
    """
    networks = [Network(content) for _ in range(os.cpu_count() or 1)]
    for network in networks:
        network(pixels[:1, ..., None])  # the first call redirects stderr, which must not happen in a thread
    parts = np.array_split(pixels, len(networks))
    with ThreadPoolExecutor(len(networks)) as pool:
        answers = list(pool.map(_both_views, networks, [part for part in parts if len(part)]))
    return np.concatenate(answers)


def _both_views(network: Network, pixels: Pixels) -> Floats:
    return np.asarray((logits_of(network, pixels) + logits_of(network, pixels[:, :, ::-1])) / 2, np.float32)
