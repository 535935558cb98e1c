"""An exchange as its operator runs it: the one object that its faces use."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from tocsin.entries.envelope import Parcel, Position
from tocsin.entries.invitation import Invitation
from tocsin.entries.register import Register
from tocsin.entries.requests import Nonces
from tocsin.entries.statements import Statement
from tocsin.entries.translating import translated
from tocsin.errors import InvalidInput, NotFound, TocsinError, TooLarge, Unavailable
from tocsin.exchange.checkpoint import SignedCheckpoint, open_checkpoint
from tocsin.exchange.errors import Malformed
from tocsin.exchange.keys import PublicKey
from tocsin.exchange.proof import prove
from tocsin.exchange.signer import Signer
from tocsin.exchange.tiles import CHECKPOINT, Tile
from tocsin.exchange.tree import Tree
from tocsin.operating import audiences, snapshot
from tocsin.operating.admission import Admitted
from tocsin.operating.bell import Bell, Ring
from tocsin.operating.cosigning import COSIGNED, Standing, Witnesses
from tocsin.operating.desk import Batch, Call, Desk
from tocsin.operating.errands import Errands
from tocsin.operating.folder import Folder, make, read_secret
from tocsin.operating.invitations import VALID, Invitations, Terms
from tocsin.operating.office import Office
from tocsin.operating.settings import Settings
from tocsin.operating.starting import Opened, open_parts
from tocsin.operating.witnessing import addresses

MAX_PAYLOADS = 4096
"""Most contents handed out at once."""

_LAG_S = 2.0
_LAG_POLL_S = 0.002
"""For how long the checkpoint may be seen before the register that goes with it: moments."""

_PURGE_S = 60.0
_log = structlog.get_logger("tocsin.exchange")
_SNAPSHOT_ENTRIES = 10_000
"""After how many entries the register is written down, though nothing about members changed."""


@dataclass(frozen=True, slots=True)
class Health:
    """How an exchange does. Durations are in seconds; sizes are numbers of entries.

    `trouble` says why nothing is admitted; empty while all is well. `committed_age_s` is since the
    last commit of this process. `quorum_behind_s` is for how long there has been something that the
    quorum of witnesses has not cosigned, and `quorum_late` whether that is too long. `erasing`
    counts contents that are still to be destroyed. `clock_behind_s` is how far the clock lies
    behind the time in the latest leaf.
    """

    trouble: str
    size: int
    committed_age_s: float
    waiting: int
    cosigned_size: int
    quorum_behind_s: float
    quorum_late: bool
    witnesses: tuple[Standing, ...]
    erasing: int
    clock_behind_s: float


class Exchange:
    """One exchange, open. Thread-safe. Everything raises errors of `tocsin.errors` alone."""

    def __init__(self, opened: Opened, clock: Callable[[], datetime]) -> None:
        self._opened = opened
        self._clock = clock
        self._settings = opened.settings
        self._log = opened.log
        self._contents = opened.contents
        self._errands = Errands(opened.database)
        self.bell = Bell()
        self._committed_at = time.monotonic()
        self._closed = False
        # All owned by the desk's thread.
        self._saved = 0
        self._governed = True
        self._purge_at = 0.0
        self._desk = Desk(
            opened.log,
            opened.contents,
            opened.state,
            clock=clock,
            entries_per_day=opened.settings.entries_per_day,
            waiting_entries=opened.settings.waiting_entries,
            keep=self._keep,
            tell=self._tell,
            chores=self._do_chores,
        )
        self._office = Office(
            opened.settings,
            read_secret(opened.folder.operator_key),
            self._desk,
            Invitations(opened.database, clock),
            self._errands,
        )
        self._witnesses = Witnesses(
            opened.settings.witnesses,
            storage=opened.parts.storage,
            head=lambda: self._log.head,
            tree=self._log.tree,
            within_s=opened.settings.quorum_within_s,
        )
        self._desk.start()

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        origin: str,
        url: str,
        operator: str = "operator",
        clock: Callable[[], datetime],
        signer: Callable[[Folder], Signer] | None = None,
        unsafe_network: bool = False,
        **settings: object,
    ) -> "Exchange":
        """Make an exchange and open it. `settings` are further fields of `exchange.toml`.

        `signer` makes a signer of the folder's key; without it a process of its own is started.

        Raises Conflict where there is one already, ConfigurationError, Unavailable.
        """
        chosen = settings | {"unsafe_network": unsafe_network}
        made = make(folder, origin=origin, url=url, operator=operator, **chosen)
        own = None if signer is None else signer(made)
        return cls.open(folder, clock=clock, signer=own, unsafe_network=unsafe_network)

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        clock: Callable[[], datetime],
        signer: Signer | None = None,
        unsafe_network: bool = False,
    ) -> "Exchange":
        """Open an exchange, recovering what was cut short; without a signer it starts its own.

        `unsafe_network` lets the signer's process keep its network where it cannot give it up.
        Raises ConfigurationError, Conflict (another process has it open, or the signer refuses),
        Damaged, Unavailable.
        """
        opened = open_parts(
            Folder(folder), clock=clock, signer=signer, unsafe_network=unsafe_network
        )
        exchange = cls(opened, clock)
        try:
            if not exchange.register().size:
                exchange._office.found()
        except TocsinError:
            exchange.close()
            raise
        return exchange

    @property
    def origin(self) -> str:
        """The log's name."""
        return self._settings.origin

    @property
    def url(self) -> str:
        """Where members reach it."""
        return self._settings.url

    @property
    def verifier(self) -> PublicKey:
        """The log's key."""
        return self._opened.parts.signer.verifier

    @property
    def settings(self) -> Settings:
        """What the operator decided."""
        return self._settings

    @property
    def witnesses(self) -> tuple[str, ...]:
        """The public keys of the witnesses that are asked."""
        return tuple(str(one.key) for one in addresses(self._settings.witnesses))

    @property
    def nonces(self) -> Nonces:
        """The nonces of requests that were made."""
        return self._opened.nonces

    def clock(self) -> datetime:
        """Return the time, aware UTC."""
        return self._clock()

    @property
    def head(self) -> SignedCheckpoint:
        """The latest checkpoint."""
        return self._log.head

    def register(self) -> Register:
        """Return what the log says now. Never changed, only replaced: do not change it either."""
        return self._desk.state.register

    def position(self, member: str) -> Position:
        """Return where a member's chain of entries stands."""
        return self.register().positions.get(member, Position())

    def may_read(self, audience: str, member: str | None) -> bool:
        """Whether a member (None: anybody) reads what a `Ring` names as an audience."""
        return audiences.may_read(self.register(), audience, member)

    def submit(self, parcels: Sequence[Parcel], *, member: str) -> "Future[list[Admitted]]":
        """Submit entries of one member, who was authenticated: all are logged, or none.

        The future ends when they are durable, committed and published; a repeated submission ends
        with the index of the first. It raises InvalidInput, Refused, Conflict or Unavailable with a
        stable `code`. Raises InvalidInput, TooLarge, Unavailable.
        """
        if not parcels:
            raise InvalidInput("a submission has at least one entry", code="malformed")
        most = self._settings.entries_per_call
        if len(parcels) > most:
            raise TooLarge(f"a submission has at most {most} entries", code="too_large")
        call = Call(member, lambda _: parcels, len(parcels))
        self._desk.submit(call)
        return call.future

    def say(self, *statements: Statement, urgent: bool = False) -> "Future[list[Admitted]]":
        """Make entries of the operator's own; see `submit`."""
        return self._office.say(*statements, urgent=urgent)

    def invite(self, terms: Terms, *, valid: timedelta = VALID) -> Invitation:
        """Offer a place to a new member. Raises Conflict where there is one of that id."""
        return self._office.invite(terms, valid=valid)

    def join(self, token: str, public: bytes) -> int:
        """Take up an invitation for a raw key, whose owner was shown to ask; see `Office.join`."""
        return self._office.join(token, public)

    def payloads(self, start: int, end: int, *, member: str | None) -> list[bytes]:
        """Return the contents of the entries [start, end): nonce and payload each.

        b"" stands where one was erased or lost, or is not for this member (None: anybody). Raises
        NotFound for entries that do not exist, InvalidInput for too many, Unavailable for those of
        which it is not known yet for whom they are.
        """
        if not 0 <= start <= end <= self.head.checkpoint.size:
            raise NotFound(f"there are {self.head.checkpoint.size} entries", code="absent")
        if end - start > MAX_PAYLOADS:
            raise InvalidInput(f"at most {MAX_PAYLOADS} at once", code="too_many")
        register = self._register_at(end)
        found = [b""] * (end - start)
        readable: dict[str, bool] = {}
        for stored in self._contents.range(start, end):
            if stored.content is None or stored.audience is None:
                continue
            if stored.audience not in readable:
                readable[stored.audience] = audiences.may_read(register, stored.audience, member)
            if readable[stored.audience] and stored.position not in register.erased:
                found[stored.position - start] = stored.content
        return found

    def published(self, path: str) -> bytes:
        """Return a published object of the log. Raises NotFound, Unavailable."""
        if path not in {CHECKPOINT, COSIGNED}:
            try:
                Tile.parse(path)
            except Malformed as error:
                raise NotFound(f"there is no {path[:80]!r}", code="absent") from error
        with translated():
            return self._opened.parts.storage.get(path)

    def cosigned(self) -> bytes:
        """Return the latest checkpoint that the quorum cosigned; the latest of all without one."""
        try:
            return self.published(COSIGNED)
        except NotFound:
            return self.head.note

    def proof(self, index: int) -> bytes:
        """Return the receipt of an entry (C2SP tlog-proof). Raises NotFound, Damaged.

        Under the checkpoint that the quorum cosigned, once that covers the entry: a policy that
        asks for witnesses takes no other.
        """
        with translated():
            head = self.head
            for note in (self.cosigned(), head.note):
                signed = open_checkpoint(note, [self.verifier])
                if 0 <= index < signed.checkpoint.size:
                    tree = Tree(self._opened.parts.storage, signed.checkpoint)
                    return prove(tree, index, signed).encode()
            raise NotFound(f"there are {head.checkpoint.size} entries", code="absent")

    def check(self) -> None:
        """Return if entries are admitted. Raises Unavailable with the reason if they are not."""
        trouble = self._trouble()
        if trouble:
            raise Unavailable(f"nothing is admitted: {trouble}", code="not_ready")

    def health(self) -> Health:
        """Return how the exchange does."""
        state, witnesses = self._desk.state, self._witnesses
        return Health(
            trouble=self._trouble(),
            size=state.register.size,
            committed_age_s=time.monotonic() - self._committed_at,
            waiting=self._desk.waiting,
            cosigned_size=witnesses.cosigned_size,
            quorum_behind_s=witnesses.behind_s,
            quorum_late=witnesses.late,
            witnesses=tuple(witnesses.standing),
            erasing=self._desk.erasing,
            clock_behind_s=max((state.latest - self._clock()).total_seconds(), 0.0),
        )

    def close(self) -> None:
        """Finish what was submitted, then let go of everything. May be called twice."""
        self._desk.close()
        self._witnesses.close()
        if not self._closed:
            self._closed = True
            try:
                self._save()
            finally:
                self._opened.stack.close()

    def _register_at(self, size: int) -> Register:
        """Return the register once it has come to a size that the log has."""
        last = time.monotonic() + _LAG_S
        while self.register().size < size:
            if time.monotonic() >= last:
                raise Unavailable("the last entries are still being looked at", code="unavailable")
            time.sleep(_LAG_POLL_S)
        return self.register()

    def _trouble(self) -> str:
        if self._closed or self._desk.closed:
            return "the exchange is closed"
        trouble = self._log.trouble
        if trouble is not None:
            return str(trouble)
        return (
            "it is not known whether the last entries were logged" if self._desk.unsettled else ""
        )

    def _keep(self, batch: Batch) -> None:
        """Write down what changed about members, groups and rules. Called by the desk."""
        self._committed_at = time.monotonic()
        self._governed = self._governed or batch.admission.governs
        if self._governed:
            self._save()

    def _tell(self, batch: Batch, head: SignedCheckpoint) -> None:
        """Tell everybody. Called by the desk."""
        self.bell.ring(_ring(batch, head))
        self._witnesses.wake()

    def _do_chores(self) -> None:
        """Look after what is not a submission. Called by the desk, often."""
        self._office.run_errands()
        if time.monotonic() >= self._purge_at:
            self._purge_at = time.monotonic() + _PURGE_S
            self._opened.nonces.purge(self._clock())
            self._errands.purge(self._clock())
        size = self.register().size
        if self._governed or size - self._saved >= _SNAPSHOT_ENTRIES:
            self._save()

    def _save(self) -> None:
        """Write the register down; if that fails it is tried again with the chores."""
        register = self.register()
        try:
            with translated():
                root = self._log.tree().root_at(register.size)
            snapshot.save(self._opened.folder.register, register, root)
        except TocsinError as error:
            self._governed = True
            _log.warning("the register was not written down", reason=str(error))
        else:
            self._saved, self._governed = register.size, False


def _ring(batch: Batch, head: SignedCheckpoint) -> Ring:
    rows, erased = batch.admission.rows, batch.admission.register.erased
    contents = tuple(
        (row.audience or "", b"" if row.position in erased else row.content or b"") for row in rows
    )
    return Ring(
        batch.admission.old, batch.size, head.note, tuple(row.leaf for row in rows), contents
    )
