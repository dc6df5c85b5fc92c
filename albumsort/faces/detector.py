"""Pixels to faces, and a face to the crop the classifier expects. Only this module knows which detector runs.

The detector is a cascade of two small LiteRT networks. A *proposer* looks at the whole photo three
times, finely for small faces and coarsely for large ones, and marks where faces may be; a *verifier* looks
at each proposal in a 48x48 crop, scores it anew and corrects its box and landmarks. Both scores
together make the probability that there is a face. Both networks know faces that are upright or lean,
so a photo without a sure one is looked at again, turned by a quarter either way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from ..errors import WeightsError
from ..networks import weights
from ..timing import step
from ..types import THRESHOLD, Detection
from .proposer import PROPOSAL_OVERLAP, Proposer
from .resize import Pixels, shrunk
from .rows import SCORE, Floats, distinct, longer_side, scaled, turned_back, without_overlaps
from .scores import Calibration
from .verifier import Verifier, detection

FINE_SIDE, COARSE_SIDE, TINY_SIDE = 960, 320, 128
PASSES = (0, 180), (40, math.inf), (60, math.inf)  # sides, in pixels of their own pass, that each answers for
FINE_ENOUGH = 1024  # to shrink a photo of no more to FINE_SIDE takes longer than the proposer does for the difference
SMALLEST = 9.0  # pixels of a face's longer side in the photo: of less the classifier makes little more than chance
SURE = 0.99  # of an upright face: where there is one, none is looked for on its side
LYING_THRESHOLD = 0.97  # of a face on its side; below, patterns pass for faces
MOST_PROPOSALS = 2000  # of a photo: four for each face of a crowd of hundreds


class FaceDetector(Protocol):
    """Whatever finds faces."""

    def detect(self, pixels: Pixels) -> list[Detection]:
        """Find the faces in upright (h, w, 3) BGR pixels, best first, in pixels of that image."""
        ...


def load_detector(floor: float = THRESHOLD, smallest: float = SMALLEST) -> FaceDetector:
    """Return the detector that ships; raises WeightsError if its networks are not what they should be.

    floor, smallest: the least score of what it returns, and pixels, of the picture given, of its longer side.
    """
    proposer, _ = weights.load("face_proposer")
    verifier, network = weights.load("face_verifier")
    try:
        calibration = Calibration(*(float(v) for v in network.details["calibration"]))
    except (KeyError, TypeError, ValueError) as e:
        raise WeightsError(f"the manifest gives no calibration of {network.file} ({e}); install albumsort again") from e
    return CascadeDetector(proposer, verifier, calibration, floor, smallest)


class CascadeDetector:
    """Proposer and verifier, given as LiteRT models; one thread.

    Faces that score less than `floor`, or whose longer side has less than `smallest` pixels, are left out.
    """

    def __init__(
        self,
        proposer: bytes,
        verifier: bytes,
        calibration: Calibration,
        floor: float = THRESHOLD,
        smallest: float = SMALLEST,
    ) -> None:
        self._floor, self._smallest = floor, smallest
        self._proposer = Proposer(proposer)
        self._verifier = Verifier(verifier)
        self._calibration = calibration

    def detect(self, pixels: Pixels) -> list[Detection]:
        """Find the faces in upright (h, w, 3) BGR pixels, best first; a lower floor adds some and changes none."""
        views = _Views.of(pixels)
        rows, _ = self._survey(views)
        if rows[:, SCORE].max(initial=0) < SURE:
            with step("turn"):
                rows = np.concatenate([rows, self._lying(views, 1), self._lying(views, 3)])
                rows = rows[distinct(rows)]
        return [detection(row) for row in rows[self._large(rows) & (rows[:, SCORE] >= self._floor)]]

    def survey(self, pixels: Pixels) -> tuple[Floats, Floats]:
        """Return the rows of all candidates for upright faces, each face once, and what speaks for them.

        The latter are the scores (n, 2) of proposer and verifier.
        """
        rows, scores = self._survey(_Views.of(pixels))
        large = self._large(rows)
        return rows[large], scores[large]

    def _survey(self, views: _Views) -> tuple[Floats, Floats]:
        with step("propose"):
            proposed = self._propose(views)
        rows, scores = self._judge(views.whole, proposed)
        kept = distinct(rows)
        return rows[kept], scores[kept]

    def _judge(self, pixels: Pixels, proposed: Floats, turns: int = 0) -> tuple[Floats, Floats]:
        """Return the proposals with the verifier's boxes and the probability of a face, and both networks' scores."""
        with step("verify"):
            rows = self._verifier(pixels, proposed, turns)
        scores = np.column_stack([proposed[:, SCORE], rows[:, SCORE]])
        rows[:, SCORE] = self._calibration(*scores.T)
        return rows, scores

    def _lying(self, views: _Views, turns: int) -> Floats:
        """Find the large faces that `turns` quarter turns anticlockwise, 1 or 3, set upright."""
        proposed = self._proposer(np.rot90(views.coarse, turns))
        proposed = scaled(proposed, views.times(views.coarse))
        rows, _ = self._judge(views.whole, proposed, turns)
        height, width = views.whole.shape[:2]
        return turned_back(rows[rows[:, SCORE] >= LYING_THRESHOLD], turns, width, height)

    def _propose(self, views: _Views) -> Floats:
        found = []
        for view, (smallest, largest) in zip(views.pyramid, PASSES[-len(views.pyramid) :], strict=True):
            rows = self._proposer(view)
            sides = longer_side(rows)
            answered = (sides <= largest) & ((sides >= smallest) | (view is views.pyramid[0]))
            found.append(scaled(rows[answered], views.times(view)))
        rows = without_overlaps(np.concatenate(found), PROPOSAL_OVERLAP)
        return rows[np.argsort(-rows[:, SCORE])][:MOST_PROPOSALS]

    def _large(self, rows: Floats) -> npt.NDArray[np.bool_]:
        """Which rows are large enough; asked last, or a worse row of a small face would stand in for it."""
        return np.asarray(longer_side(rows) >= self._smallest)


@dataclass(frozen=True)
class _Views:
    """A photo, and what the proposer sees of it: the finest first, and none twice if the photo is small."""

    whole: Pixels
    pyramid: tuple[Pixels, ...]

    @classmethod
    def of(cls, pixels: Pixels) -> Self:
        with step("resize"):
            fine = pixels if max(pixels.shape[:2]) <= FINE_ENOUGH else shrunk(pixels, FINE_SIDE)
            coarse = shrunk(fine, COARSE_SIDE)
            tiny = shrunk(coarse, TINY_SIDE)
        views = fine, coarse, tiny
        return cls(pixels, tuple(v for v, coarser in zip(views, (coarse, tiny, None), strict=True) if v is not coarser))

    @property
    def coarse(self) -> Pixels:
        """What shows large faces well."""
        return self.pyramid[max(0, len(self.pyramid) - 2)]

    def times(self, view: Pixels) -> float:
        """Return how many times as large as this view the photo is."""
        return float(max(self.whole.shape[:2]) / max(view.shape[:2]))
