"""Networks accept inputs of any size in any order."""

from __future__ import annotations

import numpy as np
import pytest

from albumsort.networks import weights
from albumsort.networks.litert import Network

SHAPES = [(1, 64, 24, 12), (1, 96, 16, 12), (1, 64, 16, 12)]


@pytest.mark.parametrize("kept", [1, 2])
def test_outputs_do_not_depend_on_earlier_inputs(kept: int) -> None:
    model = weights.load("face_proposer")[0]
    network, chance = Network(model, kept), np.random.default_rng(0)
    inputs = [chance.integers(-128, 128, shape, np.int8) for shape in SHAPES]
    expected = [Network(model)(x) for x in inputs]
    for number in (0, 1, 0, 0, 1, 2, 1, 0, 2, 2):
        np.testing.assert_array_equal(network(inputs[number]), expected[number])
    assert len(network._ready) == kept


@pytest.mark.parametrize("count", [1, 2, 3, 8, 9])
def test_a_batch_gives_the_outputs_of_its_single_pictures(count: int) -> None:
    model = weights.load("emotion")[0]
    pictures = np.random.default_rng(1).integers(0, 256, (count, 48, 48, 1), np.uint8)
    alone = np.concatenate([Network(model)(picture[None]) for picture in pictures])
    np.testing.assert_array_equal(Network(model)(pictures), alone)
