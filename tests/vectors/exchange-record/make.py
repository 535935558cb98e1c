"""Writes the vectors of docs/spec/exchange-record.md, which are kept so that others can use them.

    PYTHONPATH=tests python tests/vectors/exchange-record/make.py

All keys are made from fixed seeds, all nonces from numbers: they protect nothing.
Time stands still. `texts` has the examples of the specification, as they stand in it.
"""

import base64
import json
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import (
    ORIGIN,
    START,
    Ledger,
    id_of,
    item,
    join,
    nonce,
    private_key,
    public_key,
    role,
)
from tocsin.entries import canonical, requests, statements
from tocsin.entries.applying import apply, pass_over
from tocsin.entries.envelope import EntryType, Envelope, Parcel, Position, seal
from tocsin.entries.judging import Barred, judge
from tocsin.entries.parties import EXCLUSIVE, Kind, Role
from tocsin.entries.register import Register
from tocsin.entries.statements import (
    Approve,
    Assert,
    Basis,
    Erase,
    Erased,
    GroupSaid,
    IncidentSaid,
    IncidentType,
    KeySaid,
    MemberSaid,
    Opinion,
    Retract,
    Rules,
    RuleSaid,
    SignalSaid,
    Statement,
    Supersede,
    View,
    moment,
    write,
)
from tocsin.errors import InvalidInput
from tocsin.exchange.bundles import encode_bundle
from tocsin.exchange.checkpoint import Checkpoint
from tocsin.exchange.keys import Algorithm, SigningKey
from tocsin.exchange.merkle import CompactRange, leaf_hash
from tocsin.exchange.note import sign_note

HERE = Path(__file__).parent
URL = "https://exchange.example"
ORDER = 2**252 + 27742317777372353535851937790883648493
"""Of the group of Ed25519."""


def seed(name: str) -> str:
    return private_key(name).private_bytes_raw().hex()


# Payloads


EXAMPLES: tuple[Statement, ...] = (
    join("tube"),
    MemberSaid(action="suspend", member="tube", reason="silent for a year"),
    KeySaid(action="add", member="tube", key=public_key("tube-2")),
    KeySaid(action="revoke", member="tube", key=public_key("tube"), since=7, reason="stolen"),
    GroupSaid(audience="north", members=("chat", "tube")),
    RuleSaid(rules=Rules(incident_approvals=2), reason="agreed in March"),
    Approve(of=7, audience="public"),
    item(),
    Assert(
        list="allow",
        signals=(SignalSaid(type="url", value="https://news.example/report"),),
        basis=Basis(kind="terms", reference="journalism"),
        expires_at=None,
        audience="public",
        note="Café, 你好, مرحبا.\nA second line.",
    ),
    Opinion(of=7, opinion=View.DISPUTE, reason="a news report", own_media=True),
    Retract(of=7, reason="a mistake"),
    Supersede(of=7, by=8, reason="better signals"),
    Erase(of=7, reason="court-order", authority="a court"),
    Erased(of=9),
    IncidentSaid(
        action="open",
        incident="harbour",
        kind=IncidentType.PERPETRATOR_LIVESTREAM,
        title="Harbour",
        territories=("NL",),
        reason="a stream is being shared",
        ends_at=moment(START) + 86_400,
    ),
    IncidentSaid(action="close", incident="harbour", reason="over", counts={"removed": 12}),
)

LEAST = {
    EntryType.MEMBER: b'{"action":"leave","member":"tube","type":"member"}',
    EntryType.KEY: b'{"action":"revoke","key":"%s","member":"tube","type":"key"}' % (b"ab" * 32),
    EntryType.GROUP: b'{"audience":"north","members":[],"type":"group"}',
    EntryType.RULE: b'{"reason":"as at first","rules":{},"type":"rule"}',
    EntryType.APPROVE: b'{"of":1,"type":"approve"}',
    EntryType.ASSERT: b'{"basis":{"kind":"law","reference":""},"expires_at":null,'
    b'"signals":[{"type":"url","value":" "}],"type":"assert"}',
    EntryType.OPINION: b'{"of":1,"opinion":"saw","type":"opinion"}',
    EntryType.RETRACT: b'{"of":1,"reason":"\\n","type":"retract"}',
    EntryType.SUPERSEDE: b'{"by":1,"of":1,"reason":" ","type":"supersede"}',
    EntryType.ERASE: b'{"of":9007199254740991,"reason":"error","type":"erase"}',
    EntryType.ERASED: b'{"of":0,"type":"erased"}',
    EntryType.INCIDENT: b'{"action":"open","incident":"a","reason":"x","type":"incident"}',
}
"""Of each type a statement with all defaults left out."""

