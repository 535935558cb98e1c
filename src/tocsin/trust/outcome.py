"""What a check says of a signal: sound, doubtful, or not to be used, with reasons in words."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tocsin.model import Reason


@dataclass(frozen=True, slots=True)
class Sound:
    """Nothing speaks against the signal."""


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A person should look; the signal may not go beyond advisory."""

    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Rejected:
    """The signal would match what is harmless, or nothing; it stays in shadow."""

    reasons: tuple[Reason, ...]


Outcome = Sound | Doubtful | Rejected


def doubtful(code: str, text: str) -> Doubtful:
    """Doubt for one reason."""
    return Doubtful((Reason(code, text),))


def rejected(code: str, text: str) -> Rejected:
    """Reject for one reason."""
    return Rejected((Reason(code, text),))


def joined(outcomes: Iterable[Outcome]) -> Outcome:
    """Return the outcome for an item: the worst of its signals', with all reasons of that grade.

    One bad signal spoils its item, or a bad one would travel hidden among good ones.
    """
    some = [one for one in outcomes if not isinstance(one, Sound)]
    if not some:
        return Sound()
    bad = [reason for one in some if isinstance(one, Rejected) for reason in one.reasons]
    if bad:
        return Rejected(tuple(dict.fromkeys(bad)))
    odd = [reason for one in some if isinstance(one, Doubtful) for reason in one.reasons]
    return Doubtful(tuple(dict.fromkeys(odd)))


def to_json(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as it is stored."""
    reasons = () if isinstance(outcome, Sound) else outcome.reasons
    fields = [{"code": one.code, "text": one.text} for one in reasons]
    return {"outcome": type(outcome).__name__.lower(), "reasons": fields}


def from_json(stored: dict[str, Any]) -> Outcome:
    """Read an outcome as it was stored."""
    reasons = tuple(Reason(one["code"], one["text"]) for one in stored["reasons"])
    if stored["outcome"] == "sound":
        return Sound()
    return Doubtful(reasons) if stored["outcome"] == "doubtful" else Rejected(reasons)
