"""How well whole photos are labelled: evaluation on folders named after emotions, analysed as one album."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ... import analysis
from ...answers import Shares
from ...choosing.labels import LabelRule, shares_of
from ...disk import contents
from ...emotions import EmotionClassifier
from ...errors import PhotoError, UsageError
from ...faces.detector import FaceDetector
from ...photos import read
from ...photos.walk import Walk, find
from ...types import FOUR, THRESHOLD, Emotion, Photo, PhotoFile
from ..common.scores import Score, accuracy

TOP = 50
NO_FACE, NO_LABEL = "no face", "no label"


@dataclass(frozen=True)
class AlbumReport:
    """Figures of photos labelled by their largest face, with the shares of this album.

    recall, precision: by folder. counts[folder][label]: photos; the label is an emotion, NO_LABEL or NO_FACE. top: how
    many of the first 50 photos of each list belong there. failed: photos that could not be analysed, with the reasons;
    no figure includes them.
    """

    shares: Shares
    recall: Mapping[Emotion, Score]
    precision: Mapping[Emotion, Score]
    counts: Mapping[Emotion, Mapping[str, int]]
    top: Mapping[Emotion, int]
    failed: tuple[tuple[Path, str], ...] = ()

    @property
    def balanced(self) -> float:
        """Balanced accuracy of the largest face's label: the mean of the recalls."""
        return sum(s.value for s in self.recall.values()) / len(self.recall)


def evaluate(
    album: Path, classifier: EmotionClassifier, watch: Callable[[Iterable[PhotoFile]], Iterable[PhotoFile]]
) -> AlbumReport:
    """Analyse album/<emotion>/* as `index` does, but with this classifier; a photo without a label counts as wrong.

    Raises UsageError if one of the four folders is missing.
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
    faces = [face for group in seen.values() for photo in group for face in photo.faces]
    shares = shares_of(faces, classifier.natural, classifier.confusion)
    rule = LabelRule(classifier.natural, shares)
    labels = {e: [_label(photo, rule) for photo in group] for e, group in seen.items()}
    every = [(folder, label) for folder, group in labels.items() for label in group]
    kinds = (*map(str, Emotion), NO_LABEL, NO_FACE)
    ranked = {e: sorted(((_score(p, e), of) for of, g in seen.items() for p in g), reverse=True) for e in FOUR}
    return AlbumReport(
        shares=shares,
        recall={e: accuracy([label == e for label in group]) for e, group in labels.items()},
        precision={e: accuracy([folder == e for folder, label in every if label == e]) for e in FOUR},
        counts={e: {kind: group.count(kind) for kind in kinds} for e, group in labels.items()},
        top={e: sum(of == e for _, of in rows[:TOP]) for e, rows in ranked.items()},
        failed=tuple(failed),
    )


def _photo(file: PhotoFile, detector: FaceDetector, classifier: EmotionClassifier) -> Photo:
    data = read.read(file.path)
    result = analysis.analyse_bytes(data, contents.digest(data), detector, classifier)
    counted = tuple(face for face in result.faces if face.detection >= THRESHOLD)
    return Photo(file.path, result.width, result.height, None, None, result.digest, counted)


def _label(photo: Photo, rule: LabelRule) -> str:
    labelled = replace(photo, faces=tuple(rule.relabelled(face) for face in photo.faces))
    face = labelled.deciding_face
    return NO_FACE if face is None else str(face.label or NO_LABEL)


def _score(photo: Photo, emotion: Emotion) -> float:
    return max((face.probabilities[emotion] for face in photo.faces), default=0.0)
