"""Put into words and JSON how often albumsort prefers the frames that a person prefers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ..choosing.agreement import Agreement, Disagreement
from ..choosing.best_frame import Shot
from ..types import Emotion
from .explanation import percent


def of_agreement(found: Agreement, liked: str) -> Iterator[str]:
    """Say how often the liked frame ranks first; liked: what the person did with it, like "kept"."""
    pairs = "1 pair" if found.pairs == 1 else f"{found.pairs:,} pairs"
    moments = "1 moment" if found.moments == 1 else f"{found.moments:,} moments"
    between = f"{percent(found.low)} to {percent(found.high)}"
    yield f"The frame you {liked} ranks first in {percent(found.share)} of {pairs}, from {moments}."
    yield f"With 95 % probability, the share is {between} over many such moments; chance gives 50 %."
    if found.ties:
        yield f"{found.ties:,} of the pairs rank equal and count half."


def of_disagreement(one: Disagreement, emotion: Emotion, liked: str) -> Iterator[str]:
    """Say which frame the person preferred, which one albumsort ranks above it, and how they differ."""
    width = max(len(f"you {liked}"), len("ranks above"))
    for title, shot in ((f"you {liked}", one.kept), ("ranks above", one.preferred)):
        yield f"{title:{width}}  {shot.path}"
        place = f"place {one.place} of {one.frames}; " if shot is one.kept else ""
        yield f"{'':{width}}  {place}{_look(shot, emotion)}"


def agreement_json(found: Agreement, shown: int) -> dict[str, Any]:
    """Return the JSON object of an agreement. shown: the number of disagreements in it."""
    return {
        "share": round(found.share, 4),
        "low": round(found.low, 4),
        "high": round(found.high, 4),
        "pairs": found.pairs,
        "ties": found.ties,
        "moments": found.moments,
        "disagreements": [
            {
                "kept": _shot_json(one.kept),
                "preferred": _shot_json(one.preferred),
                "place": one.place,
                "frames": one.frames,
            }
            for one in found.disagreements[:shown]
        ],
    }


def _look(shot: Shot, emotion: Emotion) -> str:
    if not shot.looks:
        return "nobody matters in it"
    eyes = f"eyes open {shot.open_eyes} of {len(shot.looks)}"
    return f"{eyes}; {emotion} {_fine_percent(_probability(shot))}; sharpness {shot.sharpness:.2f}"


def _shot_json(shot: Shot) -> dict[str, Any]:
    """Return the JSON object of a frame; emotion and sharpness are means over its people, None without any."""
    return {
        "path": shot.path,
        "people": len(shot.looks),
        "eyes_open": shot.open_eyes,
        "emotion": round(_probability(shot), 6) if shot.looks else None,
        "sharpness": round(shot.sharpness, 4) if shot.looks else None,
    }


def _probability(shot: Shot) -> float:
    """Return the probability with the mean logit of the emotion."""
    return 1 / (1 + math.exp(-shot.emotion))


def _fine_percent(share: float) -> str:
    """Return a share in percent; near 0 and 100 with decimals, where frames of a moment differ, too."""
    return f"{100 * share:.{0 if 0.02 <= share <= 0.98 else 3}f} %"
