"""The label rule as SQL, for counts over more faces than Python could process."""

from __future__ import annotations

from ..answers import ANSWERS
from ..choosing.labels import AlbumRules
from ..types import LEAST_VOTE, Emotion
from .conditions import PEOPLE
from .paths import Sql, below

NOTHING = '"nothing"'
"""The name of the column, quoted because NOTHING is an SQL keyword."""
COLUMNS = tuple(answer or NOTHING for answer in ANSWERS)


def count_labels(rules: AlbumRules, counted: Sql, unsure: float) -> Sql:
    """Return SQL for the labels of photos, as `Photo.label` has them, by votes of the faces that matter.

    counted: which faces `f` count. A row is a label (its place in Emotion, or NULL), the number of photos, the sum of
    their `sure`, the sum of its variances, and how many photos are less sure than `unsure`.
    """
    album, roots = _album(rules)
    every = (*rules.rules, rules.elsewhere)
    rows = ", ".join(f"({', '.join('?' * (1 + len(ANSWERS)))})" for _ in every)
    ratios = [value for number, rule in enumerate(every) for value in (number, *map(rule.ratios.__getitem__, ANSWERS))]
    columns = ", ".join(COLUMNS)
    weights = [f"max(0.0, l.{e} - l.{NOTHING} * ?) * r.{e} AS {e}" for e in Emotion]
    places = " ".join(f"WHEN {e} THEN {place}" for place, e in enumerate(Emotion))
    where, values = counted
    return (
        f"WITH ratios (album, {columns}) AS (VALUES {rows}),"
        f" people AS (SELECT p.id AS photo, {album} AS album, f.size, f.w * f.h AS area,"
        f" {', '.join(f'f.{e}' for e in Emotion)}, coalesce(f.{NOTHING}, 0.0) AS {NOTHING}"
        f" FROM photos p JOIN faces f ON f.content = p.content WHERE {PEOPLE} AND {where}),"
        f" weights AS (SELECT l.photo, l.size, l.area, {', '.join(weights)}, l.{NOTHING} * r.{NOTHING} AS {NOTHING}"
        " FROM people l CROSS JOIN ratios r ON r.album = l.album),"
        f" answers AS (SELECT photo, size, area, CASE max({columns}) {places} END AS label,"
        f" max({columns}) / ({' + '.join(COLUMNS)}) AS sure FROM weights),"
        # of equally large faces the one with the highest `sure` decides
        " equals AS (SELECT photo, label, area, max(sure) AS sure, sum(size * sure) AS votes"
        " FROM answers GROUP BY photo, label, area),"
        # of the face with the largest area SQLite takes `sure`; NULL wins only where no face has a label
        " votes AS (SELECT photo, label, sure, max(area),"
        f" CASE WHEN label IS NULL THEN -1 ELSE CAST(sum(votes) / {LEAST_VOTE} + 0.5 AS INTEGER) * 8 - label END"
        " AS votes FROM equals GROUP BY photo, label),"
        " decided AS (SELECT label, sure, max(votes) FROM votes GROUP BY photo)"
        " SELECT label, count(*), sum(sure), sum(sure * (1 - sure)), sum(sure < ?) FROM decided GROUP BY label",
        (*ratios, *roots, *values, *(rules.elsewhere.emotions[e] for e in Emotion), unsure),
    )


def _album(rules: AlbumRules) -> Sql:
    """Return SQL for the number of the rule for photo `p`; the deepest albums come first."""
    elsewhere = len(rules.albums)
    if not rules.albums:
        return str(elsewhere), ()
    found = [below(album.root) for album in rules.albums]
    whens = " ".join(f"WHEN {where} THEN {number}" for number, (where, _) in enumerate(found))
    return f"CASE {whens} ELSE {elsewhere} END", tuple(value for _, values in found for value in values)
