"""Who asks, and may they: a key in a header, its scope, its share of requests.

Tokens are compared by `keys.py` and are never logged, stored or repeated in an answer.
"""

from starlette.types import Scope as AsgiScope

from tocsin.errors import Refused
from tocsin.keys import Keys, Scope
from tocsin.web.problems import TooMany, UnknownKey
from tocsin.web.rates import Rates

SHARE = "tocsin.share"
"""Where in the ASGI scope a caller's share is kept, for the headers of the answer."""

ACTOR = "tocsin.actor"
"""Where in the ASGI scope the caller's id is kept, for the record."""

ANONYMOUS = "hma"
"""The actor of a request without a key, on routes that the operator opened."""


class Guard:
    """Lets requests in. Used by the event loop's thread alone."""

    def __init__(self, keys: Keys, rates: Rates) -> None:
        self._keys = keys
        self._rates = rates

    def admit(self, scope: AsgiScope, needed: Scope, *, open_: bool = False) -> str:
        """Return the id of the key that asks. Raises UnknownKey, Refused, TooMany, Unavailable.

        With `open_`, a request that shows no key is let in as well.
        """
        token = _token(scope)
        actor = ANONYMOUS if open_ and not token else self._verified(token, needed)
        scope[ACTOR] = actor
        share = self._rates.take(actor)
        scope[SHARE] = share
        if share.wait_s:
            raise TooMany(f"more than {share.limit} requests a minute", wait_s=share.wait_s)
        return actor

    def _verified(self, token: str, needed: Scope) -> str:
        if not token:
            raise UnknownKey("this needs an API key")
        try:
            key = self._keys.verify(token)
        except Refused as error:
            raise UnknownKey(str(error)) from error
        key.require(needed)
        return key.id


def _token(scope: AsgiScope) -> str:
    """Find the token: `Authorization: Bearer …` (RFC 6750) before `X-API-Key`."""
    found = ""
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, token = value.decode("latin-1").partition(" ")
            if scheme.lower() == "bearer":
                return str(token.strip())
        elif name == b"x-api-key":
            found = value.decode("latin-1").strip()
    return found