MOST = {
    EntryType.RULE: write(
        RuleSaid(
            rules=Rules(
                incident_approvals=10,
                rule_approvals=10,
                suspend_approvals=10,
                max_ttl_days=3650,
                incident_hours=720,
                incident_ttl_hours=720,
                asserts_per_day=10_000_000,
                flood_reports=1000,
            ),
            reason="\N{GRINNING FACE}" * 2000,
        )
    ),
    EntryType.ASSERT: write(
        item(
            signals=(SignalSaid(type="url", value="x" * 2048, quality=100),) * 2,
            labels=("\N{GRINNING FACE}" * 300,) * 20,
            territories=("DE",) * 250,
            vocabulary=2**53 - 1,
            incident="a" * 63,
            person="Ab_-" * 8,
        )
    ),
    EntryType.MEMBER: write(join("tube", (Role.READER,) * 7, jurisdiction="ZZ")),
}
"""Statements that are as large as they may be."""

LINK = SignalSaid(type="url", value="x" * 2048)

BAD_PAYLOADS = {
    "nothing": b"",
    "an array": b"[]",
    "keys out of order": b'{"type":"erased","of":1}',
    "a space": b'{"of":1, "type":"erased"}',
    "a key twice": b'{"of":1,"of":1,"type":"erased"}',
    "a float": b'{"of":1.0,"type":"erased"}',
    "an exponent": b'{"of":1e0,"type":"erased"}',
    "minus zero": b'{"of":-0,"type":"erased"}',
    "an integer of more than 53 bits": b'{"of":9007199254740992,"type":"erased"}',
    "a number in a string": b'{"of":"1","type":"erased"}',
    "true for a number": b'{"of":true,"type":"erased"}',
    "a number for true": b'{"of":1,"opinion":"saw","own_media":1,"type":"opinion"}',
    "a needless escape": b'{"of":1,"opinion":"s\\u0061w","type":"opinion"}',
    "half a surrogate pair": b'{"of":1,"reason":"\\ud800","type":"retract"}',
    "not UTF-8": b'{"of":1,"reason":"\xff","type":"retract"}',
    "a byte order mark": b'\xef\xbb\xbf{"of":1,"type":"erased"}',
    "a newline behind": b'{"of":1,"type":"erased"}\n',
    "a field that is not known": b'{"extra":1,"of":1,"type":"erased"}',
    "a field that is missing": b'{"of":1,"type":"retract"}',
    "a type that is not known": b'{"of":1,"type":"applaud"}',
    "no type": b'{"of":1}',
    "a value that is not known": b'{"of":1,"opinion":"meh","type":"opinion"}',
    "another audience than this type has": b'{"audience":"public","of":1,"type":"erased"}',
    "an audience in upper case": b'{"audience":"North","members":[],"type":"group"}',
    "a reason without a word": b'{"of":1,"reason":"","type":"retract"}',
    "a control character": b'{"of":1,"reason":"\xc2\x9b2J","type":"retract"}',
    "text that turns around": b'{"of":1,"reason":"\xe2\x80\xaetxt","type":"retract"}',
    "a key in upper case": b'{"action":"add","key":"'
    + b"AB" * 32
    + b'","member":"tube","type":"key"}',
    "no approval at all": b'{"reason":"x","rules":{"rule_approvals":0},"type":"rule"}',
    "a newline in a line": write(item()).replace(b'"evidence":""', b'"evidence":"a\\nb"'),
    "a rule above its bounds": b'{"reason":"x","rules":{"incident_hours":721},"type":"rule"}',
    "a group without its name": b'{"members":[],"type":"group"}',
    "another vocabulary of an incident": b'{"action":"open","incident":"a","reason":"x",'
    b'"type":"incident","vocabulary":2}',
    "true for a vocabulary": b'{"action":"open","incident":"a","reason":"x",'
    b'"type":"incident","vocabulary":true}',
    "a count below nothing": b'{"action":"close","counts":{"removed":-1},"incident":"a",'
    b'"reason":"x","type":"incident"}',
    "a count without a name": b'{"action":"close","counts":{"":1},"incident":"a",'
    b'"reason":"x","type":"incident"}',
    "an end left out": write(item()).replace(b'"expires_at":1774958400,', b""),
    "a moment after the year 9999": write(item()).replace(b"1774958400", b"253402300800"),
    "a signal without a value": write(item(signals=(LINK.model_copy(update={"value": ""}),))),
    "a signal that is too long": write(
        item(signals=(LINK.model_copy(update={"value": "x" * 2049}),))
    ),
    "a quality above 100": write(item()).replace(b'"quality":90', b'"quality":101'),
    "251 territories": write(item(territories=("DE",) * 251)),
    "a territory in lower case": write(item(territories=("de",))),
    "eight roles": write(join("tube").model_copy(update={"roles": (Role.READER,) * 8})),
    "a pseudonym with a point": b'{"of":1,"person":"j.doe","type":"approve"}',
    "a pseudonym of 33": b'{"of":1,"person":"%s","type":"approve"}' % (b"x" * 33),
    "a tab": b'{"of":1,"reason":"a\\tb","type":"retract"}',
    "a line separator": b'{"of":1,"reason":"a\xe2\x80\xa8b","type":"retract"}',
    "a name of 64": b'{"action":"leave","member":"%s","type":"member"}' % (b"a" * 64),
    "no signal": write(item()).replace(write(item()).split(b'"signals":')[1].split(b"]")[0], b"["),
    "too long": b'{"of":1,"reason":"' + b"x" * canonical.MAX_PAYLOAD_BYTES + b'","type":"retract"}',
}


