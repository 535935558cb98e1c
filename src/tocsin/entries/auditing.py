"""Checking the entries of a whole log from outside: every leaf, signature, chain and content.

It believes the log's key and nothing else, and knows what the public knows: who is a member, with
which keys, is addressed to everybody. What it may not read it still verifies as far as the leaf
goes. An honest exchange logs nothing that does not count, so whatever does not is a fault.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tocsin.entries.applying import apply, pass_over
from tocsin.entries.envelope import NONCE_BYTES, EntryType, Envelope
from tocsin.entries.judging import Barred, judge
from tocsin.entries.register import Register
from tocsin.entries.statements import MemberSaid, Statement, parse
from tocsin.errors import Damaged, InvalidInput, NotFound
from tocsin.exchange.checkpoint import Checkpoint, SignedCheckpoint, open_checkpoint
from tocsin.exchange.errors import Absent, Malformed, Unverified
from tocsin.exchange.errors import Damaged as DamagedLog
from tocsin.exchange.fsck import Report, check_published
from tocsin.exchange.policy import Policy
from tocsin.exchange.tiles import CHECKPOINT, WIDTH
from tocsin.exchange.tree import Fetch, Tree

MAX_AHEAD = timedelta(minutes=5)
"""How far the time in a leaf may lie beyond the auditor's clock."""

MAX_FINDINGS = 1000
"""Findings kept in full; the others are counted."""

DEPENDENT = frozenset(
    {"no_incident", "not_open", "bad_end", "no_request", "wrong_audience", "suspended", "bad_group"}
)
"""Judgements that rest on what is said to members alone: nobody else can make them."""

_GOVERNS = frozenset({EntryType.APPROVE, EntryType.INCIDENT, EntryType.GROUP})
"""What changes the register and need not be addressed to everybody."""

_CACHED_BUNDLES = 64

Contents = Callable[[int, int], Sequence[bytes]]
"""Reads the contents of the entries [start, end), b"" where there is none for the auditor."""

Progress = Callable[[int, int | None], None]


def _no_progress(done: int, total: int | None) -> None:
    """Show nothing."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One observation about one entry; `fault`: it must not be so in an honest exchange."""

    index: int
    code: str
    detail: str
    fault: bool


