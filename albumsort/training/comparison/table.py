"""What a comparison of systems holds: answers, scores, the network that ships."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..common.scores import Score
from .reproduction import TrainedSystem
from .systems import System


@dataclass(frozen=True)
class Accuracies:
    """How well a network names PrivateTest's faces when only a system's labels may be answered.

    recall: of each label. votes: the same against the FER+ majority, None without votes.
    """

    accuracy: Score
    recall: Mapping[str, Score]
    votes: Score | None


@dataclass(frozen=True)
class Compared:
    """One line of the table. trained, reproduced: None for what could not be trained, for the reason in `problem`.

    candidates: how many training faces have one of the labels. ours: of the network that ships.
    """

    system: System
    candidates: int
    ours: Accuracies
    trained: TrainedSystem | None
    reproduced: Accuracies | None
    problem: str


@dataclass(frozen=True)
class Shipped:
    """The network that ships: bytes of its file, milliseconds for one face on one thread, here."""

    bytes: int
    milliseconds: float


@dataclass(frozen=True)
class ComparisonTable:
    """The table, and what it is written to. data: the name of what all were judged on."""

    data: str
    rows: Sequence[Compared]
    shipped: Shipped
    run: Path
