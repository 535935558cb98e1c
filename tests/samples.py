"""Values to test with: everything has a sensible default, a test names only what it is about."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tocsin.model import (
    Action,
    Hit,
    Judgement,
    ListKind,
    ListRule,
    Reason,
    Screening,
    Signal,
    SignalType,
    Upload,
    UploadKind,
    Verdict,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PDQ = Signal(SignalType.PDQ, bytes(range(32)), 80)
SHA256 = Signal(SignalType.SHA256, bytes(range(32)))

_RULE = ListRule(
    id=1,
    name="block",
    kind=ListKind.BLOCK,
    radius=31,
    quality_floor=50,
    verdict=Verdict.HOLD,
    exact_verdict=Verdict.REFUSE,
    labels=(),
    territories=(),
    sample_ratio=1.0,
    reason="",
    enabled=True,
    ttl_days=365.0,
)
_HIT = Hit(
    signal=PDQ,
    signal_id=1,
    item_id=1,
    rule=_RULE,
    distance=4,
    view="image 512",
    quality=90,
    labels=(),
    expires_at=NOW + timedelta(days=1),
    revision=1,
)
_UPLOAD = Upload("b" * 32, UploadKind.FILE, "photo.jpg", b"content")


def a_rule(**changes: Any) -> ListRule:
    return replace(_RULE, **changes)


def a_hit(rule: ListRule = _RULE, **changes: Any) -> Hit:
    return replace(_HIT, rule=rule, **changes)


def an_upload(**changes: Any) -> Upload:
    return replace(_UPLOAD, **changes)


def a_judgement(verdict: Verdict = Verdict.HOLD) -> Judgement:
    return Judgement(verdict, (Reason("matched", "4 bits from an item", "block"),), 0.5)


def a_screening(**changes: Any) -> Screening:
    hits = (_HIT,)
    return replace(Screening("c" * 32, NOW, _UPLOAD, (), hits, a_judgement(), 1), **changes)


def an_action(id: str = "a" * 32, connector: str = "webhook", **body: Any) -> Action:
    return Action(id, _UPLOAD.id, connector, {"type": "upload.hold", **body})