@dataclass(slots=True)
class Audit:
    """What was found. `read` entries were judged in full; `closed` ones are not the auditor's."""

    entries: int = 0
    signatures: int = 0
    read: int = 0
    closed: int = 0
    erased: int = 0
    unjudged: int = 0
    faults: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether everything verified."""
        return not self.faults

    def add(self, index: int, code: str, detail: str, *, fault: bool = True) -> None:
        """Note an observation."""
        self.faults += fault
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(Finding(index, code, detail, fault))


@dataclass(frozen=True, slots=True)
class Audited:
    """What was found in the log, in its entries, and elsewhere, each as a sentence.

    `cosigned_size` is the size that the quorum of `witnesses` has cosigned. `unchecked` says in a
    sentence what was left out, or is empty.
    """

    log: Report
    entries: Audit
    others: tuple[str, ...] = ()
    witnesses: tuple[str, ...] = ()
    cosigned_size: int = 0
    unchecked: str = ""

    @property
    def clean(self) -> bool:
        """Whether everything verified."""
        return self.log.clean and self.entries.clean and not self.others


def audit(
    fetch: Fetch,
    contents: Contents,
    cosigned: Callable[[], bytes],
    policy: Policy,
    *,
    now: datetime,
    progress: Progress = _no_progress,
) -> Audited:
    """Check a whole exchange from outside, with the keys of a policy and nothing else.

    `cosigned` fetches its latest cosigned checkpoint, for a policy that names a quorum. Raises
    Unavailable where something could not be fetched, and Malformed for a policy without a log.
    """
    others: list[str] = []
    # Fetched first: the log only grows, so this checkpoint is not ahead of the one below.
    witnessed = _open_cosigned(cosigned, policy, others)
    report = check_published(fetch, policy.logs)
    try:
        head = open_checkpoint(fetch.get(CHECKPOINT), policy.logs).checkpoint
        tree = Tree(fetch, head)
        if witnessed is not None:
            _check_cosigned(tree, witnessed.checkpoint, others)
        auditor = Auditor(tree, contents, now=now, sees_all=False)
    except (Absent, DamagedLog, Malformed, Unverified) as error:
        return Audited(report, Audit(), (*others, f"the entries cannot be read: {error}"))
    try:
        auditor.run(progress)
    except (Absent, DamagedLog, Damaged) as error:
        others.append(f"the entries cannot be read to their end: {error}")
    names = _witnesses_of(witnessed, policy)
    size = 0 if witnessed is None else witnessed.checkpoint.size
    return Audited(report, auditor.audit, tuple(others), names, size)


class Auditor:
    """Replays one log, from its first entry to its last. `sees_all`: whether nothing is closed.

    `register` is what the log says so far; after `run`, what it says at its end.
    """

    def __init__(self, tree: Tree, contents: Contents, *, now: datetime, sees_all: bool) -> None:
        self.register = Register(tree.head.origin)
        self.audit = Audit()
        self._tree = tree
        self._contents = contents
        self._latest = now + MAX_AHEAD
        self._sees_all = sees_all
        self._partial = False
        self._empty: list[int] = []
        self._bundles: OrderedDict[int, list[bytes]] = OrderedDict()

    def run(self, progress: Progress = _no_progress) -> Audit:
        """Check everything. Raises what the tree and the contents raise."""
        size = self._tree.size
        for start in range(0, size, WIDTH):
            end = min(start + WIDTH, size)
            leaves = self._bundle(start // WIDTH)
            contents = self._fetch_contents(start, end)
            for index, leaf, content in zip(range(start, end), leaves, contents, strict=True):
                self._check(index, leaf, content)
            progress(end, size)
        self._count_empty()
        return self.audit

    def _fetch_contents(self, start: int, end: int) -> Sequence[bytes]:
        try:
            return self._contents(start, end)
        except NotFound as error:
            self.audit.add(start, "not_served", f"contents up to {end} are not served: {error}")
            return [b""] * (end - start)

    def _check(self, index: int, leaf: bytes, content: bytes) -> None:
        self.audit.entries += 1
        try:
            envelope = Envelope.parse(leaf)
        except InvalidInput as error:
            self.audit.add(index, "malformed", str(error))
            pass_over(self.register, index)
            return
        if envelope.received_at > self._latest:
            self.audit.add(index, "from_the_future", f"it was received at {envelope.received_at}")
        statement = self._read(index, envelope, content)
        if not self._is_signed(index, envelope, statement):
            pass_over(self.register, index)
            return
        judgement = judge(self.register, index, envelope, statement, self._lookup)
        if isinstance(judgement, Barred):
            unsure = self._partial and judgement.code in DEPENDENT
            self.audit.unjudged += unsure
            known = not unsure and judgement.code != "unknown_type"
            self.audit.add(index, judgement.code, judgement.reason, fault=known)
        apply(self.register, index, envelope, statement, judgement)

    def _read(self, index: int, envelope: Envelope, content: bytes) -> Statement | None:
        """Return what an entry says, as far as it is the auditor's to read."""
        if not content:
            self._empty.append(index)
            self._partial = self._partial or envelope.type in _GOVERNS
            return None
        nonce, payload = content[:NONCE_BYTES], content[NONCE_BYTES:]
        if not envelope.opens(nonce, payload):
            self.audit.add(index, "not_opening", "the leaf does not commit to this content")
            return None
        try:
            statement = parse(payload)
        except InvalidInput as error:
            self.audit.add(index, "unreadable", str(error))
            return None
        self.audit.read += 1
        return statement

    def _is_signed(self, index: int, envelope: Envelope, statement: Statement | None) -> bool:
        public = self.register.public_key(envelope)
        if index == 0 and isinstance(statement, MemberSaid) and statement.key:
            public = bytes.fromhex(statement.key)
        if public is None:
            self.audit.add(index, "unknown_key", "no member has the key that it names")
            return False
        self.audit.signatures += 1
        if envelope.is_signed_by(public, self.register.origin):
            return True
        self.audit.add(index, "bad_signature", "its signature does not verify")
        return False

    def _count_empty(self) -> None:
        """Tell apart what was erased, what is closed to the auditor, and what is missing."""
        for index in self._empty:
            if index in self.register.erased:
                self.audit.erased += 1
            elif self._sees_all:
                self.audit.add(index, "missing", "its content is lost and was never erased")
            else:
                self.audit.closed += 1

    def _lookup(self, index: int) -> Envelope | None:
        if index >= self._tree.size:
            return None
        try:
            return Envelope.parse(self._bundle(index // WIDTH)[index % WIDTH])
        except InvalidInput:
            return None

    def _bundle(self, number: int) -> list[bytes]:
        """Return a bundle that hashes into the signed root; those read last are kept."""
        found = self._bundles.get(number)
        if found is None:
            found = self._tree.bundle(number)
            self._bundles[number] = found
            if len(self._bundles) > _CACHED_BUNDLES:
                self._bundles.popitem(last=False)
        return found


def _open_cosigned(
    cosigned: Callable[[], bytes], policy: Policy, others: list[str]
) -> SignedCheckpoint | None:
    """Return the cosigned checkpoint, if the policy asks for one and there is a true one."""
    if policy.quorum == "none":
        return None
    try:
        return policy.open(cosigned())
    except (Absent, Malformed, Unverified, NotFound) as error:
        others.append(f"no quorum of witnesses: {error}")
        return None


def _check_cosigned(tree: Tree, cosigned: Checkpoint, others: list[str]) -> None:
    if cosigned.size > tree.size or tree.root_at(cosigned.size) != cosigned.root:
        others.append(f"the cosigned checkpoint of size {cosigned.size} is of another history")


def _witnesses_of(signed: SignedCheckpoint | None, policy: Policy) -> tuple[str, ...]:
    if signed is None:
        return ()
    keys = {one.key for one in signed.verified}
    return tuple(name for name, key in policy.witnesses.items() if key in keys)
