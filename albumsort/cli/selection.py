"""Which photos an export copies, and into which folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..query import CHOSEN_FOLDER, By, Filters
from ..types import Emotion, Photo
from .filtering import ChoiceOptions, FilterOptions
from .values import explained_list

if TYPE_CHECKING:
    from ..choosing.promise import Promise
    from ..choosing.ranking import Sorted
    from ..index.database import Database


@dataclass(frozen=True)
class Selection:
    """The photos of an export by folder, best first.

    promises: what to expect of the labels that sorted photos. left_out: why other photos are in no folder, each
    with the number of photos. missing: what a list names, but no photo that passes the filters has.
    """

    folders: Mapping[str, Sequence[Photo]]
    promises: Mapping[Emotion, Promise] = field(default_factory=dict)
    left_out: Sequence[tuple[int, str]] = ()
    missing: Sequence[str] = ()

    @property
    def behind(self) -> int:
        """The number of frames that stand behind the chosen ones."""
        return sum(photo.behind for group in self.folders.values() for photo in group)


@dataclass(frozen=True)
class Wish:
    """What the user asks an export for."""

    emotions: Sequence[Emotion]
    n: int | None
    choice: ChoiceOptions
    filtering: FilterOptions
    moments: bool
    unsure_folder: bool
    files_from: str | None
    named: bool

    @property
    def sorts(self) -> bool:
        """Whether options ask how to sort by label."""
        return self.moments or self.unsure_folder

    def check(self) -> None:
        """Raise UsageError if options contradict each other."""
        if self.n is not None and self.unsure_folder:
            raise UsageError("--unsure-folder sorts all photos by label, so it does not go with -n")
        if self.n is None and self.choice.spread is not None:
            raise UsageError("--spread shares out places, so it needs -n")
        if self.moments and (self.choice.every or self.n is not None):
            raise UsageError("--moments goes neither with --all nor with -n, which shows one frame a moment anyway")
        if self.n is None and self.choice.by is not By.MAX:
            raise UsageError("--by ranks the photos of each emotion, so it needs -n")
        if self.files_from is not None and (self.named or self.choice.every or self.n is not None or self.sorts):
            raise UsageError("--files-from names the photos: leave out emotions, -n, --all, --moments, --unsure-folder")


def select(database: Database, wish: Wish, filters: Filters) -> Selection:
    """Return the photos to export."""
    if wish.files_from is not None:
        return _listed(database, wish.files_from, filters, wish.filtering.min_score)
    if wish.n is not None:
        return Selection({emotion: _best(database, emotion, wish, filters) for emotion in wish.emotions})
    from ..choosing import ranking
    from ..index import queries

    photos = queries.photos(database, filters, wish.filtering.min_score, every=True)
    chosen = ranking.sort(photos, wish.emotions, wish.unsure_folder, wish.moments)
    return Selection(chosen.folders, _promises(database, chosen), _left_out(chosen))


def _best(database: Database, emotion: Emotion, wish: Wish, filters: Filters) -> list[Photo]:
    from ..index.best import best

    return best(database, wish.choice.question(emotion, filters, wish.filtering.min_score, wish.n))


def _listed(database: Database, files_from: str, filters: Filters, least: float) -> Selection:
    """Return the listed photos in the order of the list, each with the score of its label."""
    from ..choosing.ranking import scored
    from ..export.kept import kept_hashes
    from ..index.listed import Listed
    from ..photos import lists

    listed = Listed(database, filters, least)
    with explained_list(files_from) as data:
        kept = kept_hashes(data)
        photos = list(listed.by_path(lists.parse(data)) if kept is None else listed.by_digest(kept))
    known = [
        photo if photo.deciding_face is None or photo.label is None else scored(photo, photo.deciding_face, photo.label)
        for photo in {photo.path: photo for photo in photos}.values()
    ]
    return Selection({CHOSEN_FOLDER: [replace(photo, behind=0) for photo in known]}, missing=listed.missing)


def _promises(database: Database, chosen: Sorted) -> dict[Emotion, Promise]:
    from ..choosing.promise import are_ordinary, promise, sureness
    from ..index.shares import album_rules

    rules = album_rules(database)
    ordinary = are_ordinary(rules.albums, rules.natural)
    return {
        Emotion(name): promise(sureness(photo.sure or 0.0 for photo in photos), ordinary)
        for name, photos in chosen.folders.items()
        if photos and name in list(Emotion)
    }


def _left_out(chosen: Sorted) -> list[tuple[int, str]]:
    labels = sorted((label for label in Emotion if label in chosen.others), key=lambda label: -chosen.others[label])
    others = ", ".join(f"{chosen.others[label]} {label}" for label in labels)
    reasons = [
        (chosen.without_face, f"{chosen.without_face} without a face"),
        (chosen.unlabelled, f"{chosen.unlabelled} with no clear expression"),
        (len(labels), f"{others} (name these emotions to export them too)"),
    ]
    return [(count, reason) for count, reason in reasons if count]
