"""How well whole photos are labelled, from folders named after emotions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .. import analysis, photos
from ..emotions import EmotionClassifier
from ..errors import PhotoError, UsageError
from ..faces import FaceDetector
from ..types import FOUR, THRESHOLD, Emotion, Photo, PhotoFile
from ..walk import Walk, find
from .evaluation import Score, accuracy

TOP = 20


@dataclass(frozen=True)
class AlbumReport:
    """recall: by folder; confusion[folder][label]: counts, None for no face; top: of the first 20, how many belong.

    failed: photos that could not be analysed, with the reasons; they are in no figure.
    """

    recall: Mapping[Emotion, Score]
    confusion: Mapping[Emotion, Mapping[Emotion | None, int]]
    top: Mapping[Emotion, int]
    failed: tuple[tuple[Path, str], ...] = ()

    @property
    def balanced(self) -> float:
        """Mean of the recalls: balanced accuracy of the largest face's label."""
        return sum(s.value for s in self.recall.values()) / len(self.recall)


def evaluate(
    album: Path, classifier: EmotionClassifier, watch: Callable[[Iterable[PhotoFile]], Iterable[PhotoFile]]
) -> AlbumReport:
    """Analyse album/<emotion>/* as indexing does, but with this classifier; a photo without a face counts as wrong.

    Raises UsageError if a folder of the four is missing.
    """
    detector, _ = analysis.load_networks()
    seen: dict[Emotion, list[Photo]] = {}
    failed = list[tuple[Path, str]]()
    for emotion in FOUR:
        if not (album / emotion).is_dir():
            raise UsageError(f"{album} has no folder {emotion}")
        seen[emotion] = []
        for file in watch(list(find(album / emotion, (), Walk()))):
            try:
                seen[emotion].append(_photo(file, detector, classifier))
            except PhotoError as e:
                failed.append((file.path, str(e)))
    labels = {e: [p.main_face.label if p.main_face else None for p in group] for e, group in seen.items()}
    recall = {e: accuracy([label == e for label in group]) for e, group in labels.items()}
    confusion = {e: {kind: group.count(kind) for kind in (*FOUR, None)} for e, group in labels.items()}
    ranked = {e: sorted(((_score(p, e), of) for of, g in seen.items() for p in g), reverse=True) for e in FOUR}
    top = {e: sum(of == e for _, of in rows[:TOP]) for e, rows in ranked.items()}
    return AlbumReport(recall, confusion, top, tuple(failed))


def _photo(file: PhotoFile, detector: FaceDetector, classifier: EmotionClassifier) -> Photo:
    data = photos.read(file.path)
    result = analysis.analyse_bytes(data, photos.digest(data), detector, classifier)
    counted = tuple(face for face in result.faces if face.detection >= THRESHOLD)
    return Photo(file.path, result.width, result.height, result.taken_at, result.digest, counted)


def _score(photo: Photo, emotion: Emotion) -> float:
    return max((face.probabilities[emotion] for face in photo.faces), default=0.0)
