"""The label rule as SQL, for counts over more faces than Python could process."""

from __future__ import annotations

from ..choosing.labels import AlbumRules
from ..types import ANSWERS, Emotion
from .paths import Sql, below

NOTHING = '"nothing"'
"""The name of the column, quoted because NOTHING is an SQL keyword."""
COLUMNS = tuple(answer or NOTHING for answer in ANSWERS)


def count_labels(rules: AlbumRules, counted: Sql) -> Sql:
    """Return SQL for (label or NULL, number of photos whose largest face has it); counted: which faces `f` count."""
    album, roots = _album(rules)
    every = (*rules.rules, rules.elsewhere)
    rows = ", ".join(f"({', '.join('?' * (1 + len(ANSWERS)))})" for _ in every)
    ratios = [value for number, rule in enumerate(every) for value in (number, *map(rule.ratios.__getitem__, ANSWERS))]
    columns = ", ".join(COLUMNS)
    weights = [f"max(0.0, l.{e} - l.{NOTHING} * ?) * r.{e} AS {e}" for e in Emotion]
    names = " ".join(f"WHEN {e} THEN '{e}'" for e in Emotion)
    where, values = counted
    return (
        f"WITH ratios (album, {columns}) AS (VALUES {rows}),"
        f" largest AS (SELECT {album} AS album, {', '.join(f'f.{e}' for e in Emotion)},"
        f" coalesce(f.{NOTHING}, 0.0) AS {NOTHING}, max(f.w * f.h)"
        f" FROM photos p JOIN faces f ON f.content = p.content WHERE {where} GROUP BY p.id),"
        f" weights AS (SELECT {', '.join(weights)}, l.{NOTHING} * r.{NOTHING} AS {NOTHING}"
        " FROM largest l CROSS JOIN ratios r ON r.album = l.album)"
        f" SELECT CASE max({columns}) {names} END AS label, count(*) FROM weights GROUP BY label",
        (*ratios, *roots, *values, *(rules.elsewhere.emotions[e] for e in Emotion)),
    )


def _album(rules: AlbumRules) -> Sql:
    """Return SQL for the number of the rule for photo `p`; the deepest albums come first."""
    elsewhere = len(rules.albums)
    if not rules.albums:
        return str(elsewhere), ()
    found = [below(album.root) for album in rules.albums]
    whens = " ".join(f"WHEN {where} THEN {number}" for number, (where, _) in enumerate(found))
    return f"CASE {whens} ELSE {elsewhere} END", tuple(value for _, values in found for value in values)
