"""The table of a comparison: accuracies of each system and of the shipped network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..common.scores import Score
from .reproduction import TrainedSystem
from .systems import System


@dataclass(frozen=True)
class Accuracies:
    """A network's accuracies on PrivateTest, restricted to a system's labels.

    recall: of each label. votes: the accuracy against the FER+ majority, None without votes.
    """

    accuracy: Score
    recall: Mapping[str, Score]
    votes: Score | None


@dataclass(frozen=True)
class Compared:
    """One line of the table. trained, reproduced: None for a system that could not be trained; `problem`: the reason.

    candidates: number of training faces with one of the labels. ours: accuracies of the shipped network.
    """

    system: System
    candidates: int
    ours: Accuracies
    trained: TrainedSystem | None
    reproduced: Accuracies | None
    problem: str


@dataclass(frozen=True)
class Shipped:
    """The shipped network: bytes of its file, milliseconds for one face on one thread of this machine."""

    bytes: int
    milliseconds: float


@dataclass(frozen=True)
class ComparisonTable:
    """The table. data: name of the data set; run: the folder that it is written to."""

    data: str
    rows: Sequence[Compared]
    shipped: Shipped
    run: Path
