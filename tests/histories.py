"""Whole logs of an exchange made at random: one seed gives one log.

Most is said by who may say it, or nothing would follow from anything; the rest is said by others,
with other keys, out of place, or is broken. The maker reads all, and so knows whose turn it is.
"""

import json
from dataclasses import replace
from random import Random

from ledger import ORIGIN, PARTIES, START, id_of, item, join, private_key, public_key
from payloads import changed
from record import MAKE
from tocsin.entries.envelope import Position, seal
from tocsin.entries.parties import Role
from tocsin.entries.register import Register
from tocsin.entries.statements import TYPES, moment, write

HOUR = 3_600_000
DAY = 24 * HOUR
"""In milliseconds, as leaves have them."""

LAST_MS = 253_402_300_799_999
MAX = 2**53 - 1
FOUNDER, SECOND = "industry", "deputy"
NAMES = (FOUNDER, SECOND, *(name for name in PARTIES if name != FOUNDER))
ROLES = {SECOND: ("operator",)} | {name: tuple(party[2]) for name, party in PARTIES.items()}
KEYS = {id_of(key): key for name in NAMES for key in (name, *(f"{name}-{n}" for n in range(4)))}
WEAK = "ec" + "ff" * 30 + "7f"
NO_POINT = "22" * 32

SPEAKERS = {
    "member": (FOUNDER, SECOND),
    "group": (FOUNDER, SECOND),
    "rule": (FOUNDER, SECOND),
    "approve": ("police", "rescue", "rights", "watch"),
    "assert": ("tube", "chat", "police"),
    "opinion": ("tube", "chat", "rights"),
    "retract": ("tube", "chat", "police"),
    "supersede": ("tube", "chat", "police"),
    "erase": ("tube", "chat", FOUNDER),
    "incident": ("police", "rescue"),
}
"""Who says each type if all goes well; where nobody is named, anybody."""

TOPICS = {
    "anything": dict.fromkeys(TYPES, 1) | {"assert": 3, "approve": 3},
    "keys": {"key": 8, "member": 1, "assert": 2},
    "crises": {"incident": 4, "approve": 6, "assert": 4, "group": 1, "rule": 1},
    "members": {"member": 6, "rule": 2, "approve": 6, "key": 1},
    "items": {"assert": 6, "opinion": 2, "retract": 2, "supersede": 3, "erase": 3, "erased": 2},
}
"""What a log is mostly about, with weights."""

OUT_OF_PLACE = ("gap", "far", "replay", "previous")
ALTERED = ("signature", "length", "version", "bucket", "flags", "then", "never")
CONTENTS = ("withheld", "wrong", "short", "other")
FAULTS = OUT_OF_PLACE + ALTERED + CONTENTS


