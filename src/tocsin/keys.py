"""API keys: what a program shows to be let in. A key names a system, never a person.

Only the SHA-256 of a key is stored. A slow hash was rejected: it protects secrets that can be
guessed, and 256 random bits cannot. Whoever reads the database therefore gets in nowhere; whoever
can write it can.
"""

import hashlib
import hmac
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from tocsin.errors import InvalidInput, NotFound, Refused
from tocsin.recording import tables
from tocsin.recording.events import Event, Tag
from tocsin.recording.store import Store, record_in

PREFIX = "tocsin"
MAX_NAME_CHARS = 100

FRESH_S = 0.5
"""How old the copy of the keys in memory may be: a revocation acts everywhere within this time."""

_RECENT_S = 0.02
"""How old it may be when a key is not in it: another process may have made the key just now.
Guessing keys thus costs the database one look in this time, however fast they come."""

_TOKEN = re.compile(PREFIX + r"_([0-9a-f]{16})_[A-Za-z0-9_-]{43}")
_TABLE = tables.api_keys


class Scope(StrEnum):
    """What a key may do. Stored: values may be added, never renamed."""

    SCREEN = "screen"
    LISTS_READ = "lists:read"
    LISTS_WRITE = "lists:write"
    EVENTS_READ = "events:read"
    ACTIONS = "actions"
    ADMIN = "admin"


_SCOPES = frozenset(Scope)


def parse_scopes(words: Iterable[str]) -> frozenset[Scope]:
    """Read scopes in their text form. Raises InvalidInput that names the wrong one."""
    scopes = set()
    for word in words:
        try:
            scopes.add(Scope(word.strip()))
        except ValueError as error:
            known = ", ".join(Scope)
            raise InvalidInput(f"{word[:40]!r} is not a scope; there are {known}") from error
    return frozenset(scopes)


@dataclass(frozen=True, slots=True)
class Key:
    """An API key without its secret. Times are aware UTC."""

    id: str
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    def allows(self, scope: Scope) -> bool:
        """Whether the key may do this; `admin` may do everything."""
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def require(self, scope: Scope) -> None:
        """Raise Refused, naming the scope, unless the key may do this."""
        if not self.allows(scope):
            raise Refused(f"key {self.id} lacks the scope {scope}")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made. `token` is shown once and stored nowhere."""

    key: Key
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Copy:
    """The keys with their digests, by id, as they were at `read_at` of the monotonic clock."""

    read_at: float
    keys: dict[str, tuple[Key, bytes]]


class Keys:
    """The keys of this node. Thread-safe."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._copy = _Copy(float("-inf"), {})

    def create(
        self,
        name: str,
        scopes: Iterable[Scope],
        *,
        actor: str,
        expires_at: datetime | None = None,
    ) -> NewKey:
        """Make a key. Raises InvalidInput, Unavailable."""
        now = self._clock()
        key_id = secrets.token_hex(8)
        key = Key(key_id, _name(name), frozenset(scopes), now, expires_at, None)
        if not key.scopes:
            raise InvalidInput("a key without a scope could do nothing; give it one")
        if expires_at is not None and (expires_at.tzinfo is None or expires_at <= now):
            raise InvalidInput("a key's end must be an aware time in the future")
        token = f"{PREFIX}_{key_id}_{secrets.token_urlsafe(32)}"

        def job(connection: Connection) -> None:
            connection.execute(insert(_TABLE).values(_columns(key, _digest(token))))
            record_in(connection, _event(Tag.KEY_CREATED, key, actor, now))

        self._store.write(job).result()
        self._forget()
        return NewKey(key, token)

    def verify(self, token: str) -> Key:
        """Return the key that a token stands for. Raises Refused, Unavailable.

        Takes microseconds. A key that was revoked or has run out is refused within half a second
        in every process, at once in this one.
        """
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise _refused("this is not an API key of Tocsin")
        key, digest = self._find(match[1])
        # Compared in constant time: the id is public, the digest must not be found byte by byte.
        if not hmac.compare_digest(digest, _digest(token)):
            raise _refused("the API key is unknown")
        if key.revoked_at is not None:
            raise _refused(f"the API key {key.id} was revoked")
        if key.expires_at is not None and key.expires_at <= self._clock():
            raise _refused(f"the API key {key.id} has run out")
        return key

    def revoke(self, id: str, *, actor: str) -> Key:
        """Revoke a key for good; a second time changes nothing. Raises NotFound, Unavailable."""
        now = self._clock()

        def job(connection: Connection) -> Key:
            changed = connection.execute(
                update(_TABLE)
                .where(_TABLE.c.id == id, _TABLE.c.revoked_at.is_(None))
                .values(revoked_at=now)
            )
            row = connection.execute(select(_TABLE).where(_TABLE.c.id == id)).one_or_none()
            if row is None:
                raise NotFound(f"there is no key {id[:80]!r}", advice="See `tocsin keys list`.")
            if changed.rowcount == 1:
                record_in(connection, _event(Tag.KEY_REVOKED, _key(row), actor, now))
            return _key(row)

        revoked = self._store.write(job).result()
        self._forget()
        return revoked

    def all(self) -> tuple[Key, ...]:
        """Return every key, revoked ones too, oldest first. Raises Unavailable."""
        query = select(_TABLE).order_by(_TABLE.c.created_at, _TABLE.c.id)
        with self._store.read() as connection:
            return tuple(_key(row) for row in connection.execute(query))

    def _find(self, id: str) -> tuple[Key, bytes]:
        found = self._copied(FRESH_S).get(id) or self._copied(_RECENT_S).get(id)
        if found is None:
            raise _refused("the API key is unknown")
        return found

    def _copied(self, age_s: float) -> dict[str, tuple[Key, bytes]]:
        """Return all keys, read again where the copy is older. One thread reads, others wait."""
        with self._lock:
            # The time is taken before reading: what was revoked meanwhile is not thought fresher.
            now = self._monotonic()
            if now - self._copy.read_at > age_s:
                with self._store.read() as connection:
                    rows = connection.execute(select(_TABLE)).all()
                self._copy = _Copy(now, {row.id: (_key(row), row.digest) for row in rows})
            return self._copy.keys

    def _forget(self) -> None:
        with self._lock:
            self._copy = _Copy(float("-inf"), {})


def _name(name: str) -> str:
    if not 0 < len(name) <= MAX_NAME_CHARS or not name.isprintable():
        raise InvalidInput(f"a key's name has 1 to {MAX_NAME_CHARS} printable characters")
    return name


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _refused(message: str) -> Refused:
    return Refused(message, advice="Send a valid key as `Authorization: Bearer tocsin_…`.")


def _columns(key: Key, digest: bytes) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "digest": digest,
        "scopes": sorted(key.scopes),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
    }


def _key(row: Row[Any]) -> Key:
    # A scope that a newer Tocsin wrote grants nothing here.
    scopes = frozenset(Scope(word) for word in row.scopes if word in _SCOPES)
    return Key(row.id, row.name, scopes, row.created_at, row.expires_at, row.revoked_at)


def _event(tag: Tag, key: Key, actor: str, now: datetime) -> Event:
    until = key.expires_at.isoformat() if key.expires_at else None
    body = {"name": key.name, "scopes": sorted(key.scopes), "expires_at": until}
    return Event(now, tag, actor, key.id, body)
