"""The webhook: an action is posted to one address, signed, by the Standard Webhooks specification.

The message's id is the action's, the same over all attempts; a receiver that keeps the ids it has
seen acts once, however often we try. The time is that of the attempt and guards against replay.
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime

from tocsin.acting.base import Delivered, Failed
from tocsin.acting.signing import SigningKey
from tocsin.errors import Unavailable, UnsafeAddress
from tocsin.model import Action
from tocsin.safehttp import SafeClient

TIMEOUT_S = 20.0  # The specification asks for 15 to 30 seconds.

_MOVED = (301, 308)
_ASK_AGAIN = (408, 425, 429)
"""The 4xx that speak about the moment and not about the message: timeout, too early, too many."""


class Webhook:
    """Posts actions to one address of the operator's choice. Thread-safe."""

    name = "webhook"

    def __init__(
        self,
        url: str,
        keys: Sequence[SigningKey],
        client: SafeClient,
        clock: Callable[[], datetime],
    ) -> None:
        self._url = url
        self._keys = tuple(keys)
        self._client = client
        self._clock = clock

    def deliver(self, action: Action) -> Delivered | Failed:
        """Post the action once. Whatever stands in the way is an outcome, never an exception."""
        content = json.dumps(action.body, separators=(",", ":")).encode("ascii")
        try:
            status = self._client.post(
                self._url,
                content=content,
                headers=self._headers(action.id, content),
                timeout_s=TIMEOUT_S,
            )
        except UnsafeAddress as error:
            return Failed(str(error), permanent=True)
        except Unavailable as error:
            return Failed(str(error), permanent=False)
        return _outcome(status)

    def _headers(self, message_id: str, content: bytes) -> dict[str, str]:
        timestamp = str(int(self._clock().timestamp()))
        message = f"{message_id}.{timestamp}.".encode() + content
        return {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join(key.sign(message) for key in self._keys),
        }


def _outcome(status: int) -> Delivered | Failed:
    if 200 <= status < 300:
        return Delivered(f"the receiver answered {status}")
    if status == 410:
        return Failed("the receiver answered 410: it wants no more of these", permanent=True)
    if 300 <= status < 400:
        text = f"the receiver answered {status}; redirects are not followed, set its new address"
        return Failed(text, permanent=status in _MOVED)
    permanent = 400 <= status < 500 and status not in _ASK_AGAIN
    return Failed(f"the receiver answered {status}", permanent=permanent)
