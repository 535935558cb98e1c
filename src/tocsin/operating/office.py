"""What is said in the operator's name: founding, invitations that were taken up, errands.

The operator's key is one key of one member. It decides who takes part and under which rules, and
can say nothing about content; `entries/judging.py` sees to that, here as everywhere.
"""

import secrets
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import timedelta
from functools import partial

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tocsin.entries.envelope import NONCE_BYTES, Parcel, Position, key_id, seal
from tocsin.entries.invitation import Invitation
from tocsin.entries.parties import Kind, Role
from tocsin.entries.register import Register
from tocsin.entries.statements import MemberSaid, Statement, entry_type, write
from tocsin.errors import Conflict, TocsinError
from tocsin.exchange.keys import PublicKey
from tocsin.operating.admission import Admitted
from tocsin.operating.desk import Call, Desk
from tocsin.operating.errands import Errand, Errands
from tocsin.operating.invitations import VALID, Invitations, Terms
from tocsin.operating.settings import Settings

_log = structlog.get_logger("tocsin.exchange")

MOST_TO_JOIN = 2
"""Entries by which a member joins, groups aside: the joining, and roles that are asked for."""

Saying = Callable[[Register], Sequence[Statement]]
"""Makes statements from the register as it will be when they are admitted."""


class Office:
    """Thread-safe. Everything raises errors of `tocsin.errors` alone."""

    def __init__(
        self,
        settings: Settings,
        key: Ed25519PrivateKey,
        desk: Desk,
        invitations: Invitations,
        errands: Errands,
    ) -> None:
        self._settings = settings
        self._key = key
        self._desk = desk
        self._invitations = invitations
        self._errands = errands
        self._joining = threading.Lock()
        # Owned by the desk's thread: errands under way.
        self._running: set[int] = set()

    def say(self, *statements: Statement, urgent: bool = False) -> "Future[list[Admitted]]":
        """Make entries of the operator's own, all or none; see `Exchange.submit`."""
        return self._submit(lambda _: statements, len(statements), urgent=urgent)

    def found(self) -> None:
        """Make the first entry of the log: the operator joins."""
        self.say(
            MemberSaid(
                action="join",
                member=self._settings.operator,
                kind=Kind.OPERATOR,
                name=self._settings.operator_name,
                roles=(Role.OPERATOR,),
                key=self._key.public_key().public_bytes_raw().hex(),
            )
        ).result()

    def invite(self, terms: Terms, *, valid: timedelta = VALID) -> Invitation:
        """Offer a place. Raises Conflict where there is a member of that id."""
        if terms.member in self._desk.state.register.members:
            raise Conflict(f"{terms.member} is a member already", code="exists")
        return invitation(self._settings, terms, self._invitations.offer(terms, valid=valid))

    def join(self, token: str, public: bytes) -> int:
        """Take up an invitation for a key, whose owner asked with it; return the entry's index.

        Asked again with the same key the answer is the same. Raises Refused, Conflict, InvalidInput
        and Unavailable with a stable `code`.
        """
        with self._joining:
            terms = self._invitations.claim(token, public)
            member = self._desk.state.register.members.get(terms.member)
            if member is not None and key_id(public).hex() in member.keys:
                return member.joined
            saying = partial(terms.statements, public=public)
            try:
                (first, *_) = self._submit(saying, MOST_TO_JOIN + len(terms.groups)).result()
            except TocsinError as error:
                if not error.retry:
                    self._invitations.release(token)
                raise
            return first.index

    def run_errands(self) -> None:
        """Begin with what the operator's commands have left. Called by the desk, often."""
        for errand in self._errands.waiting():
            if errand.number not in self._running:
                self._running.add(errand.number)
                saying = partial(_say, errand.statement)
                future = self._submit(saying, 1, nonces=[errand.nonce])
                future.add_done_callback(partial(self._done, errand))

    def _done(self, errand: Errand, future: "Future[list[Admitted]]") -> None:
        """Tell the outcome of an errand. Called by the desk."""
        try:
            outcome: int | TocsinError = future.result()[0].index
        except TocsinError as error:
            outcome = error
        try:
            # Of what is uncertain nothing is told: it is tried again, and is one entry.
            if not (isinstance(outcome, TocsinError) and outcome.retry):
                self._errands.done(errand.number, outcome)
        except TocsinError as error:
            _log.warning("an errand's outcome was not stored", reason=str(error))
        self._running.discard(errand.number)

    def _submit(
        self,
        saying: Saying,
        entries: int,
        *,
        urgent: bool = False,
        nonces: Sequence[bytes] = (),
    ) -> "Future[list[Admitted]]":
        def make(register: Register) -> list[Parcel]:
            return self._seal(register, saying(register), urgent=urgent, nonces=nonces)

        call = Call(self._settings.operator, make, entries)
        self._desk.submit(call)
        return call.future

    def _seal(
        self,
        register: Register,
        statements: Sequence[Statement],
        *,
        urgent: bool,
        nonces: Sequence[bytes],
    ) -> list[Parcel]:
        origin = self._settings.origin
        at = register.positions.get(self._settings.operator, Position())
        parcels = []
        for number, statement in enumerate(statements):
            parcel = seal(
                write(statement),
                entry_type(statement),
                origin=origin,
                after=at,
                key=self._key,
                nonce=nonces[number] if nonces else secrets.token_bytes(NONCE_BYTES),
                urgent=urgent,
            )
            at = Position(parcel.envelope.sequence, parcel.envelope.digest(origin))
            parcels.append(parcel)
        return parcels


def _say(statement: Statement, _: Register) -> list[Statement]:
    return [statement]


def invitation(settings: Settings, terms: Terms, token: str) -> Invitation:
    """Return what a new member is sent."""
    return Invitation(settings.url, PublicKey.parse(settings.key), terms.member, token)
