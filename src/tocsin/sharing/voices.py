"""What members of an exchange say of items: heard, and forgotten when it is erased."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, select, update

from tocsin.entries.register import Register
from tocsin.recording import shared
from tocsin.recording.bulk import insert_rows
from tocsin.sharing.effects import Held, Quarantined
from tocsin.sharing.leaves import Leaves, stored_block
from tocsin.sharing.settings import Followed
from tocsin.sharing.trusting import Heard, Trust
from tocsin.trust.opinions import Stance
from tocsin.trust.rows import chunks, replaced_by

SILENCED = "silenced"
"""The stance that is stored of an opinion which counts no more, so that no replay hears it."""

_RAISING = (Stance.CONFIRM, Stance.SAW)

_OPINION = shared.shared_opinions.c
_COLUMNS = (
    *(_OPINION.exchange_id, _OPINION.entry, _OPINION.item_id, _OPINION.member),
    *(_OPINION.stance, _OPINION.round),
)


class Voices:
    """The opinions of one exchange's members, inside somebody's transaction."""

    def __init__(self, connection: Connection, followed: Followed, trust: Trust) -> None:
        self._connection = connection
        self._followed = followed
        self._trust = trust

    def hear(
        self, opinions: Sequence[Held], about: Mapping[int, Row[Any]], register: Register
    ) -> None:
        """Take opinions in; `about` has the items that they may be about, by entry."""
        known = self._known([one.entry for one in opinions]) if self._followed.round else {}
        here, rows, heard = self._followed, [], []
        for one in opinions:
            item = about.get(one.said.of)
            if item is None or known.get(one.entry) == SILENCED:
                continue
            if one.entry not in known:
                stance = one.said.opinion.value
                rows.append((here.id, one.entry, item.item_id, one.issuer, stance, here.round))
            heard.append(Heard(item.item_id, register.members[one.issuer], one.said, one.at))
        insert_rows(self._connection, _COLUMNS, rows)
        for some in chunks(sorted(known)):
            these = self._here & _OPINION.entry.in_(some)
            change = update(shared.shared_opinions).where(these).values(round=here.round)
            self._connection.execute(change)
        self._trust.heard(self._connection, heard)

    def forget(self, entries: Sequence[int]) -> set[int]:
        """Forget the opinions of entries; return those that held one."""
        found: set[int] = set()
        for some in chunks(entries):
            found |= self._withdraw(self._here & _OPINION.entry.in_(some))
        return found

    def sweep(self) -> None:
        """Forget what the replay of this round did not come across."""
        self._withdraw(self._here & (_OPINION.round < self._followed.round))

    def silence(self, which: Quarantined) -> None:
        """Let what a member said to let items act count no more, in a range and with one key.

        What it disputed stays disputed: else whoever suspends a member would let items act.
        """
        raising = _OPINION.stance.in_([one.value for one in _RAISING])
        range_ = (_OPINION.entry >= which.since) & (_OPINION.entry < which.before)
        these = self._here & (_OPINION.member == which.issuer) & range_ & raising
        rows = self._connection.execute(select(shared.shared_opinions).where(these)).all()
        load = partial(stored_block, self._connection, self._followed.id)
        leaves = Leaves(which.before, load)
        rows = [one for one in rows if which.key in {None, leaves.key_of(one.entry)}]
        for some in chunks([one.entry for one in rows]):
            quiet = update(shared.shared_opinions).where(self._here, _OPINION.entry.in_(some))
            self._connection.execute(quiet.values(stance=SILENCED))
        self._take_back(rows)

    def _withdraw(self, which: ColumnElement[bool]) -> set[int]:
        rows = self._connection.execute(select(shared.shared_opinions).where(which)).all()
        self._connection.execute(delete(shared.shared_opinions).where(which))
        self._take_back([one for one in rows if one.stance != SILENCED])
        return {one.entry for one in rows}

    def _take_back(self, rows: Sequence[Row[Any]]) -> None:
        """Tell trust, unless the member said the same in another entry that still counts."""
        for one in rows:
            stances = replaced_by(Stance(one.stance))
            last = (
                select(_OPINION.stance)
                .where(_OPINION.item_id == one.item_id, _OPINION.member == one.member)
                .where(_OPINION.stance.in_([stance.value for stance in stances]))
                .order_by(_OPINION.entry.desc())
            )
            if self._connection.execute(last.limit(1)).scalar() != one.stance:
                self._trust.withdrawn(self._connection, one.item_id, one.member, one.stance)

    def _known(self, entries: Sequence[int]) -> dict[int, str]:
        found: dict[int, str] = {}
        for some in chunks(entries):
            query = select(shared.shared_opinions).where(self._here, _OPINION.entry.in_(some))
            found.update((row.entry, row.stance) for row in self._connection.execute(query))
        return found

    @property
    def _here(self) -> ColumnElement[bool]:
        return _OPINION.exchange_id == self._followed.id
