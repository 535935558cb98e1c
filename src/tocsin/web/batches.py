"""Many hashes at once: what nobody knows is judged and recorded together.

Nearly all hashes of a batch are of uploads that no list knows, and a record for each would take
longer than all the rest. So hashes are first screened in groups, as if each group were one upload
with many views. A group without a hit stays one screening; one with a hit is taken apart, and each
of its hashes screened for itself. A later look-back finds the hash by the name of its view.
"""

from collections.abc import Mapping, Sequence

from tocsin import intake
from tocsin.model import Screening, Signal, Upload, View
from tocsin.screening import Reading, Road

GROUP = 64
"""Hashes of one group: about as many views as a picture has, so that a look-back, which goes by
uploads, takes no more of these into memory than of others."""

Screened = tuple[Screening, list[int]]
"""A screening, and the places in the batch of the hashes that it covers."""


def screen_batch(
    road: Road,
    hashes: Sequence[Sequence[Signal]],
    *,
    actor: str,
    only: Sequence[str] = (),
    territory: str = "",
    source: str = "",
) -> list[Screened]:
    """Screen the signals of many uploads, all in two passes; durable on return.

    Raises NotFound for an unknown list, Unavailable.
    """

    def judged(groups: Sequence[Sequence[int]]) -> list[Screened]:
        asked = {"territory": territory, "source": source}
        pairs = [_upload([hashes[place] for place in one], one, asked) for one in groups]
        found = road.judge_many(
            [upload for upload, _ in pairs], [reading for _, reading in pairs], only=only
        )
        return [(one, list(places)) for one, places in zip(found, groups, strict=True)]

    places = range(len(hashes))
    groups = judged([places[start : start + GROUP] for start in places[::GROUP]])
    unknown = [group for group in groups if not group[0].hits]
    mixed = [place for screening, group in groups if screening.hits for place in group]
    screened = [*unknown, *judged([[place] for place in mixed])]
    for record in [road.record(screening, actor=actor) for screening, _ in screened]:
        record.result()
    road.settle(*[screening for screening, _ in screened])
    return sorted(screened, key=lambda one: one[1])


def _upload(
    hashes: Sequence[Sequence[Signal]], places: Sequence[int], asked: Mapping[str, str]
) -> tuple[Upload, Reading]:
    """Make one upload of a group; its views are named after their places in the batch."""
    views = tuple(
        View(f"hash {place}", signal)
        for place, signals in zip(places, hashes, strict=True)
        for signal in signals
    )
    upload = intake.from_hashes([view.signal for view in views], **asked)
    return upload, Reading(views)