def payloads() -> object:
    for name, raw in BAD_PAYLOADS.items():
        try:
            statements.parse(raw)
        except InvalidInput:
            continue
        raise AssertionError(f"{name} was read")
    return {
        "about": "payloads in base64; `type` is the number that their envelope has; all `invalid` "
        "are to be refused",
        "valid": [
            {"type": int(statements.entry_type(one)), "payload": encoded(write(one))}
            for one in EXAMPLES
        ]
        + [
            {"type": int(kind), "payload": encoded(raw)}
            for some in (LEAST, MOST)
            for kind, raw in some.items()
        ],
        "invalid": [{"fault": name, "payload": encoded(raw)} for name, raw in BAD_PAYLOADS.items()],
    }


def encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


# Envelopes


def sealed_examples() -> Iterator[tuple[str, Parcel]]:
    after = Position()
    for number, said in enumerate((EXAMPLES[7], EXAMPLES[9], EXAMPLES[10])):
        parcel = seal(
            write(said),
            statements.entry_type(said),
            origin=ORIGIN,
            after=after,
            key=private_key("tube"),
            nonce=nonce(number),
            urgent=number == 0,
        )
        yield "tube", Parcel(parcel.envelope.received(START), parcel.nonce, parcel.payload)
        after = Position(parcel.envelope.sequence, parcel.envelope.digest(ORIGIN))


def envelopes() -> object:
    examples = list(sealed_examples())
    leaf = examples[0][1].envelope
    raw = leaf.encode()
    larger = int.from_bytes(leaf.signature[32:], "little") + ORDER
    unsigned = {
        "a bit of the signature": replace(
            leaf, signature=bytes([leaf.signature[0] ^ 1]) + leaf.signature[1:]
        ),
        "the same signature with a larger s": replace(
            leaf, signature=leaf.signature[:32] + larger.to_bytes(32, "little")
        ),
        "another type": replace(leaf, type=17),
        "another flag": replace(leaf, flags=0),
        "another commitment": replace(leaf, commitment=bytes(32)),
        "another sequence": replace(leaf, sequence=2),
    }
    return {
        "about": "sealed entries of one key in order, in hex; then leaves that are none, and some "
        "whose signature does not verify under this key",
        "origin": ORIGIN,
        "seed": seed("tube"),
        "public": public_key("tube"),
        "key_id": id_of("tube"),
        "valid": [
            {
                "payload": encoded(parcel.payload),
                "nonce": parcel.nonce.hex(),
                "leaf": parcel.envelope.encode().hex(),
                "type": parcel.envelope.type,
                "bucket": parcel.envelope.bucket,
                "flags": parcel.envelope.flags,
                "received_ms": parcel.envelope.received_ms,
                "sequence": parcel.envelope.sequence,
                "previous": parcel.envelope.previous.hex(),
                "commitment": parcel.envelope.commitment.hex(),
                "signed": parcel.envelope.signed(ORIGIN).hex(),
                "digest": parcel.envelope.digest(ORIGIN).hex(),
            }
            for _, parcel in examples
        ],
        "malformed": [
            {"fault": fault, "leaf": leaf.hex()}
            for fault, leaf in {
                "163 bytes": raw[:-1],
                "165 bytes": raw + b"\0",
                "version 0": b"\0" + raw[1:],
                "version 2": b"\2" + raw[1:],
                "a bucket of 64 KiB": raw[:2] + b"\x10" + raw[3:],
                "an unknown flag": raw[:3] + b"\3" + raw[4:],
                "received after the year 9999": raw[:4] + b"\xff" * 8 + raw[12:],
            }.items()
        ],
        "unsigned": [
            {"fault": fault, "leaf": one.encode().hex()} for fault, one in unsigned.items()
        ],
        "weak_keys": [
            "00" * 32,
            "01" + "00" * 31,
            "01" + "00" * 30 + "80",
            "ec" + "ff" * 30 + "7f",
            "ee" + "ff" * 30 + "7f",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        ],
    }


# Histories


@dataclass
class Told:
    """A log's leaves and contents, as one writes them who may write anything."""

    ledger: Ledger
    rows: list[tuple[bytes, bytes]] = field(default_factory=list)
    audiences: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        return len(self.rows)

    def add(self, parcel: Parcel, audience: str = "public") -> int:
        """Put a leaf with its content into the log."""
        return self.put(parcel.envelope.encode(), parcel.nonce + parcel.payload, audience)

    def put(self, leaf: bytes, content: bytes = b"", audience: str = "public") -> int:
        self.rows.append((leaf, content))
        self.audiences.append(audience)
        rows = [(one, other, "public") for one, other in self.rows]
        self.ledger.register = follow(rows)[0]
        self.ledger.parcels = [None] * self.size
        return self.size - 1

    def say(self, member: str, said: Statement, key: str = "", **changes: object) -> int:
        """Let a member say something."""
        return self.add(self.ledger.parcel(member, said, key, **changes), said.audience)


