"""Running a LiteRT network: one thread, inputs of any size."""

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


AT_ONCE = 2  # pictures of a batch: of more each takes longer, and every other number of them would ask for new memory


class Network:
    """A LiteRT model with one input; its outputs, if there are several, come side by side along the last axis.

    One thread, because photos are analysed beside each other: a second one inside a photo would only
    take a core away from its neighbour.
    """

    def __init__(self, model: bytes, shapes: int = 1) -> None:
        """shapes: for how many sizes of input memory is kept at once.

        To change to another size costs a large network half as much as to run.
        """
        self._model, self._shapes = model, shapes
        self._unused: Any = Interpreter(model_content=model, num_threads=1)
        given = self._unused.get_input_details()[0]
        self._input, self.channels = given["index"], int(given["shape"][-1])
        self.sides = int(given["shape"][1]), int(given["shape"][2])
        self._outputs = [o["index"] for o in sorted(self._unused.get_output_details(), key=lambda o: str(o["name"]))]
        self._kept: OrderedDict[tuple[int, ...], Any] = OrderedDict()

    def __call__(self, x: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return the network's answer to `x`, which has the model's type and may have any batch or picture size."""
        if len(x) > AT_ONCE:
            return np.concatenate([self(x[i : i + AT_ONCE]) for i in range(0, len(x), AT_ONCE)])
        if x.shape not in self._kept:
            self._kept[x.shape] = self._prepared(x.shape)
        self._kept.move_to_end(x.shape)
        interpreter = self._kept[x.shape]
        interpreter.set_tensor(self._input, x)
        interpreter.invoke()
        answers = [interpreter.get_tensor(output) for output in self._outputs]
        return np.asarray(answers[0] if len(answers) == 1 else np.concatenate(answers, axis=-1), np.float32)

    def _prepared(self, shape: tuple[int, ...]) -> Any:
        """Return an interpreter ready for inputs of this shape: a new one, or the one that was used longest ago."""
        interpreter, self._unused = self._unused, None
        if len(self._kept) >= self._shapes:
            interpreter = self._kept.popitem(last=False)[1]
        elif interpreter is None:
            interpreter = Interpreter(model_content=self._model, num_threads=1)
        interpreter.resize_tensor_input(self._input, shape)
        with hushed():
            interpreter.allocate_tensors()
        return interpreter
