"""Whom a reader trusts: logs, witnesses, and how many of them it takes (C2SP tlog-policy).

    log example.com/log+8c1f4a2e+AT…
    witness platform example.org/w+52d0c3aa+BE…
    witness university example.edu/w+77aa01c2+BE…
    group both all platform university
    quorum both

Everything that is not said is refused: a policy without a quorum line, without a log, with a group
that nobody can satisfy. `quorum none` must be written to be meant.
"""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from tocsin.exchange.checkpoint import SignedCheckpoint, open_checkpoint
from tocsin.exchange.errors import Malformed, Unverified
from tocsin.exchange.keys import Algorithm, PublicKey

MAX_POLICY_BYTES = 1_000_000
MAX_GROUPS = 256
"""Bounds how deep groups can stand in groups; the specification asks for at least 32."""

_NONE = "none"
_DECIMAL = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class Group:
    """Satisfied when at least `threshold` of its members are."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """Read by `parse`. Names have no meaning outside of it; `quorum` is one of them, or "none"."""

    logs: tuple[PublicKey, ...]
    witnesses: Mapping[str, PublicKey]
    groups: Mapping[str, Group]
    quorum: str

    @classmethod
    def parse(cls, raw: bytes) -> "Policy":
        """Read a policy file. Raises Malformed with the number of the line that is wrong."""
        if len(raw) > MAX_POLICY_BYTES:
            raise Malformed(f"a policy has at most {MAX_POLICY_BYTES} bytes, not {len(raw)}")
        reading = _Reading()
        for number, words in _lines(raw):
            try:
                reading.read(words)
            except Malformed as error:
                raise Malformed(f"line {number} of the policy: {error}") from error
        return reading.finish()

    def open(self, note: bytes) -> SignedCheckpoint:
        """Verify a checkpoint: signed by one of the logs, cosigned by the quorum.

        Raises Malformed, Forged, and Unverified also where signatures are too few.
        """
        if not self.logs:
            raise Unverified("the policy names no log, so no checkpoint can satisfy it")
        witnesses = self.witnesses.values()
        signed = open_checkpoint(note, [*self.logs, *witnesses])
        keys = {one.key for one in signed.verified}
        # A witness that bears the log's name does not make its checkpoint.
        if not any(log in keys and log.name == signed.checkpoint.origin for log in self.logs):
            raise Unverified("none of the policy's logs has signed this checkpoint")
        cosigned = {name for name, key in self.witnesses.items() if key in keys}
        if not self.satisfied(cosigned):
            raise Unverified(
                f"the cosignatures of {', '.join(sorted(cosigned)) or 'nobody'} do not satisfy the "
                f"quorum {self.quorum!r}"
            )
        return signed

    def satisfied(self, cosigned: Set[str]) -> bool:
        """Whether these witnesses, by name, are enough."""
        return self.quorum == _NONE or self._witnessed(self.quorum, cosigned)

    def _witnessed(self, name: str, cosigned: Set[str]) -> bool:
        """Groups name only what stood before them, so this ends; the lines' number bounds it."""
        group = self.groups.get(name)
        if group is None:
            return name in cosigned
        return sum(self._witnessed(one, cosigned) for one in group.members) >= group.threshold


class _Reading:
    """A policy while its lines are read."""

    def __init__(self) -> None:
        self._logs: list[PublicKey] = []
        self._witnesses: dict[str, PublicKey] = {}
        self._groups: dict[str, Group] = {}
        self._members: set[str] = set()
        self._quorum = ""
        self._kinds = {
            "log": self._log,
            "witness": self._witness,
            "group": self._group,
            "quorum": self._set_quorum,
        }

    def read(self, words: Sequence[str]) -> None:
        kind, *rest = words
        if kind not in self._kinds:
            raise Malformed(f"{kind!r} is not one of {', '.join(self._kinds)}")
        self._kinds[kind](rest)

    def finish(self) -> Policy:
        if not self._quorum:
            raise Malformed("the policy has no quorum line; write `quorum none` if you mean none")
        return Policy(tuple(self._logs), self._witnesses, self._groups, self._quorum)

    def _log(self, words: list[str]) -> None:
        _count(words, 1, 2)
        key = _key(words[0], Algorithm.ED25519)
        if any(key.public == other.public for other in self._logs):
            raise Malformed("this log stands here already, perhaps under another name")
        self._logs.append(key)

    def _witness(self, words: list[str]) -> None:
        _count(words, 2, 3)
        key = _key(words[1], Algorithm.COSIGNATURE)
        if any(key.public == other.public for other in self._witnesses.values()):
            raise Malformed("this witness stands here already, perhaps under another name")
        self._witnesses[self._fresh(words[0])] = key

    def _group(self, words: list[str]) -> None:
        _count(words, 3, len(words))
        if len(self._groups) == MAX_GROUPS:
            raise Malformed(f"a policy has at most {MAX_GROUPS} groups")
        name, threshold, *members = words
        for member in members:
            self._check_known(member)
            if member in self._members:
                raise Malformed(f"{member!r} is a member of a group already")
            self._members.add(member)
        wanted = {"any": 1, "all": len(members)}.get(threshold)
        if wanted is None:
            if not _DECIMAL.fullmatch(threshold):
                raise Malformed(f"{threshold!r} is neither a number, nor `all`, nor `any`")
            wanted = int(threshold)
        if wanted > len(members):
            raise Malformed(f"{wanted} of {len(members)} members can never be reached")
        self._groups[self._fresh(name)] = Group(wanted, tuple(members))

    def _set_quorum(self, words: list[str]) -> None:
        _count(words, 1, 1)
        if self._quorum:
            raise Malformed("a policy has one quorum line")
        if words[0] != _NONE:
            self._check_known(words[0])
        self._quorum = words[0]

    def _fresh(self, name: str) -> str:
        if name == _NONE or name in self._witnesses or name in self._groups:
            raise Malformed(f"the name {name!r} is taken")
        return name

    def _check_known(self, name: str) -> None:
        if name not in self._witnesses and name not in self._groups:
            raise Malformed(f"no witness or group before this line is called {name!r}")


def _lines(raw: bytes) -> Iterator[tuple[int, list[str]]]:
    """Yield the words of each line that has any. Bytes above ASCII stay as they are, opaque."""
    # Latin-1 maps each byte to one character: names compare as the octets they are.
    text = raw.decode("latin-1")
    if any((c < " " and c not in "\t\n") or c == "\x7f" for c in text):
        raise Malformed("the policy contains a control character")
    if not text.endswith("\n"):
        raise Malformed("each line of a policy ends in a newline")
    for number, line in enumerate(text[:-1].split("\n"), start=1):
        # Not str.split(): it would also split at the bytes that Latin-1 calls spaces.
        words = [word for word in re.split(r"[ \t]+", line) if word]
        if words and not words[0].startswith("#"):
            yield number, words


def _key(text: str, algorithm: Algorithm) -> PublicKey:
    try:
        key = PublicKey.parse(text.encode("latin-1").decode())
    except UnicodeDecodeError as error:
        raise Malformed("a key's name is not UTF-8") from error
    if key.algorithm is not algorithm:
        raise Malformed(f"the key of {key.name} has type {key.algorithm}, not {algorithm}")
    return key


def _count(words: Sequence[str], least: int, most: int) -> None:
    if not least <= len(words) <= most:
        raise Malformed(f"{len(words)} words follow where {least} to {most} should")
