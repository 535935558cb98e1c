"""Policy: hits become a verdict with reasons. Pure: the clock and the draw are handed in.

The order of the rules is the order of the functions below. A perceptual match is a lead, not a
verdict, so a list that says nothing else holds an upload for a person. Nor does one party's word
act alone: what is in shadow is only noted, what is advisory or disputed holds at most, and an
allow list's entry that is disputed lets nothing pass but keeps the rest from more than a hold.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from tocsin.model import (
    Hit,
    Judgement,
    ListKind,
    Reason,
    Stage,
    Undecodable,
    Unhashable,
    Upload,
    Verdict,
)


def decide(
    upload: Upload,
    hits: Iterable[Hit],
    *,
    now: datetime,
    draw: float,
    obstacle: Undecodable | Unhashable | None = None,
    low_quality: int | None = None,
) -> Judgement:
    """Judge one upload.

    `draw` in [0, 1) decides whether a canary list acts. `obstacle` says why the content could not
    be inspected, though its file hashes still were. `low_quality` is the best PDQ quality seen
    where it was too low for every list. The same arguments always give the same judgement.
    """
    blocking: list[Hit] = []
    allowing: list[Hit] = []
    shadow: list[Hit] = []
    noted: list[Reason] = []
    for hit in hits:
        excuse = _excuse(hit, upload, now, draw)
        if excuse is None:
            (allowing if hit.rule.kind is ListKind.ALLOW else blocking).append(hit)
            noted += _reservations(hit)
        else:
            noted.append(excuse)
            shadow += [hit] if excuse.code == "shadow" else []
    demanding = _items([hit for hit in blocking if _verdict(hit) is not Verdict.ALLOW])
    trusted = [hit for hit in allowing if not hit.disputed]
    if trusted:
        reasons = [*map(_allowed, trusted), *map(_overruled, blocking), *noted]
        rests_on = _items(trusted) if demanding else ()
        return Judgement(Verdict.ALLOW, _unique(reasons), draw, rests_on, _items(shadow))
    acting = [(_verdict(hit, contested=bool(allowing)), _matched(hit)) for hit in blocking]
    if obstacle is not None:
        acting.append((Verdict.NOT_INSPECTABLE, _obstructed(obstacle)))
    if low_quality is not None:
        noted.append(_too_poor(low_quality))
    acting.sort(key=lambda pair: -pair[0].strength)
    verdict = acting[0][0] if acting else Verdict.ALLOW
    if not acting and not noted:
        noted.append(Reason("no_match", "nothing on the lists in force is like this upload"))
    reasons = [*(reason for _, reason in acting), *noted]
    return Judgement(verdict, _unique(reasons), draw, demanding, _items(shadow))


def _excuse(hit: Hit, upload: Upload, now: datetime, draw: float) -> Reason | None:
    """Say why a hit does not count, or nothing when it does."""
    rule = hit.rule
    if not rule.enabled:
        return Reason("list_disabled", f"list {rule.name} is disabled", rule.name)
    if hit.expires_at is not None and hit.expires_at <= now:
        return Reason("expired", f"the item on {rule.name} expired", rule.name)
    if hit.signal.type.perceptual and hit.distance > rule.radius:
        return Reason("too_far", f"{hit.distance} bits lie outside {rule.name}", rule.name)
    for side, quality in (("upload", hit.quality), ("listed", hit.signal.quality)):
        if hit.signal.type.perceptual and quality is not None and quality < rule.quality_floor:
            text = (
                f"like an item of {rule.name}, but the {side} picture's quality {quality} "
                f"is below {rule.quality_floor}"
            )
            return Reason("low_quality", text, rule.name)
    if rule.territories and upload.territory and upload.territory not in rule.territories:
        text = f"{rule.name} counts in {', '.join(rule.territories)}, not in {upload.territory}"
        return Reason("other_territory", text, rule.name)
    if rule.kind is ListKind.BLOCK and hit.stage is Stage.SHADOW:
        text = f"like an item of {rule.name} that is in shadow: counted, not acted upon"
        return Reason("shadow", text, rule.name)
    if rule.kind is ListKind.BLOCK and draw >= rule.sample_ratio:
        text = f"matched {rule.name}, which acts on a sample of {rule.sample_ratio:.0%} only"
        return Reason("outside_sample", text, rule.name)
    return None


def _reservations(hit: Hit) -> list[Reason]:
    """Say what keeps a hit that counts from acting on its own."""
    name, reservations = hit.rule.name, []
    if hit.rule.kind is ListKind.BLOCK and hit.stage is Stage.ADVISORY:
        text = f"the item on {name} is advisory: a person decides"
        reservations.append(Reason("advisory", text, name))
    if hit.disputed:
        text = f"the item on {name} is disputed: a person decides"
        reservations.append(Reason("disputed", text, name))
    return reservations


def _verdict(hit: Hit, *, contested: bool = False) -> Verdict:
    verdict = hit.rule.verdict if hit.signal.type.perceptual else hit.rule.exact_verdict
    alone = hit.stage is Stage.ENFORCED and not hit.disputed and not contested
    return verdict if alone or verdict.strength < Verdict.HOLD.strength else Verdict.HOLD


def _matched(hit: Hit) -> Reason:
    how = (
        f"{hit.distance} bits from an item ({hit.view})"
        if hit.signal.type.perceptual
        else f"the same {hit.signal.type} as an item ({hit.view})"
    )
    because = f": {hit.rule.reason}" if hit.rule.reason else ""
    return Reason("matched", f"{how} on list {hit.rule.name}{because}", hit.rule.name)


def _allowed(hit: Hit) -> Reason:
    because = f": {hit.rule.reason}" if hit.rule.reason else ""
    return Reason("allow_listed", f"on allow list {hit.rule.name}{because}", hit.rule.name)


def _overruled(hit: Hit) -> Reason:
    return Reason("overruled", f"overruled: {_matched(hit).text}", hit.rule.name)


def _obstructed(obstacle: Undecodable | Unhashable) -> Reason:
    if isinstance(obstacle, Undecodable):
        return Reason(obstacle.obstacle.value, f"could not be decoded: {obstacle.detail}")
    return Reason("unhashable", f"could not be hashed: {obstacle.reason}")


def _too_poor(quality: int) -> Reason:
    text = f"the picture's quality {quality} is too low to compare it with anything"
    return Reason("low_quality", text)


def _items(hits: Sequence[Hit]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(hit.item_id for hit in hits))


def _unique(reasons: list[Reason]) -> tuple[Reason, ...]:
    return tuple(dict.fromkeys(reasons))
