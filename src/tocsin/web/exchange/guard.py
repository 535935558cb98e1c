"""Who asks: a share of requests for each address and each member, and the key that signed.

A request is made out to the exchange's own address, the one in its settings. What a request says of
itself (`Host`, `Forwarded`) decides nothing, or another exchange could hand on what it was sent.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from ipaddress import ip_address
from typing import Protocol

from starlette.types import Scope

from tocsin.entries.envelope import key_id
from tocsin.entries.register import Register
from tocsin.entries.requests import Asked, Nonces, Received, Unsigned, canonical_url, verify
from tocsin.web.auth import ACTOR, SHARE
from tocsin.web.exchange.ringing import counts
from tocsin.web.problems import TooMany
from tocsin.web.rates import Rates

JOINS_PER_MINUTE = 60
"""How often an address may ask to join: anybody can make a key, and each leaves a nonce behind."""

_SITE_BITS = 64
"""What one customer has of IPv6: who has a whole network of addresses has one share."""


class Registry(Protocol):
    """What is asked of an exchange here."""

    @property
    def url(self) -> str:
        """The address that requests are made out to."""

    @property
    def nonces(self) -> Nonces:
        """The nonces that were used."""

    def register(self) -> Register:
        """Return the register as it is now, not to be changed."""

    def clock(self) -> datetime:
        """Return the time, aware UTC."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one party may ask for. `proxies`: addresses whose `X-Forwarded-For` is believed."""

    per_address_minute: int = 60_000
    per_member_minute: int = 60_000
    proxies: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Caller:
    """A member who asks, and with which key."""

    member: str
    asked: Asked


class AddressShares:
    """The share of each address. Used by the event loop's thread alone."""

    def __init__(self, limits: Limits) -> None:
        self._proxies = limits.proxies
        self._rates = Rates(limits.per_address_minute)

    def take(self, scope: Scope) -> None:
        """Count a request. Raises TooMany."""
        _take(self._rates, self.address(scope), scope)

    def address(self, scope: Scope) -> str:
        """Return whose share a request is of: an address, or a whole network of IPv6."""
        peer = str(scope["client"][0]) if scope.get("client") else ""
        if peer in self._proxies:
            told = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
            # The last one was written by the proxy itself; all before it by whoever liked to.
            peer = told[-1].decode("latin-1").rpartition(",")[2].strip() if told else peer
        return _site(peer)


class Guard:
    """Lets requests in. Used by the event loop's thread alone."""

    def __init__(self, registry: Registry, limits: Limits) -> None:
        self._registry = registry
        self._url = canonical_url(registry.url)
        self._addresses = AddressShares(limits)
        self._joins = AddressShares(replace(limits, per_address_minute=JOINS_PER_MINUTE))
        self._members = Rates(limits.per_member_minute)

    def greet(self, scope: Scope) -> None:
        """Count a request of an address. Raises TooMany."""
        self._addresses.take(scope)

    def admit(self, scope: Scope) -> Caller:
        """Return the member who signed the head of a request. Raises Unsigned, TooMany."""
        asked = self.verify(scope, self._key_of)
        member = self._registry.register().owners[asked.key]
        scope[ACTOR] = member
        _take(self._members, member, scope)
        return Caller(member, asked)

    def prove(self, scope: Scope, public: bytes) -> Asked:
        """Check that a request is signed by this key, which is nobody's yet.

        Raises Unsigned, TooMany.
        """
        self._joins.take(scope)
        name = key_id(public).hex()

        def key_of(claimed: str) -> bytes:
            if claimed != name:
                raise Unsigned("the request is not signed with its own key", code="unknown_key")
            return public

        return self.verify(scope, key_of)

    def asker(self, scope: Scope) -> str:
        """Return the member who asks, or for a stranger the address, which no member is called."""
        return str(scope.get(ACTOR) or f"[{self._addresses.address(scope)}]")

    def is_signed(self, scope: Scope) -> bool:
        """Whether a request claims to be a member's."""
        return self._received(scope).signed

    def verify(self, scope: Scope, key_of: Callable[[str], bytes]) -> Asked:
        """Verify the head of a request under the keys that `key_of` knows. Raises Unsigned."""
        registry = self._registry
        now = registry.clock()
        return verify(self._received(scope), key_of=key_of, nonces=registry.nonces, now=now)

    def _received(self, scope: Scope) -> Received:
        query = scope["query_string"].decode("latin-1")
        target = scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
        lines = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in scope["headers"]]
        return Received(scope["method"], self._url + target, lines)

    def _key_of(self, claimed: str) -> bytes:
        """Return a member's key. It must count for the next entry."""
        register = self._registry.register()
        owner = register.owners.get(claimed)
        if owner is None:
            raise Unsigned("no member has this key", code="unknown_key")
        if not counts(register, claimed):
            raise Unsigned("this key was revoked", code="revoked_key")
        return register.members[owner].keys[claimed].public


def _take(rates: Rates, who: str, scope: Scope) -> None:
    share = rates.take(who)
    scope[SHARE] = share
    if share.wait_s:
        raise TooMany(f"more than {share.limit} requests a minute", wait_s=share.wait_s)


def _site(address: str) -> str:
    """Return what shares its share with nobody else."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "unknown"
    if parsed.version == 4:
        return address
    mapped = parsed.ipv4_mapped
    return str(mapped) if mapped else str(int(parsed) >> _SITE_BITS)
