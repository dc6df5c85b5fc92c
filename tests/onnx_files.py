"""A model file for OpenCV's FaceDetectorYN, written byte by byte: every bright cell of 32 x 32 pixels is a face."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

STRIDES = (8, 16, 32)
BRIGHT = 32
"""Side of the cells that are faces if they are bright; their score is the square root of the mean brightness."""
POINTS = ((0.25, 0.25), (0.75, 0.25), (0.5, 0.5), (0.25, 0.75), (0.75, 0.75))
"""The landmarks of every face, in shares of its cell."""


def bright_cells() -> bytes:
    """The model."""
    nodes, tensors, outputs = [], [], []
    for name, biases in (("cls", [0.0]), ("obj", [1.0]), ("bbox", [0.5, 0.5, 0, 0]), ("kps", np.ravel(POINTS))):
        for stride in STRIDES:
            out, channels = f"{name}_{stride}", len(biases)
            weight = np.zeros((channels, 3, stride, stride), np.float32)
            if out == f"cls_{BRIGHT}":
                weight[:] = 1 / (255 * weight.size)
            tensors += [_tensor(f"{out}_w", weight), _tensor(f"{out}_b", np.array(biases, np.float32))]
            tensors.append(_tensor(f"{out}_shape", np.array([1, -1, channels], np.int64)))
            square = {"kernel_shape": [stride, stride], "strides": [stride, stride]}
            nodes.append(_node("Conv", ["input", f"{out}_w", f"{out}_b"], f"{out}_map", square))
            nodes.append(_node("Transpose", [f"{out}_map"], f"{out}_last", {"perm": [0, 2, 3, 1]}))
            nodes.append(_node("Reshape", [f"{out}_last", f"{out}_shape"], out, {}))
            outputs.append(_value(out, [1, "n" + out, channels]))
    graph = b"".join(_field(1, node) for node in nodes) + _field(2, b"bright") + b"".join(_field(5, t) for t in tensors)
    graph += _field(11, _value("input", [1, 3, "height", "width"])) + b"".join(_field(12, o) for o in outputs)
    return _number(1, 8) + _field(8, _field(1, b"") + _number(2, 13)) + _field(7, graph)


def _varint(value: int) -> bytes:
    value &= 2**64 - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _field(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _tensor(name: str, values: np.ndarray) -> bytes:
    kind = 1 if values.dtype == np.float32 else 7
    dims = b"".join(_number(1, d) for d in values.shape)
    return dims + _number(2, kind) + _field(8, name.encode()) + _field(9, values.tobytes())


def _node(kind: str, inputs: Sequence[str], output: str, attributes: dict[str, Sequence[int]]) -> bytes:
    made = b"".join(_field(1, name.encode()) for name in inputs) + _field(2, output.encode())
    made += _field(3, f"{output}_{kind}".encode()) + _field(4, kind.encode())
    for name, values in attributes.items():
        ints = b"".join(_number(8, v) for v in values)
        made += _field(5, _field(1, name.encode()) + ints + _number(20, 7))
    return made


def _value(name: str, shape: Sequence[int | str]) -> bytes:
    dims = b"".join(_field(1, _number(1, d) if isinstance(d, int) else _field(2, d.encode())) for d in shape)
    return _field(1, name.encode()) + _field(2, _field(1, _number(1, 1) + _field(2, dims)))