def follow(rows: list[tuple[bytes, bytes, str]], reads: tuple[str, ...] = ("public",)):
    """Replay a log as the specification says; the contents of other audiences are not given."""
    register, codes, leaves = Register(ORIGIN), [], []

    def lookup(index: int) -> Envelope | None:
        return leaves[index] if index < len(leaves) else None

    for index, (leaf, content, audience) in enumerate(rows):
        code, envelope = take(register, index, leaf, content if audience in reads else b"", lookup)
        leaves.append(envelope)
        codes.append(code)
    return register, codes


def take(register: Register, index: int, leaf: bytes, content: bytes, lookup: Callable):
    """Judge and apply one entry; return its code, and what its leaf says if it is one."""
    try:
        envelope = Envelope.parse(leaf)
    except InvalidInput:
        pass_over(register, index)
        return "malformed", None
    statement, fault = _read(envelope, content)
    public = register.public_key(envelope)
    if index == 0 and isinstance(statement, MemberSaid) and statement.key:
        public = bytes.fromhex(statement.key)
    judgement = judge(register, index, envelope, statement, lookup)
    code = judgement.code if isinstance(judgement, Barred) else ""
    if code in {"unknown_key", "unfounded"}:
        pass
    elif public is None or not envelope.is_signed_by(public, ORIGIN):
        judgement = Barred("bad_signature", "")
    elif fault and (not code or (code, fault) == ("withheld", "unreadable")):
        judgement = Barred(fault, "")
    apply(register, index, envelope, statement, judgement)
    return (judgement.code if isinstance(judgement, Barred) else "allowed"), envelope


def _read(envelope: Envelope, content: bytes) -> tuple[Statement | None, str]:
    """Read what an entry says, if it is ours; else say what is wrong with it."""
    if content and not envelope.opens(content[:32], content[32:]):
        return None, "not_opening"
    if not content or envelope.type not in set(EntryType):
        return None, ""
    try:
        return statements.parse(content[32:]), ""
    except InvalidInput:
        return None, "unreadable"


def told(*parties: str) -> Told:
    """Begin a history: the operator founds the exchange and admits these."""
    history = Told(Ledger())
    history.say("industry", join("industry"))
    for name in parties:
        history.say("industry", join(name))
    return history


def an_ordinary_day() -> Told:
    day = told("tube", "chat", "rights", "court")
    old = day.say("tube", item())
    day.say("chat", Opinion(of=old, opinion=View.CONFIRM, own_media=True))
    day.say("rights", Opinion(of=old, opinion=View.DISPUTE, reason="a news report"))
    new = day.say("tube", item(severity=2))
    day.say("tube", Supersede(of=old, by=new, reason="better signals"))
    day.say("chat", Retract(of=new, reason="not mine"))
    day.say("tube", Retract(of=new, reason="a mistake"))
    erased = day.say("tube", Erase(of=old, reason="data-protection"))
    day.say("chat", Erased(of=erased))
    day.say("industry", item())
    day.say("court", Opinion(of=old, opinion=View.CONFIRM))
    day.say("tube", Opinion(of=old, opinion=View.CONFIRM))
    day.say("industry", Erase(of=0, reason="error"))
    day.say("tube", item(expires_at=None))
    day.say("tube", item(days=366))
    return day


def a_stolen_key() -> Told:
    theft = told("tube", "chat")
    theft.say("tube", KeySaid(action="add", member="tube", key=public_key("tube-2")))
    since = theft.say("tube", item(note="by the thief"))
    theft.say("tube", KeySaid(action="add", member="tube", key=public_key("thief")))
    theft.say("tube", item(note="by the thief, with a key of its own"), "thief")
    theft.say("chat", KeySaid(action="revoke", member="tube", key=public_key("tube")))
    said = KeySaid(action="revoke", member="tube", key=public_key("tube"), since=since)
    theft.say("tube", said, "tube-2")
    theft.say("tube", item(note="too late"), "tube")
    theft.say("tube", item(note="too late as well"), "thief")
    theft.say("tube", item(note="by its owner"), "tube-2")
    theft.say("industry", KeySaid(action="add", member="tube", key=public_key("backdoor")))
    theft.say("tube", KeySaid(action="add", member="tube", key="01" + "00" * 31), "tube-2")
    return theft


def incident(action: str, hours: int | None = None, **changes: object) -> IncidentSaid:
    ends_at = None if hours is None else moment(START + timedelta(hours=hours))
    said = IncidentSaid(
        action=action,
        incident="harbour",
        kind=IncidentType.PERPETRATOR_LIVESTREAM,
        title="Harbour",
        reason="a stream is being shared",
        ends_at=ends_at,
    )
    return said.model_copy(update=changes)


