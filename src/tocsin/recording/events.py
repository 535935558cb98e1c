"""The closed set of things that are recorded.

A tag reads `source:subject:action`. Tags are stored for years: they may be added, never renamed,
and a body's keys never change their meaning.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Tag(StrEnum):
    """What happened."""

    SCREENED = "upload:screening:completed"
    LOOKBACK_MATCHED = "upload:lookback:matched"
    LOOKBACK_COMPLETED = "node:lookback:completed"
    LIST_CREATED = "list:rule:created"
    LIST_CHANGED = "list:rule:changed"
    LIST_REMOVED = "list:rule:removed"
    LIST_READ = "list:items:read"
    LIST_EXPORTED = "list:items:exported"
    LIST_IMPORTED = "list:items:imported"
    ITEM_ADDED = "list:item:added"
    ITEM_CHANGED = "list:item:changed"
    ITEM_REMOVED = "list:item:removed"
    ITEM_RESTORED = "list:item:restored"
    ITEM_CONFIRMED = "list:item:confirmed"
    ITEM_DISPUTED = "list:item:disputed"
    ACTION_INTENDED = "upload:action:intended"
    ACTION_DONE = "upload:action:done"
    ACTION_FAILED = "upload:action:failed"
    ACTION_RETRIED = "upload:action:retried"
    KEY_CREATED = "node:key:created"
    KEY_REVOKED = "node:key:revoked"
    EVENTS_READ = "node:events:read"
    NODE_STARTED = "node:service:started"
    SEEN_PURGED = "node:seen:purged"
    ACTIONS_PURGED = "node:actions:purged"
    SIGHTINGS_PURGED = "node:sightings:purged"
    STAGE_CHANGED = "list:item:staged"
    BREAKER_TRIPPED = "list:breaker:tripped"
    BREAKER_CLEARED = "list:breaker:cleared"
    DECISION_REOPENED = "upload:decision:reopened"
    EXCHANGE_FOLLOWED = "exchange:following:started"
    EXCHANGE_ACTIVATED = "exchange:following:activated"
    EXCHANGE_CHANGED = "exchange:following:changed"
    EXCHANGE_LEFT = "exchange:following:ended"
    EXCHANGE_FROZEN = "exchange:following:frozen"
    EXCHANGE_RESUMED = "exchange:following:resumed"
    EXCHANGE_SUSPECTED = "exchange:following:suspected"
    INCIDENT_REPORTED = "exchange:incident:reported"
    EXCHANGE_REPLAYED = "exchange:following:replayed"
    ENTRIES_APPLIED = "exchange:entries:applied"
    ENTRY_REFUSED = "exchange:entry:refused"
    ENTRY_PUBLISHED = "exchange:entry:published"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `actor`: a key's id, "cli" or "node", never a person's name."""

    at: datetime
    tag: Tag
    actor: str
    subject: str
    body: dict[str, Any] = field(default_factory=dict)
