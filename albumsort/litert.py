"""Running a LiteRT network: one thread, inputs of any size."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter


@contextmanager
def hushed() -> Iterator[None]:
    """Keep native libraries off stderr: LiteRT announces its delegate there and offers no switch."""
    if sys.stderr is None:  # started without one: nobody hears anything anyway
        yield
        return
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


class Network:
    """A LiteRT model with one input and one output.

    One thread, because photos are analysed beside each other: a second one inside a photo would only
    take a core away from its neighbour.
    """

    def __init__(self, model: bytes) -> None:
        self._interpreter = Interpreter(model_content=model, num_threads=1)
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]
        self._shape: tuple[int, ...] | None = None

    def __call__(self, x: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return the network's answer to `x`, which has the model's type and may have any batch or picture size."""
        if x.shape != self._shape:
            self._interpreter.resize_tensor_input(self._input, x.shape)
            with hushed():
                self._interpreter.allocate_tensors()
            self._shape = x.shape
        self._interpreter.set_tensor(self._input, x)
        self._interpreter.invoke()
        return np.asarray(self._interpreter.get_tensor(self._output), np.float32)