def a_crisis() -> Told:
    crisis = told("tube", "police", "rescue")
    asked = crisis.say("police", incident("open", 24))
    early = item(START, 1, incident="harbour")
    crisis.say("tube", early)
    crisis.say("police", Approve(of=asked))
    crisis.say("tube", Approve(of=asked))
    crisis.say("rescue", Approve(of=asked))
    crisis.say("tube", early, urgent=True)
    crisis.say("tube", item(START, 4, incident="harbour"))
    crisis.ledger.wait(hours=23)
    longer = crisis.say("rescue", incident("extend", 72))
    crisis.say("police", Approve(of=longer))
    late = crisis.say("police", incident("extend", 80))
    crisis.ledger.wait(hours=50)
    crisis.say("tube", item(crisis.ledger.at, 1, incident="harbour"))
    crisis.say("rescue", Approve(of=late))
    crisis.say("police", incident("update", reason="it has ended by itself"))
    crisis.say("police", incident("decline", incident="bridge", reason="nothing was shared"))
    return crisis


def a_change_of_rules() -> Told:
    change = told("tube", "rights")
    change.say("industry", join("watch", (Role.READER,)))
    second = change.say("industry", role("watch", Role.STEWARD))
    change.say("rights", Approve(of=second, audience="public"))
    asked = change.say("industry", RuleSaid(rules=Rules(suspend_approvals=1), reason="four eyes"))
    change.say("industry", Approve(of=asked, audience="public"))
    change.say("rights", Approve(of=asked))
    change.say("rights", Approve(of=asked, audience="public"))
    change.say("watch", Approve(of=asked, audience="public"))
    suspend = change.say("industry", MemberSaid(action="suspend", member="tube"))
    change.say("tube", item())
    change.say("watch", Approve(of=suspend, audience="public"))
    change.say("tube", item())
    change.say(
        "industry", MemberSaid(action="role", member="rights", roles=(Role.OPERATOR, Role.STEWARD))
    )
    change.say("industry", MemberSaid(action="suspend", member="industry"))
    change.say("industry", MemberSaid(action="reinstate", member="tube"))
    change.say("tube", item())
    return change


def a_disguise() -> Told:
    """Who approves is not for the operator alone to say, once there is a steward."""
    attempt = told("tube", "police", "rights")
    attempt.say("industry", join("watch"))
    attempt.say("industry", join("rescue"))
    attempt.say("industry", join("watch", (Role.READER,)))
    steward = attempt.say("industry", role("watch", Role.STEWARD))
    attempt.say("watch", Approve(of=steward, audience="public"))
    attempt.say("police", Approve(of=steward, audience="public"))
    attempt.say("rights", Approve(of=steward, audience="public"))
    both = attempt.say("industry", role("watch", Role.STEWARD, Role.COORDINATOR))
    attempt.say("watch", Approve(of=both, audience="public"))
    attempt.say("industry", MemberSaid(action="suspend", member="police"))
    attempt.say("police", item())
    again = attempt.say("industry", MemberSaid(action="reinstate", member="police"))
    attempt.say("police", item())
    attempt.say("watch", Approve(of=again, audience="public"))
    attempt.say("police", item())
    for name in ("rights", "watch"):
        leaves = attempt.say("industry", MemberSaid(action="leave", member=name))
        attempt.say("watch", Approve(of=leaves, audience="public"))
    attempt.say("industry", join("rescue"))
    return attempt


def comings_and_goings() -> Told:
    """Who may join, what a member keeps that has left, and whose an entry is."""
    door = told("tube", "chat")
    early = door.say("rights", item(), "rights")
    door.say("chat", Opinion(of=early, opinion=View.CONFIRM))
    door.say("chat", Retract(of=early, reason="not mine"))
    door.say("industry", join("tube", (), key=None))
    door.say("industry", join("rights", (), key=public_key("tube")))
    door.say("industry", join("rights", key=public_key("tube")))
    door.say("industry", join("rights", (Role.AUDITOR, Role.REVIEWER), key="00" * 32))
    door.say("industry", join("rights", (Role.AUDITOR, Role.REVIEWER)))
    door.say("industry", join("rights", (Role.REVIEWER, Role.REVIEWER, Role.CONTRIBUTOR)))
    door.say("rights", Opinion(of=early, opinion=View.CONFIRM))
    left = MemberSaid(action="leave", member="rights", roles=(Role.OPERATOR, Role.AUDITOR))
    door.say("industry", left)
    door.say("rights", item())
    door.say("rights", KeySaid(action="add", member="rights", key=public_key("rights-2")))
    door.say("industry", GroupSaid(audience="north", members=("rights", "rights")))
    door.say("industry", MemberSaid(action="reinstate", member="rights"))
    door.say("rights", item(audience="north"))
    door.say("industry", MemberSaid(action="role", member="rights"))
    door.say("rights", KeySaid(action="add", member="rights", key=public_key("rights-2")))
    door.say("industry", MemberSaid(action="suspend", member="nobody", kind=Kind.PLATFORM))
    door.say("industry", MemberSaid(action="suspend", member="tube", kind=Kind.PLATFORM))
    door.say("industry", MemberSaid(action="leave", member="industry"))
    return door


