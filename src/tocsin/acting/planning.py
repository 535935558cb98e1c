"""From a verdict to actions: what each connector will be asked to do. Pure."""

import hashlib
from collections.abc import Sequence
from typing import Any

from tocsin.model import Action, Screening, Verdict

MOST_TOLD = 20
"""Most hits of one message, the nearest, and most reasons, the strongest: enough to act upon, and
far below any receiver's limit of size. The record of the screening has them all."""

_EVENT = {
    Verdict.LIMIT: "upload.limit",
    Verdict.HOLD: "upload.hold",
    Verdict.REFUSE: "upload.refuse",
    Verdict.NOT_INSPECTABLE: "upload.not_inspectable",
}


def plan(screening: Screening, connectors: Sequence[str]) -> tuple[Action, ...]:
    """Return one action for each connector, none where the verdict is `allow`.

    The id follows from the upload, the connector and the signals hit: planning the same finding
    twice gives the same action, which is stored once.
    """
    verdict = screening.judgement.verdict
    if verdict is Verdict.ALLOW:
        return ()
    return tuple(
        Action(_identify(screening, name), screening.upload.id, name, _body(screening))
        for name in connectors
    )


def _identify(screening: Screening, connector: str) -> str:
    signals = ",".join(str(number) for number in sorted(hit.signal_id for hit in screening.hits))
    named = f"{screening.upload.id}/{connector}/{signals}"
    return hashlib.sha256(named.encode()).hexdigest()[:32]


def _body(screening: Screening) -> dict[str, Any]:
    """Return the payload of a webhook, in the form that Standard Webhooks recommends."""
    return {
        "type": _EVENT[screening.judgement.verdict],
        "timestamp": screening.at.isoformat(),
        "data": {
            "upload": screening.upload.id,
            "name": screening.upload.name,
            "verdict": screening.judgement.verdict.value,
            "reasons": [
                {"code": one.code, "text": one.text, "list": one.list}
                for one in screening.judgement.reasons[:MOST_TOLD]
            ],
            "reasons_total": len(screening.judgement.reasons),
            "hits": [
                {
                    "type": hit.signal.type.value,
                    "item": hit.item_id,
                    "list": hit.rule.name,
                    "distance": hit.distance,
                    "view": hit.view,
                }
                for hit in sorted(screening.hits, key=lambda hit: hit.distance)[:MOST_TOLD]
            ],
            "hits_total": len(screening.hits),
        },
    }