class History:
    """A log of `length` entries or a few more: `rows` of leaf, content and audience."""

    def __init__(self, seed: int, length: int = 80) -> None:
        self.rnd = Random(seed)
        self.register = Register(ORIGIN)
        self.rows: list[tuple[bytes, bytes, str]] = []
        self.leaves = []
        self.at = moment(START) * 1000
        self.topic = self.pick(*TOPICS)
        self.faulty = self.pick(0.02, 0.1)
        self._found()
        while len(self.rows) < length:
            self._step()

    def pick(self, *some):
        return self.rnd.choice(some)

    def maybe(self, share: float) -> bool:
        return self.rnd.random() < share

    # Who speaks

    def _found(self) -> None:
        if self.maybe(0.07):
            self._fail_to_found()
        self.say(FOUNDER, _said(join(FOUNDER)))
        for name in NAMES[1:]:
            if self.maybe(0.85):
                self._admit(name)

    def _fail_to_found(self) -> None:
        """Begin with what may found no exchange, after which there is none."""
        said = _said(join(FOUNDER)) | self.pick(
            {}, {"kind": "platform"}, {"action": "role"}, {"roles": ["operator", "steward"]},
            {"roles": ["reader"]}, {"key": public_key("tube")}, {"key": WEAK}, {"key": None},
        )  # fmt: skip
        self.say(FOUNDER, said, fault=self.pick("", *FAULTS))

    def _admit(self, name: str) -> None:
        """Let one join, and a steward approve what it must."""
        roles = [Role(one) for one in ROLES[name]]
        self.say(FOUNDER, _said(join(name, tuple(roles))))
        if name not in self.register.members:
            self.say(FOUNDER, _said(join(name, (Role.READER,))))
            self.say(FOUNDER, {"type": "member", "action": "role", "member": name, "roles": roles})
            of = len(self.rows) - 1
            self.say("rights", {"type": "approve", "of": of, "audience": "public"})

    def _step(self) -> None:
        """Let time go by, and somebody say something."""
        if self.topic == "crises":
            self.at += self.pick(0, 1000, HOUR, 3 * HOUR)
        else:
            self.at += self.pick(0, 0, 0, 1, 999, 1000, HOUR, 5 * HOUR, DAY, 7 * DAY, -1000)
        weights = TOPICS[self.topic if self.maybe(0.9) else "anything"]
        kind = self.rnd.choices([*weights], [*weights.values()])[0]
        if kind == "approve" and not self.register.requests and self.maybe(0.8):
            kind = self.pick(*weights)
        able = SPEAKERS.get(kind, NAMES) if self.maybe(0.85) else NAMES
        by = self.pick(*([one for one in able if one in self.register.members] or NAMES))
        said = {"type": kind} | getattr(self, f"_{kind}")(by)
        fault = self.pick(*FAULTS) if self.maybe(self.faulty) else ""
        self.say(by, said, self._key_of(by), fault)

    def _key_of(self, by: str) -> str:
        """Choose a key: mostly one that counts, sometimes one that did, or another's."""
        member = self.register.members.get(by)
        if member is None or self.maybe(0.03):
            return self.pick(*KEYS.values())
        held = [KEYS[one] for one in member.keys if one in KEYS]
        alive = [KEYS[id_of(one)] for one in held if member.keys[id_of(one)].revoked_since is None]
        return self.pick(*(alive if alive and self.maybe(0.93) else held or [by]))

    # What is said

    def _member(self, by: str) -> dict:
        action = self.pick("join", "join", *["role"] * 3, "suspend", *["reinstate"] * 2, "leave")
        known = action != "join" or self.maybe(0.2)
        name = self.pick(*NAMES) if known else f"guest-{self.rnd.randrange(5)}"
        said = {"action": action, "member": name}
        if action == "join" or self.maybe(0.04):
            key = self.pick(name, name, *KEYS.values())
            said["key"] = self.pick(*[public_key(key)] * 8, WEAK, NO_POINT, None)
            said["kind"] = self.pick("platform", "platform", "operator", None)
        if action in {"join", "role"} or self.maybe(0.1):
            usual = ROLES.get(name, ("reader",))
            said["roles"] = self.pick(
                usual, usual, ["reader"], ["reader", "reader"], [], ["operator"], ["steward"],
                ["operator", "steward"], ["auditor", "reader"], ["auditor", "reviewer"],
                ["contributor", "reviewer", "steward", "coordinator"],
            )  # fmt: skip
        return said

    def _key(self, by: str) -> dict:
        owner = by if self.maybe(0.85) else self.pick(*NAMES)
        own = [public_key(f"{owner}-{n}") for n in range(4)]
        key = self.pick(*own, *own, *own, public_key(owner), public_key(self.pick(*NAMES)), WEAK)
        said = {"action": "add", "member": owner, "key": key}
        member = self.register.members.get(owner)
        if member and self.maybe(0.3):
            held = [one.public.hex() for one in member.keys.values()]
            said |= {"action": "revoke", "key": self.pick(*held, *held, key)}
        if self.maybe(0.5):
            here = len(self.rows)
            since = (here, here + 1, here - 1, here - self.rnd.randrange(20), 0, MAX)
            said["since"] = max(0, self.pick(*since))
        return said

    def _group(self, by: str) -> dict:
        audience = self.pick(*["north"] * 4, "south", "members", "public")
        known = sorted(self.register.members)
        members = self.rnd.sample(known, self.rnd.randint(0, len(known)))
        return {
            "audience": audience,
            "members": members + self.pick(*[[]] * 6, ["nobody"], members),
        }

    def _rule(self, by: str) -> dict:
        every = {
            "incident_approvals": (1, 2), "rule_approvals": (1, 2), "suspend_approvals": (0, 1, 2),
            "max_ttl_days": (1, 30, 3650), "incident_hours": (1, 24, 720),
            "incident_ttl_hours": (1, 24, 720), "flood_reports": (1, 1000),
        }  # fmt: skip
        rules = {name: self.pick(*some) for name, some in every.items() if self.maybe(0.4)}
        return {"rules": rules, "reason": "agreed"}

    def _approve(self, by: str) -> dict:
        waiting = sorted(self.register.requests)
        of = self.pick(*waiting) if waiting and self.maybe(0.9) else self._earlier("rule")
        audience = self.rows[of][2] if of < len(self.rows) and self.maybe(0.93) else "members"
        return {"of": of, "audience": audience}

    def _assert(self, by: str) -> dict:
        sec = self.at // 1000
        hours = (0, 1, 24, 72, 30 * 24, 365 * 24, 3650 * 24)
        ends = (None, 0, sec - 1, sec + 1, *(sec + hour * 3600 for hour in hours))
        usual = sec + self.pick(1800, 20 * 3600)
        said = _said(item()) | {
            "audience": self._audience(),
            "note": self.pick("", "Café, 你好\n😀"),
        }
        said["expires_at"] = self.pick(usual, usual, *ends, sec + 365 * 24 * 3600 + 1)
        said["list"] = self.pick("block", "block", "block", "allow")
        opened = [name for name, one in self.register.incidents.items() if one.opened_at]
        if self.maybe(0.4 if opened else 0.03):
            said["incident"] = self.pick(*opened, *opened, *self.register.incidents, "unheard-of")
        return said

    def _opinion(self, by: str) -> dict:
        view = self.pick("confirm", "dispute", "saw", "flood")
        return {"of": self._earlier("assert"), "opinion": view, "audience": self._audience()}

    def _retract(self, by: str) -> dict:
        return {"of": self._earlier("assert"), "reason": "x", "audience": self._audience()}

    def _supersede(self, by: str) -> dict:
        return self._retract(by) | {"by": self._earlier("assert")}

    def _erase(self, by: str) -> dict:
        return {"of": self._earlier("assert", "opinion", "erase"), "reason": "error"}

    def _erased(self, by: str) -> dict:
        return {"of": self._earlier("erase")}

    def _incident(self, by: str) -> dict:
        action = self.pick(*["open"] * 3, "extend", "extend", "update", "close", "decline")
        known = [*self.register.incidents]
        new = action in {"open", "decline"} or not known
        name = f"crisis-{self.rnd.randrange(9)}" if new or self.maybe(0.1) else self.pick(*known)
        said = {"action": action, "incident": name, "reason": "x"}
        of = self.register.incidents.get(name)
        said["audience"] = of.audience if of and self.maybe(0.8) else self._audience()
        if self.maybe(0.95 if new else 0.2):
            said |= {"kind": "awareness", "title": self.pick(*["T"] * 9, "")}
        if self.maybe(0.95 if action in {"open", "extend"} else 0.2):
            ends = (0, -1, 1, 3600, 24 * 3600, 72 * 3600, 72 * 3600 + 1)
            said["ends_at"] = self.at // 1000 + self.pick(*ends)
        return said

    def _earlier(self, *kinds: str) -> int:
        """Return where an entry of these types stands, mostly; else any place, or none."""
        numbers = {int(TYPES[one]) for one in kinds}
        found = [at for at, leaf in enumerate(self.leaves) if leaf and leaf.type in numbers]
        here = len(self.rows)
        strange = (0, here - 1, here, here + 1, MAX, self.rnd.randrange(here))
        return self.pick(*(found[-8:] if found and self.maybe(0.93) else strange))

    def _audience(self) -> str:
        return self.pick(*["members"] * 6, *["public"] * 2, *["north"] * 2, "south")

    # How it is said

    def say(self, by: str, said: dict, key: str = "", fault: str = "") -> None:
        """Put an entry into the log, with a fault or without."""
        payload = changed(self.rnd, said) if self.maybe(self.faulty / 2) else _written(said)
        kind = TYPES[said["type"]]
        if self.maybe(0.02):
            kind = self.pick(0, 77, 255, *TYPES.values())
        after = self._place(self.register.positions.get(by, Position()), fault)
        secret, nonce = private_key(key or by), self.rnd.randbytes(32)
        urgent = self.maybe(0.2)
        parcel = seal(
            payload, kind, origin=ORIGIN, after=after, key=secret, nonce=nonce, urgent=urgent
        )
        leaf = self._altered(replace(parcel.envelope, received_ms=self.at).encode(), fault)
        content = self._content(nonce + payload, fault)
        public = said["type"] in {"member", "key", "rule", "erase"}
        audience = said.get("audience", "public" if public else "members")
        if self.maybe(0.03):
            audience = self.pick("public", "members", "north")
        self._take(leaf, content, audience)

    def _place(self, after: Position, fault: str) -> Position:
        sequences = {"gap": after.sequence + 1, "far": 2**64 - 2}
        sequences["replay"] = max(after.sequence - 1, 0)
        digest = bytes(31) + b"x" if fault == "previous" else after.digest
        return Position(sequences.get(fault, after.sequence), digest)

    def _altered(self, leaf: bytes, fault: str) -> bytes:
        at = self.rnd.randrange(100, len(leaf))
        times = {"then": bytes(8), "never": (LAST_MS + self.pick(0, 1)).to_bytes(8, "big")}
        return {
            "signature": leaf[:at] + bytes([leaf[at] ^ 1]) + leaf[at + 1 :],
            "length": leaf[:at],
            "version": b"\2" + leaf[1:],
            "bucket": leaf[:2] + bytes([self.pick(0, 15, 16)]) + leaf[3:],
            "flags": leaf[:3] + bytes([self.pick(1, 2)]) + leaf[4:],
        }.get(fault, leaf[:4] + times[fault] + leaf[12:] if fault in times else leaf)

    def _content(self, content: bytes, fault: str) -> bytes:
        return {
            "withheld": b"",
            "wrong": content[:-1] + b" ",
            "short": content[: self.pick(1, 31, 32, 33)],
            "other": self.rows[-1][1] if self.rows else b"",
        }.get(fault, content)

    def _take(self, leaf: bytes, content: bytes, audience: str) -> None:
        def lookup(index: int):
            return self.leaves[index] if index < len(self.leaves) else None

        self.rows.append((leaf, content, audience))
        self.leaves.append(MAKE.take(self.register, len(self.leaves), leaf, content, lookup)[1])


def _said(statement) -> dict:
    return json.loads(write(statement))


def _written(said: dict) -> bytes:
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
