"""How far an item that others asserted may go on its own: the state machine of trust.

    received -> structural checks -> benign corpus -> shadow -> advisory -> enforced

Pure, and a function of the evidence alone: whatever order it came in, the same evidence gives the
same stage. Each rule below that is not met is a ceiling; an item stands at its lowest one. An
incident skips the wait in shadow and nothing else.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from tocsin.model import ListKind, Reason, Stage
from tocsin.trust.benign import Benign
from tocsin.trust.opinions import Heard, Opinion, Party, heard
from tocsin.trust.outcome import Doubtful, Outcome, Rejected, Sound
from tocsin.trust.rule import Claim, TrustRule

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of an item when its stage is asked for.

    `matches` counts uploads it would have matched in shadow, `issuer_items` what its issuer has
    asserted within a day. `pinned` is the stage that this node's operator set by hand.
    `quarantined`: its issuer is suspended, or the key that signed it was revoked. `tripped`: the
    breaker tripped and nobody has cleared it.
    """

    issuer: Party
    claim: Claim
    received_at: datetime
    structure: Outcome
    benign: Sound | Doubtful | Benign
    opinions: tuple[Opinion, ...] = ()
    matches: int = 0
    issuer_items: int = 0
    incident: bool = False
    pinned: Stage | None = None
    quarantined: bool = False
    retracted: bool = False
    tripped: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """Where an item stands and why, what keeps it lowest first.

    `due_at` is when time alone may change it, or None.
    """

    stage: Stage
    disputed: bool
    reasons: tuple[Reason, ...]
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Ceiling:
    """One rule that is not met: no further than this, until `due_at` where time is what lacks."""

    stage: Stage
    code: str
    text: str
    due_at: datetime | None = None


def next_stage(evidence: Evidence, rule: TrustRule, now: datetime) -> Placed:
    """Place an item on the evidence.

    Items of allow lists have no stages: they are in (enforced) or out (shadow).
    """
    voices = heard(evidence.opinions, issuer=evidence.issuer, weight_of=rule.weight_of)
    disputed = bool(voices.disputing) and voices.agreement < rule.agreement
    if evidence.claim.list_kind is ListKind.ALLOW:
        ceilings = [one for one in _always(evidence, rule) if one.stage is Stage.SHADOW]
    elif evidence.pinned is not None:
        ceilings = list(_by_hand(evidence, evidence.pinned))
    else:
        ceilings = [*_always(evidence, rule), *_block(evidence, rule, voices, now)]
    ceilings.sort(key=lambda one: one.stage.height)
    reasons = [Reason(one.code, one.text) for one in ceilings]
    if disputed:
        names = ", ".join(one.organisation for one in voices.disputing)
        reasons.insert(0, Reason("disputed", f"disputed by {names}"))
    return Placed(
        stage=ceilings[0].stage if ceilings else Stage.ENFORCED,
        disputed=disputed,
        reasons=tuple(dict.fromkeys(reasons)) or (Reason("met", "every rule is met"),),
        due_at=min((one.due_at for one in ceilings if one.due_at is not None), default=None),
    )


def _always(evidence: Evidence, rule: TrustRule) -> Iterator[_Ceiling]:
    """Yield what holds for block and allow lists alike."""
    yield from _disowned(evidence)
    if not rule.permits(evidence.issuer, evidence.claim):
        text = f"{evidence.issuer.member} may not assert this here"
        yield _Ceiling(Stage.SHADOW, "not_permitted", text)
    if not isinstance(evidence.structure, Sound):
        rejects = isinstance(evidence.structure, Rejected)
        for reason in evidence.structure.reasons:
            stage = Stage.SHADOW if rejects else Stage.ADVISORY
            yield _Ceiling(stage, reason.code, reason.text)


def _disowned(evidence: Evidence) -> Iterator[_Ceiling]:
    """Yield why nobody stands behind the item any more."""
    if evidence.retracted:
        yield _Ceiling(Stage.SHADOW, "retracted", "its issuer took it back")
    if evidence.quarantined:
        text = "its issuer is suspended, or its key was revoked"
        yield _Ceiling(Stage.SHADOW, "quarantined", text)


def _by_hand(evidence: Evidence, pinned: Stage) -> Iterator[_Ceiling]:
    """Yield what the operator decided; a retraction, quarantine and the breaker go before it."""
    yield from _disowned(evidence)
    if evidence.tripped:
        yield _tripped()
    yield _Ceiling(pinned, "pinned", f"set to {pinned} by hand")


def _block(evidence: Evidence, rule: TrustRule, voices: Heard, now: datetime) -> Iterator[_Ceiling]:
    missing = rule.quorum.missing(voices)
    yield from _benign(evidence, confirmed=not missing)
    yield from _waiting(evidence, rule, now, confirmed=not missing)
    vouched = voices.confirming or voices.saw
    if not rule.trusts(evidence.issuer.member) and not vouched:
        text = f"{evidence.issuer.member} is not trusted here, and nobody else has confirmed it"
        yield _Ceiling(Stage.SHADOW, "untrusted_issuer", text)
    for reason in missing:
        yield _Ceiling(Stage.ADVISORY, reason.code, reason.text)
    if len(voices.flooded) >= rule.floods:
        text = f"it matches far too much for {len(voices.flooded)} members"
        yield _Ceiling(Stage.ADVISORY, "flood", text)
    if evidence.tripped:
        yield _tripped()
    if rule.max_stage is not Stage.ENFORCED:
        text = f"the rule for this exchange ends at {rule.max_stage}"
        yield _Ceiling(rule.max_stage, "rule_maximum", text)


def _benign(evidence: Evidence, *, confirmed: bool) -> Iterator[_Ceiling]:
    """Yield the veto of the benign corpus, which a quorum overrules as far as advisory."""
    if isinstance(evidence.benign, Benign):
        text = f"{evidence.benign.distance} bits from something known to be harmless"
        yield _Ceiling(Stage.ADVISORY if confirmed else Stage.SHADOW, "benign", text)
    elif isinstance(evidence.benign, Doubtful):
        for reason in evidence.benign.reasons:
            yield _Ceiling(Stage.ADVISORY, reason.code, reason.text)


def _waiting(
    evidence: Evidence, rule: TrustRule, now: datetime, *, confirmed: bool
) -> Iterator[_Ceiling]:
    """Yield what keeps it in shadow for now: time, too many matches, too many at once."""
    if evidence.issuer_items > rule.daily_items and now < evidence.received_at + DAY:
        text = f"more than {rule.daily_items} items of {evidence.issuer.member} in a day"
        yield _Ceiling(Stage.SHADOW, "burst", text, evidence.received_at + DAY)
    if evidence.incident:
        return
    ends = evidence.received_at + timedelta(hours=rule.shadow_hours)
    if now < ends:
        yield _Ceiling(Stage.SHADOW, "waiting", f"in shadow until {ends:%Y-%m-%d %H:%M} UTC", ends)
    if evidence.matches > rule.shadow_matches and not confirmed:
        text = f"{evidence.matches} matches in shadow, more than {rule.shadow_matches}"
        yield _Ceiling(Stage.SHADOW, "too_many_matches", text)


def _tripped() -> _Ceiling:
    return _Ceiling(Stage.ADVISORY, "breaker", "it matched far too much here")