def no_founding() -> Told:
    """Nobody is a member of an exchange whose first entry founds none."""
    nobody = Told(Ledger())
    nobody.say("industry", join("industry", kind=Kind.PLATFORM))
    nobody.say("industry", join("industry"))
    return nobody


def a_split() -> Told:
    """Wrong contents, or none, do not part the readers: leaves say whose chain goes on."""
    split = told("tube")
    split.say("tube", KeySaid(action="add", member="tube", key=public_key("tube-2")))
    split.say("tube", KeySaid(action="revoke", member="tube", key=public_key("tube-2")))
    position = split.ledger.register.positions["tube"]

    def broken(name: str, kind: EntryType, after: Position) -> None:
        secret, number = private_key(name), nonce(split.size)
        parcel = seal(b"{}", kind, origin=ORIGIN, after=after, key=secret, nonce=number)
        split.add(parcel, "members")

    broken("tube-2", EntryType.ASSERT, position)
    broken("tube", EntryType.ASSERT, Position(position.sequence + 1, position.digest))
    split.say("tube", item())
    broken("tube", EntryType.KEY, split.ledger.register.positions["tube"])
    said = KeySaid(action="add", member="tube", key=public_key("tube-3"))
    kept, other = split.ledger.parcel("tube", said), split.ledger.parcel("tube", item())
    split.put(kept.envelope.encode(), other.nonce + other.payload)
    split.put(split.ledger.parcel("tube", said, "tube-2").envelope.encode())
    split.say("tube", item())
    return split


def a_thief_in_office() -> Told:
    """Revoking reaches the keys that the stolen one added, and not the members it admitted."""
    theft = told()

    def add(name: str, key: str) -> int:
        said = KeySaid(action="add", member="industry", key=public_key(name), since=0)
        return theft.say("industry", said, key)

    def revoke(name: str, since: int | None) -> None:
        said = {"action": "revoke", "member": "industry", "key": public_key(name), "since": since}
        theft.say("industry", KeySaid(**said))

    add("before", "industry")
    add("stolen", "before")
    since = theft.say("industry", join("tube"), "stolen")
    add("second", "stolen")
    add("third", "second")
    revoke("nobody's", None)
    revoke("stolen", theft.size + 1)
    revoke("third", theft.size)
    revoke("stolen", since)
    revoke("stolen", theft.size)
    theft.say("tube", item())
    theft.say("industry", join("chat"), "before")
    return theft


def to_the_moment() -> Told:
    """What is still in time, and what is too late by a millisecond or a second."""
    clock = told("tube", "police", "rescue", "rights")
    day = timedelta(days=1)

    def at(**later: float) -> datetime:
        clock.ledger.wait(**later)
        return clock.ledger.at

    clock.say("tube", item(at(), 365))
    clock.say("tube", item(clock.ledger.at + timedelta(seconds=1), 365))
    clock.say("tube", item(at(milliseconds=1), 0))
    clock.say("tube", item(clock.ledger.at + timedelta(seconds=1), 365))
    clock.say("tube", item(at(milliseconds=999), 0))
    clock.say("tube", item(clock.ledger.at, 366, list="allow"))
    clock.say("tube", item(list="allow", expires_at=None))
    for wait in (timedelta(), timedelta(milliseconds=1)):
        asked = clock.say("industry", RuleSaid(rules=Rules(max_ttl_days=30), reason="shorter"))
        clock.ledger.at += 7 * day + wait
        clock.say("rights", Approve(of=asked, audience="public"))
    starts = moment(clock.ledger.at)
    for hours, seconds in ((72, 1), (72, 0), (0, 0)):
        ends = starts + hours * 3600 + seconds
        clock.say("police", incident("open", incident=f"after-{hours}-{seconds}", ends_at=ends))
    short = clock.say("police", incident("open", incident="short", ends_at=starts + 1))
    at(hours=1)
    clock.say("rescue", Approve(of=short))
    clock.say("police", incident("close", incident="short"))
    clock.say("police", incident("update", incident="short"))
    return clock


def a_group() -> Told:
    group = told("tube", "chat", "police")
    group.say("industry", GroupSaid(audience="north", members=("tube", "police")))
    of = group.say("tube", item(audience="north"))
    group.say("police", Retract(of=of, reason="not mine", audience="north"))
    group.say("chat", item(audience="north"))
    group.say("industry", GroupSaid(audience="members", members=("tube",)))
    group.say("industry", GroupSaid(audience="north", members=("police",)))
    group.say("tube", item(audience="north"))
    group.say("tube", item())
    return group


