"""Changing the key of a member: at no moment is there none that counts, or one that is forgotten.

The next key is on the disk before the log hears of it; the log has it before it is used; it is used
before the old one is revoked; the old one goes last. The files say how far that is, and the outbox
what was said, so whoever was cut short goes on from there.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tocsin.entries.envelope import key_id
from tocsin.entries.statements import KeySaid
from tocsin.errors import Conflict, Refused, Unavailable
from tocsin.sharing.keys import MemberKeys, Which, raw
from tocsin.sharing.publishing import ATTEMPTS, Publisher
from tocsin.sharing.settings import Followed

_KNOWN = "exists"
"""What an exchange says of a key that was added before: nobody else can have ours."""

_REASON = "rotated"


@dataclass(frozen=True, slots=True)
class Rotated:
    """A key that was changed: the ids of both, in hex.

    `entries` are those in the log, the revocation last; `resumed`: it had been begun before.
    """

    key: str
    old: str
    entries: tuple[int, ...]
    resumed: bool


class Rotation:
    """Changes the key at one exchange. `publisher` publishes with a given key of ours.

    A key is revoked since the entry that says so. Since an earlier one is the operator's to say:
    it would revoke what the old key added, and that is the new key.
    """

    def __init__(
        self,
        keys: MemberKeys,
        followed: Followed,
        publisher: Callable[[Ed25519PrivateKey], Publisher],
    ) -> None:
        self._keys = keys
        self._name = followed.name
        self._member = followed.member
        self._publisher = publisher

    def run(self) -> Rotated:
        """Change the key. Raises Conflict, Refused, Unavailable, ConfigurationError."""
        with self._keys.alone():
            resumed = self._keys.changing(self._name)
            entries = []
            if not self._is_used():
                entries += self._add()
                self._keys.use_next(self._name)
            key, old = self._held(Which.PRESENT), self._held(Which.OLD)
            entries.append(self._revoke(key, old))
            self._keys.drop_old(self._name)
        return Rotated(_id(key), _id(old), tuple(entries), resumed)

    def _is_used(self) -> bool:
        """Whether the next key is the present one, and the old one not revoked yet."""
        old = self._keys.read(self._name, Which.OLD)
        # Linked, but not replaced: it was cut short between the two.
        return old is not None and not self._keys.uses(self._name, old)

    def _add(self) -> list[int]:
        present = self._held(Which.PRESENT)
        fresh = self._keys.read(self._name, Which.NEXT)
        fresh = fresh or self._keys.make(self._name, Which.NEXT)
        try:
            return [self._say(present, "add", fresh)]
        except Refused as error:
            if error.code == _KNOWN:
                return []
            raise Refused(
                f"the exchange refuses the new key: {error}; the present one goes on",
                advice=f"Ask its operator why; then `tocsin rotate {self._name}` goes on.",
                code=error.code,
            ) from error
        except Unavailable as error:
            raise self._cut_short("the new key is not in use yet", error) from error

    def _revoke(self, key: Ed25519PrivateKey, old: Ed25519PrivateKey) -> int:
        try:
            return self._say(key, "revoke", old)
        except Unavailable as error:
            message = "the new key is in use, but the old one not revoked yet"
            raise self._cut_short(message, error) from error

    def _say(
        self, key: Ed25519PrivateKey, action: Literal["add", "revoke"], about: Ed25519PrivateKey
    ) -> int:
        """Have the log say something of one key, signed with another; return the entry."""
        said = KeySaid(action=action, member=self._member, key=raw(about).hex(), reason=_REASON)
        with closing(self._publisher(key)) as publisher:
            for _ in range(ATTEMPTS):
                try:
                    return publisher.publish_once(said)
                except Conflict as error:
                    # A node that serves sends it too; then it is sealed, and one of us is second.
                    reason = str(error)
        raise Unavailable(reason)

    def _held(self, which: Which) -> Ed25519PrivateKey:
        key = self._keys.read(self._name, which)
        if key is None:
            raise Conflict(f"the file of our key at {self._name} ({which}) is gone")
        return key

    def _cut_short(self, where: str, error: Unavailable) -> Unavailable:
        again = f"Once it answers, `tocsin rotate {self._name}` goes on where this ended."
        return Unavailable(f"{where}: {error}", advice=again)


def _id(key: Ed25519PrivateKey) -> str:
    return key_id(raw(key)).hex()
