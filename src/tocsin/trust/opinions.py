"""What other members say of an item, and how much it weighs: one organisation, one voice."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tocsin.model import Reason

AUTHORITY = "authority"
"""The kind of member that a quorum may not consist of alone."""


class Stance(StrEnum):
    """What a member says. Stored: values may be added, never renamed."""

    CONFIRM = "confirm"
    """It is what it was listed as."""

    DISPUTE = "dispute"
    """It is not."""

    SAW = "saw"
    """We had it too. No judgement, but proof that somebody else holds the media."""

    FLOOD = "flood"
    """It matches far too much here."""


@dataclass(frozen=True, slots=True)
class Party:
    """Who speaks: a member, the organisation behind it, its kind, its ISO 3166-1 jurisdiction.

    Organisations that are not independent of each other are given as one. `kind` and `jurisdiction`
    may be "" where unknown; they then count for no quorum.
    """

    member: str
    organisation: str
    kind: str
    jurisdiction: str


@dataclass(frozen=True, slots=True)
class Opinion:
    """One member's opinion on one item. `own_media`: formed on a copy that it had itself."""

    party: Party
    stance: Stance
    at: datetime
    own_media: bool = False


@dataclass(frozen=True, slots=True)
class Voice:
    """An organisation's opinion: all that its members say, counted once. `weight` 0.0 to 1.0."""

    organisation: str
    kind: str
    jurisdiction: str
    weight: float
    own_media: bool


@dataclass(frozen=True, slots=True)
class Heard:
    """All voices on an item that have any weight, without the issuer's own; by organisation.

    An organisation that both confirms and disputes disputes. `saw` holds all with own media.
    """

    confirming: tuple[Voice, ...]
    disputing: tuple[Voice, ...]
    saw: tuple[Voice, ...]
    flooded: tuple[Voice, ...]

    @property
    def agreement(self) -> float:
        """The share of weight that confirms, among what confirms or disputes; 1.0 for none."""
        against = sum(one.weight for one in self.disputing)
        in_favour = sum(one.weight for one in self.confirming)
        return in_favour / (in_favour + against) if against else 1.0


@dataclass(frozen=True, slots=True)
class Quorum:
    """Who must confirm an item, besides its issuer, before it acts in full.

    `organisations` is a sum of weights; `kinds` and `jurisdictions` count different ones;
    `own_media` is how many must have had the media themselves. With `beyond_authorities` at least
    one is no authority.
    """

    organisations: int = 2
    kinds: int = 1
    jurisdictions: int = 2
    own_media: int = 1
    beyond_authorities: bool = True

    def missing(self, heard: Heard) -> tuple[Reason, ...]:
        """Say what is missing, each in a reason; nothing when the quorum is met."""
        voices = heard.confirming
        figures = (
            ("organisations", round(sum(one.weight for one in voices), 9), self.organisations),
            ("kinds", len({one.kind for one in voices} - {""}), self.kinds),
            ("jurisdictions", len({one.jurisdiction for one in voices} - {""}), self.jurisdictions),
            ("own_media", len(heard.saw), self.own_media),
        )
        short = [
            Reason("no_quorum", f"{name.replace('_', ' ')}: {present:g} of {wanted}")
            for name, present, wanted in figures
            if present < wanted
        ]
        if self.beyond_authorities and voices and all(one.kind == AUTHORITY for one in voices):
            short.append(Reason("no_quorum", "only authorities confirm it"))
        return tuple(short)


_NOBODY = Heard((), (), (), ())


def heard(
    opinions: Sequence[Opinion], *, issuer: Party, weight_of: Callable[[str], float]
) -> Heard:
    """Weigh opinions. Neither their order nor how many accounts an organisation has matters."""
    if not opinions:
        return _NOBODY
    others = [
        one
        for one in opinions
        if one.party.organisation != issuer.organisation and weight_of(one.party.member) > 0
    ]
    by_stance = {stance: [one for one in others if one.stance is stance] for stance in Stance}
    against = {one.party.organisation for one in by_stance[Stance.DISPUTE]}
    in_favour = [o for o in by_stance[Stance.CONFIRM] if o.party.organisation not in against]
    saw = [*by_stance[Stance.SAW], *(one for one in in_favour if one.own_media)]
    return Heard(
        confirming=_voices(in_favour, weight_of),
        disputing=_voices(by_stance[Stance.DISPUTE], weight_of),
        saw=_voices(saw, weight_of),
        flooded=_voices(by_stance[Stance.FLOOD], weight_of),
    )


def _voices(opinions: Iterable[Opinion], weight_of: Callable[[str], float]) -> tuple[Voice, ...]:
    grouped: dict[str, list[Opinion]] = {}
    for one in opinions:
        grouped.setdefault(one.party.organisation, []).append(one)
    return tuple(_voice(name, grouped[name], weight_of) for name in sorted(grouped))


def _voice(name: str, said: list[Opinion], weight_of: Callable[[str], float]) -> Voice:
    """Sum an organisation up: its weightiest account, and an authority if one account is."""
    kinds = sorted({one.party.kind for one in said})
    return Voice(
        organisation=name,
        kind=AUTHORITY if AUTHORITY in kinds else kinds[0],
        jurisdiction=min(one.party.jurisdiction for one in said),
        weight=max(weight_of(one.party.member) for one in said),
        own_media=any(one.own_media for one in said),
    )
