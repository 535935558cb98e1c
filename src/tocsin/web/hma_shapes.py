"""The words of HMA in ours: its signal types, its routes' errors, its shapes.

HMA is Meta's Hasher-Matcher-Actioner 1.1.7. A bank is a block list, content is an item, the enabled
ratio is the sample ratio. docs/hma.md lists every route, and where we differ on purpose.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict
from starlette.responses import JSONResponse, Response

from tocsin.app import Node
from tocsin.errors import InvalidInput, NotFound
from tocsin.keys import Scope
from tocsin.model import Hit, ListKind, ListRule, Screening, Signal, SignalType
from tocsin.web.problems import problem_of
from tocsin.web.routing import Guarded, asks

SIGNAL_TYPES = {"pdq": SignalType.PDQ, "video_md5": SignalType.MD5}
"""HMA's default signal types. Ours cover more; what HMA has no name for does not show here."""

CONTENT_TYPES = {"photo": ("pdq",), "video": ("video_md5",)}
"""HMA's content types, and the signal types that each is hashed to."""

FORM_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "description": "One file; the part's name is its content type.",
                "properties": {
                    name: {"type": "string", "format": "binary"} for name in CONTENT_TYPES
                },
            }
        }
    },
}

PAIRS_BODY: dict[str, Any] = {
    "required": True,
    "content": {"application/json": {"schema": {"type": "object"}}},
}
SIGNALS_BODY: dict[str, Any] = {
    "required": True,
    "content": {"application/json": {"schema": {"type": "object", "minProperties": 1}}},
}

NO_DISTANCE = "-"
"""What HMA gives as the distance of an exact match."""

_NAMES = {type_: name for name, type_ in SIGNAL_TYPES.items()}


class HmaIn(BaseModel):
    """What HMA's clients send. As there, unknown fields are passed over and numbers may be text."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Message(BaseModel):
    """An error, as HMA words them."""

    message: str


class HmaRoute(Guarded):
    """A route in HMA's shape: errors are `{"message"}`, and 400 where we would say 422.

    What HMA does not know in a query it passes over, and so do these.
    """

    strict_query = False

    def is_open(self, node: Node) -> bool:
        """Whether the operator opened these routes."""
        return node.settings.hma_open

    def explain(self, error: Exception) -> Response:
        """Turn an error into an answer, in HMA's shape."""
        problem = problem_of(error)
        status = 400 if problem.status == 422 else problem.status
        return JSONResponse({"message": problem.detail}, status, dict(problem.headers))


def hma_asks(
    scope: Scope,
    *statuses: int,
    body: str = "",
    request_body: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Declare what a route in HMA's shape asks for, as `asks` does; it can always answer 400."""
    asked = asks(scope, *statuses, 400, body=body, request_body=request_body)
    shape = {"application/json": {"schema": {"$ref": f"#/components/schemas/{Message.__name__}"}}}
    described = {
        status: {"description": one["description"], "content": shape}
        for status, one in asked["responses"].items()
        if status != 422
    }
    # FastAPI would add its own description of 422, which these routes never answer.
    return asked | {"responses": described | {"4XX": {"description": "Any other error."}}}


def signal_type(name: str) -> SignalType:
    """Read the name of a signal type. Raises InvalidInput."""
    if name not in SIGNAL_TYPES:
        raise InvalidInput(f"No such SignalType '{name[:40]}'")
    return SIGNAL_TYPES[name]


def parse_signal(name: str, text: str) -> Signal:
    """Read a signal of HMA, in either case. Raises InvalidInput."""
    return Signal.parse(signal_type(name), text)


def bank(rule: ListRule) -> dict[str, Any]:
    """Show a list as a bank."""
    ratio = rule.sample_ratio if rule.enabled else 0.0
    return {"name": rule.name, "matching_enabled_ratio": ratio}


def bank_named(node: Node, name: str) -> ListRule:
    """Find a bank: a block list. Raises NotFound, in HMA's words, for anything else."""
    try:
        rule = node.rules.get(name)
    except NotFound as error:
        raise NotFound(f"bank '{name[:80]}' not found") from error
    if rule.kind is not ListKind.BLOCK:
        raise NotFound(f"bank '{name[:80]}' not found")
    return rule


def sizes(node: Node, name: str = "") -> dict[str, int]:
    """Count the signals in memory by HMA's types, or of one of them. Raises InvalidInput."""
    node.indices.refresh()
    wanted = {name: signal_type(name)} if name else SIGNAL_TYPES
    found = node.indices.sizes().items()
    return {
        one: sum(size for key, size in found if key.endswith(f"/{type_}"))
        for one, type_ in wanted.items()
    }


def banks_of(names: str | None) -> frozenset[str]:
    """Read the parameter `banks`; empty means all."""
    return frozenset(one.strip() for one in (names or "").split(",") if one.strip())


def raw_matches(
    screening: Screening, banks: frozenset[str], *, with_distance: bool
) -> list[int] | list[dict[str, Any]]:
    """Show every hit, whether a rule acts on it or not; each content once, nearest first."""
    hits = _nearest(hit for hit in screening.hits if _in_banks(hit, banks))
    return [_match(hit) for hit in hits] if with_distance else [hit.item_id for hit in hits]


def matches_by_bank(
    screening: Screening, type_: SignalType, banks: frozenset[str], *, bypass: bool
) -> dict[str, list[dict[str, Any]]]:
    """Show the hits of one type on banks that act; with `bypass` also those outside a sample."""
    counted = ("matched", "outside_sample") if bypass else ("matched",)
    acting = {one.list for one in screening.judgement.reasons if one.code in counted}
    by_bank: dict[str, list[dict[str, Any]]] = {}
    for hit in _nearest(screening.hits):
        if hit.signal.type is type_ and hit.rule.name in acting and _in_banks(hit, banks):
            by_bank.setdefault(hit.rule.name, []).append(_match(hit))
    return by_bank


def signals_of(signals: Iterable[Signal]) -> dict[str, str]:
    """Show signals by HMA's names for their types, the first of each."""
    shown: dict[str, str] = {}
    for signal in signals:
        if signal.type in _NAMES:
            shown.setdefault(_NAMES[signal.type], signal.text)
    return shown


def _in_banks(hit: Hit, banks: frozenset[str]) -> bool:
    return hit.rule.kind is ListKind.BLOCK and (not banks or hit.rule.name in banks)


def _nearest(hits: Iterable[Hit]) -> list[Hit]:
    """Keep the nearest hit of each item and type; hits come nearest first."""
    kept: dict[tuple[int, SignalType], Hit] = {}
    for hit in hits:
        kept.setdefault((hit.item_id, hit.signal.type), hit)
    return list(kept.values())


def _match(hit: Hit) -> dict[str, Any]:
    distance = str(hit.distance) if hit.signal.type.perceptual else NO_DISTANCE
    return {"bank_content_id": hit.item_id, "distance": distance}
