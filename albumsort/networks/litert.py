"""Run a LiteRT network: one thread, inputs of any size."""

from __future__ import annotations

import os
import sys
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter


@contextmanager
def hushed() -> Iterator[None]:
    """Keep native libraries off stderr: LiteRT prints its delegate there and has no option to stop it."""
    if sys.stderr is None:  # started without stderr: there is nothing to keep quiet
        yield
        return
    sys.stderr.flush()
    stderr, devnull = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(devnull)


AT_ONCE = 2  # pictures per batch: in larger ones each takes longer, and each new batch size allocates memory again


class Network:
    """A LiteRT model with one input; several outputs are concatenated along the last axis.

    It uses one thread, because several photos are analysed at once: a second thread would only take a core from
    another photo.
    """

    def __init__(self, model: bytes, shapes: int = 1) -> None:
        """Load the model. shapes: number of input shapes whose memory is kept.

        For a large network, a change of shape costs half as much as a run.
        """
        self._model, self._shapes = model, shapes
        self._unused: Any = Interpreter(model_content=model, num_threads=1)
        details = self._unused.get_input_details()[0]
        self._input, self.channels = details["index"], int(details["shape"][-1])
        self.sides = int(details["shape"][1]), int(details["shape"][2])
        self._outputs = [o["index"] for o in sorted(self._unused.get_output_details(), key=lambda o: str(o["name"]))]
        self._ready: OrderedDict[tuple[int, ...], Any] = OrderedDict()

    def __call__(self, x: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return the network's output for `x`, which has the model's type and any batch or picture size."""
        if len(x) > AT_ONCE:
            return np.concatenate([self(x[i : i + AT_ONCE]) for i in range(0, len(x), AT_ONCE)])
        if x.shape not in self._ready:
            self._ready[x.shape] = self._prepared(x.shape)
        self._ready.move_to_end(x.shape)
        interpreter = self._ready[x.shape]
        interpreter.set_tensor(self._input, x)
        interpreter.invoke()
        outputs = [interpreter.get_tensor(output) for output in self._outputs]
        return np.asarray(outputs[0] if len(outputs) == 1 else np.concatenate(outputs, axis=-1), np.float32)

    def _prepared(self, shape: tuple[int, ...]) -> Any:
        """Return an interpreter for inputs of this shape: a new one, or the least recently used one, resized."""
        interpreter, self._unused = self._unused, None
        if len(self._ready) >= self._shapes:
            interpreter = self._ready.popitem(last=False)[1]
        elif interpreter is None:
            interpreter = Interpreter(model_content=self._model, num_threads=1)
        interpreter.resize_tensor_input(self._input, shape)
        with hushed():
            interpreter.allocate_tensors()
        return interpreter
