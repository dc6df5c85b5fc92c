"""Detect faces in pixels. Only this module knows which detector runs.

The detector is a cascade of two small LiteRT networks. A *proposer* sees the whole photo at three scales, fine for
small faces and coarse for large ones, and proposes faces; a *verifier* sees each proposal in a 48x48 crop, scores it
again and corrects its box and landmarks. The probability of a face is computed from both scores. Both networks know
upright and leaning faces only, so a photo without a confident detection is searched again after a quarter turn either
way.
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
PASSES = (0, 180), (40, math.inf), (60, math.inf)  # face sides that each pass detects, in its own pixels
FINE_ENOUGH = 1024  # up to this side a photo is not shrunk: shrinking takes longer than it saves the proposer
SMALLEST = 9.0  # pixels of a face's longer side; below this the classifier is barely better than chance
SURE = 0.99  # confidence of an upright face from which no lying faces are searched for
LYING_THRESHOLD = 0.97  # least confidence of a lying face; below this, patterns pass for faces
MOST_PROPOSALS = 2000  # per photo: four for each face of a crowd of hundreds


class FaceDetector(Protocol):
    """A face detector."""

    def detect(self, pixels: Pixels) -> list[Detection]:
        """Return the faces in upright (h, w, 3) BGR pixels, highest confidence first, in pixels of that image."""
        ...


def load_detector(floor: float = THRESHOLD, smallest: float = SMALLEST) -> FaceDetector:
    """Return the detector that ships; raises WeightsError if a network is missing or damaged.

    floor, smallest: least confidence, and least pixels of a face's longer side in the picture passed to `detect`.
    """
    proposer, _ = weights.load("face_proposer")
    verifier, network = weights.load("face_verifier")
    try:
        calibration = Calibration(*(float(v) for v in network.details["calibration"]))
    except (KeyError, TypeError, ValueError) as e:
        raise WeightsError(f"the manifest has no calibration of {network.file} ({e}); install albumsort again") from e
    return CascadeDetector(proposer, verifier, calibration, floor, smallest)


class CascadeDetector:
    """A proposer and a verifier, both LiteRT models; one thread.

    Detections of less confidence than `floor`, or with less than `smallest` pixels on the longer side, are dropped.
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
        """Return the faces in upright (h, w, 3) BGR pixels, best first; a lower floor only adds faces."""
        views = _Views.of(pixels)
        rows, _ = self._survey(views)
        if rows[:, SCORE].max(initial=0) < SURE:
            with step("turn"):
                rows = np.concatenate([rows, self._lying(views, 1), self._lying(views, 3)])
                rows = rows[distinct(rows)]
        return [detection(row) for row in rows[self._large(rows) & (rows[:, SCORE] >= self._floor)]]

    def survey(self, pixels: Pixels) -> tuple[Floats, Floats]:
        """Return the rows of all candidates for upright faces, each face once, and their scores.

        The scores are (n, 2): by proposer and verifier.
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
        """Return the proposals with the verifier's boxes and the confidence, and both networks' scores."""
        with step("verify"):
            rows = self._verifier(pixels, proposed, turns)
        scores = np.column_stack([proposed[:, SCORE], rows[:, SCORE]])
        rows[:, SCORE] = self._calibration(*scores.T)
        return rows, scores

    def _lying(self, views: _Views, turns: int) -> Floats:
        """Return the large faces that are upright after `turns` (1 or 3) quarter turns anticlockwise."""
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
            in_range = (sides <= largest) & ((sides >= smallest) | (view is views.pyramid[0]))
            found.append(scaled(rows[in_range], views.times(view)))
        rows = without_overlaps(np.concatenate(found), PROPOSAL_OVERLAP)
        return rows[np.argsort(-rows[:, SCORE])][:MOST_PROPOSALS]

    def _large(self, rows: Floats) -> npt.NDArray[np.bool_]:
        """Return which rows are large enough; last, or a weaker duplicate would replace a face rejected as small."""
        return np.asarray(longer_side(rows) >= self._smallest)


@dataclass(frozen=True)
class _Views:
    """A photo and its pyramid of views for the proposer, finest first; a small photo has fewer views."""

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
        """The view for large faces."""
        return self.pyramid[max(0, len(self.pyramid) - 2)]

    def times(self, view: Pixels) -> float:
        """Return the scale from this view to the photo."""
        return float(max(self.whole.shape[:2]) / max(view.shape[:2]))