def faults() -> Told:
    log = told("tube", "chat", "rights")
    good = log.ledger.parcel("tube", item())
    raw = good.envelope.encode()
    log.put(b"not a leaf")
    log.put(b"\2" + raw[1:], good.nonce + good.payload)
    log.add(Parcel(replace(good.envelope, signature=bytes(64)), good.nonce, good.payload))
    log.add(log.ledger.parcel("tube", item(), "stranger"))
    log.add(good, "members")
    log.add(good, "members")
    ahead = log.ledger.register.positions["tube"]
    log.ledger.register.positions["tube"] = Position(ahead.sequence + 1, ahead.digest)
    log.say("tube", item())
    other = log.ledger.parcel("chat", item())
    log.put(other.envelope.encode(), nonce(99) + other.payload)
    odd = log.ledger.parcel("chat", item())
    later, broken = (b'{"type":"later"}', 77), (b'{"type":"assert"}', EntryType.ASSERT)
    for payload, kind in (later, broken, (odd.payload, EntryType.RETRACT)):
        position = log.ledger.register.positions["chat"]
        sealed = seal(
            payload,
            kind,
            origin=ORIGIN,
            after=position,
            key=private_key("chat"),
            nonce=nonce(log.size),
        )
        log.add(sealed)
    withheld = log.ledger.parcel("industry", MemberSaid(action="suspend", member="chat"))
    log.put(withheld.envelope.encode())
    log.say("chat", item())
    asked = log.say("industry", RuleSaid(rules=Rules(max_ttl_days=10), reason="agreed"))
    kept = log.ledger.parcel("rights", Approve(of=asked, audience="public"))
    log.put(kept.envelope.encode())
    return log


HISTORIES = {
    "an ordinary day": an_ordinary_day,
    "a stolen key": a_stolen_key,
    "a crisis": a_crisis,
    "a change of rules": a_change_of_rules,
    "a disguise": a_disguise,
    "comings and goings": comings_and_goings,
    "no founding": no_founding,
    "a split": a_split,
    "a thief in office": a_thief_in_office,
    "to the moment": to_the_moment,
    "a group": a_group,
    "faults": faults,
}

READERS = {
    "all": ("public", "members", "north"),
    "members": ("public", "members"),
    "public": ("public",),
}


def histories() -> object:
    return {
        "about": "whole logs. `judged`: what a reader makes of each entry if it is given the "
        "contents of these audiences; `register`: what it then knows. Contents are in base64",
        "origin": ORIGIN,
        "histories": [history(name, make()) for name, make in HISTORIES.items()],
    }


def history(name: str, log: Told) -> object:
    readers = {}
    rows = [(*row, audience) for row, audience in zip(log.rows, log.audiences, strict=True)]
    for reader, audiences in READERS.items():
        register, codes = follow(rows, audiences)
        readers[reader] = {"judged": codes, "register": summary(register)}
    return {
        "name": name,
        "entries": [
            {"leaf": leaf.hex(), "audience": audience, "content": encoded(content)}
            for leaf, content, audience in rows
        ],
        "readers": readers,
    }


def summary(register: Register) -> object:
    """Return what two readers of the same contents must agree on."""
    return {
        "size": register.size,
        "members": {
            one.id: {
                "kind": one.kind.value,
                "roles": sorted(one.roles),
                "suspended_since": one.suspended_since,
                "keys": {name: [key.added, key.revoked_since] for name, key in one.keys.items()},
            }
            for one in register.members.values()
        },
        "positions": {
            name: [one.sequence, one.digest.hex()] for name, one in register.positions.items()
        },
        "groups": {name: sorted(one.members) for name, one in register.groups.items()},
        "rules": register.rules.model_dump(),
        "waiting": sorted(register.requests),
        "erased": sorted(register.erased),
        "incidents": {
            one.id: {
                "opened_at": None if one.opened_at is None else moment(one.opened_at),
                "ends_at": moment(one.ends_at),
                "closed": one.closed_at is not None,
                "declined": one.declined,
                "log": list(one.log),
            }
            for one in register.incidents.values()
        },
    }


# Requests


def signed(method: str, path: str, body: bytes = b"", **changes: object) -> dict[str, str]:
    return requests.sign(
        method,
        URL + path,
        **{"key": private_key("tube"), "at": START, "nonce": "bm9uY2Utb2YtdGVzdA", "body": body}
        | changes,
    )


def submission() -> bytes:
    _, parcel = next(sealed_examples())
    entry = {
        "leaf": encoded(replace(parcel.envelope, received_ms=0).encode()),
        "nonce": encoded(parcel.nonce),
        "payload": encoded(parcel.payload),
    }
    return json.dumps({"entries": [entry]}, separators=(",", ":")).encode()


