"""An invitation: all that a new member needs to know of an exchange, as one link.

    https://exchange.example/join#key=exchange.example%2Flog%2B1f…&member=alice&token=Zk3…

What is behind `#` is never sent to a server by a browser. The token is a secret, for once; the key
is what the new member pins, so the link must come by a way that it trusts.
"""

from dataclasses import dataclass
from urllib.parse import parse_qs, quote, urlsplit

from tocsin.errors import InvalidInput
from tocsin.exchange.errors import Malformed
from tocsin.exchange.keys import PublicKey

_END = "/join"
_FIELDS = {"key", "member", "token"}
_MAX_CHARS = 2000


@dataclass(frozen=True, slots=True)
class Invitation:
    """`url`: where the exchange is reached; `key`: its log's public key; `member`: one's id."""

    url: str
    key: PublicKey
    member: str
    token: str

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.key.name

    @property
    def link(self) -> str:
        """The link. A secret."""
        fields = {"key": str(self.key), "member": self.member, "token": self.token}
        told = "&".join(f"{name}={quote(value, safe='')}" for name, value in fields.items())
        return f"{self.url}{_END}#{told}"

    @classmethod
    def parse(cls, link: str) -> "Invitation":
        """Read a link. Raises InvalidInput."""
        link = link.strip()
        try:
            parts = urlsplit(link[:_MAX_CHARS])
        except ValueError as error:
            raise InvalidInput(f"this is not an address: {error}") from error
        fields = parse_qs(parts.fragment, strict_parsing=False)
        whole = fields.keys() == _FIELDS and all(len(one) == 1 for one in fields.values())
        if parts.scheme not in {"http", "https"} or not parts.path.endswith(_END) or not whole:
            raise InvalidInput("this is not an invitation", advice="Copy the whole link.")
        try:
            key = PublicKey.parse(fields["key"][0])
        except Malformed as error:
            raise InvalidInput(f"the invitation's key cannot be read: {error}") from error
        url = link.partition("#")[0].removesuffix(_END)
        return cls(url, key, fields["member"][0], fields["token"][0])
