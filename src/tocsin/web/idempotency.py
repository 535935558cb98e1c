"""The same POST twice is done once: the header `Idempotency-Key`.

Follows draft-ietf-httpapi-idempotency-key-header. A key is claimed in the database before anything
is done, and holds the answer afterwards, so that it works across processes and restarts. A claim
whose process died is free again after its lease: what it did may then be done a second time, which
is a lesser evil than refusing it for ever. Answers are kept for a day (`lists/retention.py`).
What failed is not kept: it may be tried again.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from tocsin.errors import Conflict, InvalidInput
from tocsin.recording import tables
from tocsin.recording.store import Store
from tocsin.web.bodies import StrictRequest

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
LEASE_S = 600.0
"""Longer than any request takes that can carry a key."""

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_IN_FLIGHT = 0
_TABLE = tables.idempotency


@dataclass(frozen=True, slots=True)
class _Claim:
    """Whose key, which key, and the digest of the request that it stands for."""

    actor: str
    key: str
    request: bytes


class Idempotency:
    """Answers a repeated request with the first one's answer. Thread-safe."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    async def once(
        self,
        actor: str,
        key: str,
        request: StrictRequest,
        handle: Callable[[], Awaitable[Response]],
    ) -> Response:
        """Handle a request unless it was handled before.

        Raises InvalidInput for a key that belongs to another request, Conflict while the first one
        is under way.
        """
        if not _KEY.fullmatch(key):
            raise InvalidInput(f"{HEADER} has 1 to 255 visible ASCII characters")
        claim = _Claim(actor, key, _digest(request, await request.body()))
        earlier = await run_in_threadpool(self._claim, claim)
        if earlier is not None:
            return earlier
        succeeded = False
        try:
            response = await handle()
            succeeded = response.status_code < 300
        finally:
            if not succeeded:
                await run_in_threadpool(self._release, claim)
        if succeeded:
            await run_in_threadpool(self._keep, claim, response)
        return response

    def _claim(self, claim: _Claim) -> Response | None:
        """Claim the key; return the answer there is for it already, if there is one."""
        now = self._clock()

        def job(connection: Connection) -> Row[Any] | None:
            row = connection.execute(select(_TABLE).where(_mine(claim))).one_or_none()
            fresh = {"request": claim.request, "status": _IN_FLIGHT, "body": "", "created_at": now}
            if row is None:
                owner = {"api_key": claim.actor, "key": claim.key}
                connection.execute(insert(_TABLE).values(owner | fresh))
                return None
            left = row.status == _IN_FLIGHT and row.created_at < now - timedelta(seconds=LEASE_S)
            if left and row.request == claim.request:
                connection.execute(update(_TABLE).where(_mine(claim)).values(fresh))
                return None
            return row

        row = self._store.write(job).result()
        if row is None:
            return None
        if row.request != claim.request:
            raise InvalidInput(
                f"this {HEADER} was used for another request", advice="Use a fresh key."
            )
        if row.status == _IN_FLIGHT:
            raise Conflict(
                "the first request with this key is still under way",
                advice="Wait for its answer, then repeat.",
            )
        return Response(row.body, row.status, {REPLAYED: "true"}, media_type="application/json")

    def _keep(self, claim: _Claim, response: Response) -> None:
        values = {"status": response.status_code, "body": bytes(response.body).decode()}

        def job(connection: Connection) -> None:
            connection.execute(update(_TABLE).where(_mine(claim)).values(values))

        self._store.write(job).result()

    def _release(self, claim: _Claim) -> None:
        def job(connection: Connection) -> None:
            connection.execute(delete(_TABLE).where(_mine(claim), _TABLE.c.status == _IN_FLIGHT))

        self._store.write(job).result()


def _mine(claim: _Claim) -> Any:  # noqa: ANN401 - a clause of SQLAlchemy
    return (_TABLE.c.api_key == claim.actor) & (_TABLE.c.key == claim.key)


def _digest(request: StrictRequest, body: bytes) -> bytes:
    digest = hashlib.sha256()
    kind = request.headers.get("content-type", "")
    for part in (request.method, request.url.path, request.url.query, kind):
        digest.update(part.encode() + b"\0")
    digest.update(body)
    return digest.digest()