def signed_requests() -> object:
    body = submission()
    post = ("POST", "/v1/entries")
    good = signed(*post, body)
    other = signed("GET", "/v1/position")

    def case(fault: str, code: str, method: str, path: str, headers: dict, content: bytes = b""):
        request = {"method": method, "path": path, "headers": headers, "body": encoded(content)}
        return {"fault": fault, "code": code, **request}

    def altered(name: str, old: str, new: str) -> dict:
        return good | {name: good[name].replace(old, new)}

    late = signed("GET", "/v1/position", at=START - timedelta(seconds=301))
    early = signed("GET", "/v1/position", at=START + timedelta(seconds=301))
    return {
        "about": "requests to one exchange at one moment; tube is its one member; a valid one is "
        "refused as replayed_request when it comes again",
        "url": URL,
        "at": moment(START),
        "key": public_key("tube"),
        "valid": [
            case("", "", "GET", "/v1/position", other),
            case("", "", *post, signed(*post, body, nonce="another-nonce-of-a-test"), body),
        ],
        "invalid": [
            case("no signature", "unsigned", "GET", "/v1/position", {}),
            case("another path", "bad_signature", "GET", "/v1/about", other),
            case("another query", "bad_signature", "GET", "/v1/position?a=1", other),
            case("another method", "bad_signature", "POST", "/v1/position", other),
            case("another body", "bad_digest", *post, good, body + b" "),
            case("no body", "bad_digest", *post, good),
            case("a body that is not signed", "bad_signature", *post, signed(*post), body),
            case(
                "another media type",
                "bad_signature",
                *post,
                good | {"content-type": "text/plain"},
                body,
            ),
            case(
                "another tag",
                "bad_signature",
                *post,
                altered("Signature-Input", "tocsin-exchange", "tocsin"),
                body,
            ),
            case("too late", "stale_request", "GET", "/v1/position", late),
            case("too early", "stale_request", "GET", "/v1/position", early),
            case(
                "nobody's key",
                "unknown_key",
                "GET",
                "/v1/position",
                signed("GET", "/v1/position", key=private_key("stranger")),
            ),
        ],
    }


# The example of the specification


def log_key() -> SigningKey:
    secret = sha256(f"tocsin test key {ORIGIN}".encode()).digest()
    return SigningKey(ORIGIN, Algorithm.ED25519, Ed25519PrivateKey.from_private_bytes(secret))


def example() -> object:
    log = told("tube")
    log.say("tube", item())
    tree = CompactRange()
    for leaf, _ in log.rows:
        tree.push(leaf_hash(leaf))
    head = Checkpoint(ORIGIN, log.size, tree.root())
    contents = [content for _, content in log.rows]
    hidden = [
        content if audience == "public" else b""
        for content, audience in zip(contents, log.audiences, strict=True)
    ]
    return {
        "about": "a log of three entries as it is served: all objects in base64; of the bundle of "
        "contents, what a member gets and what the public gets",
        "vkey": str(log_key().verifier),
        "objects": {
            "checkpoint": encoded(sign_note(head.text, [log_key()], START).encode()),
            "tile/0/000.p/3": encoded(b"".join(leaf_hash(leaf) for leaf, _ in log.rows)),
            "tile/entries/000.p/3": encoded(encode_bundle(leaf for leaf, _ in log.rows)),
        },
        "payload/000.p/3": {
            "member": encoded(encode_bundle(contents)),
            "public": encoded(encode_bundle(hidden)),
        },
    }


# Texts


def dump(raw: bytes) -> str:
    """Write bytes as the specification shows them."""
    rows = [raw[at : at + 16].hex(" ") for at in range(0, len(raw), 16)]
    return "".join(f"{at * 16:08x}  {row}\n" for at, row in enumerate(rows))


def texts() -> object:
    log = told("tube")
    log.say("tube", item())
    leaf, content = log.rows[2]
    envelope = Envelope.parse(leaf)
    position = {"sequence": 1, "digest": envelope.digest(ORIGIN).hex()}
    headers = signed("GET", "/v1/position")
    lines = "\n".join(f"{name}: {value}" for name, value in headers.items())
    return {
        "payload": "\n".join(textwrap.wrap(content[32:].decode(), 118, break_on_hyphens=False))
        + "\n",
        "nonce": content[:32].hex() + "\n",
        "leaf": dump(leaf),
        "signed": dump(envelope.signed(ORIGIN)),
        "digest": envelope.digest(ORIGIN).hex() + "\n",
        "founding": "\n".join(textwrap.wrap(log.rows[0][1][32:].decode(), 118)) + "\n",
        "request": f"GET /v1/position HTTP/1.1\nHost: exchange.example\n{lines}\n",
        "answer": json.dumps(position, separators=(",", ":")) + "\n",
    }


ALL = {
    "payloads": payloads,
    "envelopes": envelopes,
    "histories": histories,
    "requests": signed_requests,
    "example": example,
    "texts": texts,
}
"""What makes each file."""

WORDS = {
    "kinds": [one.value for one in Kind],
    "roles": [one.value for one in Role],
    "types": {one.name.lower(): int(one) for one in EntryType},
    "exclusive": {one.value: sorted(others) for one, others in EXCLUSIVE.items()},
}
"""What the tables of the specification must name."""


def main() -> None:
    for name, make in ALL.items():
        text = json.dumps(make(), indent=1, ensure_ascii=False)
        (HERE / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
