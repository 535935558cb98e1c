"""Which segments a merge folds into the new one: pure, and the only place that decides it."""

from collections.abc import Collection, Iterable

from tocsin.matching.segment import Segment

_FOLD_RATIO = 4
"""A segment is folded when it is at most so many times as large as what is folded already.

Sizes then grow by this factor from one to the next: a dozen segments at 100 million rows, each row
written about four times on its way. A search pays some microseconds for each small segment.
"""

_DEAD_SHARE = 0.25
_FEWEST_DEAD = 4096


def crowded(segment: Segment) -> bool:
    """Whether so many rows are dead that the segment is worth writing anew for that alone."""
    return segment.buried > max(_DEAD_SHARE * len(segment), _FEWEST_DEAD)


def chosen(
    segments: Iterable[Segment], added: int, *, due: Collection[Segment] = ()
) -> tuple[Segment, ...]:
    """The segments to fold together with `added` new rows: crowded ones, and small beside them.

    Those that are `due` are folded whatever their size.
    """
    folded = [segment for segment in segments if segment in due or crowded(segment)]
    total = added + sum(segment.living for segment in folded)
    others = [segment for segment in segments if segment not in folded]
    for segment in sorted(others, key=len):
        if len(segment) > _FOLD_RATIO * total:
            break
        folded.append(segment)
        total += segment.living
    return tuple(folded)
