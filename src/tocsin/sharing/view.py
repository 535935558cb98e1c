"""What a node knows of one exchange, in memory: a mirror of the database after each page.

Only `page` changes it, and the database follows; when that fails, the view is loaded anew.
"""

import base64
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, Row, select

from tocsin.entries.envelope import Position
from tocsin.entries.register import Register
from tocsin.exchange.checkpoint import Checkpoint
from tocsin.exchange.merkle import CompactRange, leaf_hash, subtrees
from tocsin.exchange.tree import Tree
from tocsin.recording import shared
from tocsin.recording.store import Store
from tocsin.sharing.effects import follow
from tocsin.sharing.keeping import ROLLED_BACK
from tocsin.sharing.leaves import Leaves, Load, brief, stored_block
from tocsin.sharing.ledger import Page
from tocsin.sharing.replaying import Checked, Early
from tocsin.sharing.settings import Followed
from tocsin.sharing.verifying import Batch, Finding, keys_in, named_keys


@dataclass(slots=True)
class View:
    """The state after `register.size` entries. `note` is the last checkpoint that was accepted.

    `frozen` says why nothing more is applied; `smaller` is the checkpoint that did it, where it was
    a rollback. `early_until` is the latest time at which entries were received that came from the
    future. `keys` holds every key that was ever mentioned, by id. `edge` is the right edge of the
    tree of `register.size` entries, once it is known: what lets a ring be verified without
    fetching. Owned by one thread.
    """

    followed: Followed
    register: Register
    leaves: Leaves
    note: bytes | None = None
    covered: int = 0
    frozen: str = ""
    smaller: bytes | None = None
    early_until: datetime | None = None
    edge: CompactRange | None = None
    keys: dict[bytes, bytes] | None = None

    @classmethod
    def fresh(cls, followed: Followed) -> "View":
        """Return the view of an exchange of which nothing is known yet."""
        leaves = Leaves(0, lambda _: b"")
        return cls(followed, Register(followed.origin), leaves, edge=CompactRange())

    @classmethod
    def load(cls, store: Store, exchange_id: int) -> "View":
        """Read what is stored. Raises Damaged, Unavailable."""
        with store.read() as connection:
            query = select(shared.exchanges).where(shared.exchanges.c.id == exchange_id)
            row = connection.execute(query).one()
            register = _register(connection, row)
            smaller = _smaller(connection, exchange_id) if row.frozen else None
        followed = Followed.of(row)
        leaves = Leaves(row.size, _loader(store, exchange_id))
        view = cls(followed, register, leaves, row.note, row.covered, row.frozen, smaller)
        view.early_until = row.early_until
        if not row.size:
            view.edge = CompactRange()
        return view

    @property
    def size(self) -> int:
        """How many entries were applied."""
        return self.register.size

    def batch(self, leaves: Sequence[bytes], contents: Sequence[bytes]) -> Batch:
        """Return entries as a batch to be checked; the keys that they bring are known from now."""
        known = self._keys()
        known.update(keys_in(leaves, contents))
        keys = tuple(known[name] for name in named_keys(leaves) if name in known)
        return Batch(self.followed.origin, keys, leaves, contents)

    def page(self, checked: Checked, now: datetime) -> Page:
        """Replay the next entries; return what is to be written of them."""
        before = dict(self.register.positions)
        briefs = (
            brief(leaf, malformed=finding == Finding.MALFORMED)
            for leaf, finding in zip(checked.leaves, checked.findings, strict=True)
        )
        blocks = self.leaves.extend(briefs)
        me = self.followed.member
        chunk = follow(self.register, checked, self.leaves.find, now, me)
        chains = {
            member: position
            for member, position in self.register.positions.items()
            if before.get(member) is not position
        }
        dump = self.dump() if chunk.governed else None
        early = [one.received_at for one in chunk.faults if isinstance(one, Early)]
        early += [] if self.early_until is None else [self.early_until]
        self.early_until = max(early, default=None)
        return Page(chunk, self.register, dump, chains, blocks, self.early_until)

    def dump(self) -> str:
        """Write the register down without the chains, which have rows of their own."""
        return replace(self.register, positions={}).dump().decode()

    def grown(self, leaves: Sequence[bytes], head: Checkpoint) -> CompactRange | None:
        """Return the edge after these leaves if they lead from our tree to exactly that head."""
        if self.edge is None or self.edge.size != self.size:
            return None
        edge = deepcopy(self.edge)
        for leaf in leaves:
            edge.push(leaf_hash(leaf))
        fits = edge.size == head.size and edge.root() == head.root
        return edge if fits else None

    def _keys(self) -> dict[bytes, bytes]:
        if self.keys is None:
            self.keys = {
                bytes.fromhex(name): key.public
                for member in self.register.members.values()
                for name, key in member.keys.items()
            }
        return self.keys


def edge_of(tree: Tree, size: int) -> CompactRange:
    """Return the right edge that a tree had when it was of `size`. Raises as `Tree`."""
    edge = CompactRange()
    for level, index in subtrees(0, size):
        edge.push(tree.node(level, index), level)
    return edge


def _smaller(connection: Connection, exchange_id: int) -> bytes | None:
    """Return the checkpoint that the newest exhibit shows, where that is a rollback."""
    exhibit = shared.evidence.c
    query = select(shared.evidence).where(exhibit.exchange_id == exchange_id)
    row = connection.execute(query.order_by(exhibit.id.desc()).limit(1)).one()
    return base64.b64decode(row.files["shown.note"]) if row.kind == ROLLED_BACK else None


def _register(connection: Connection, row: Row[tuple[object, ...]]) -> Register:
    register = Register.load(row.register.encode()) if row.register else Register(row.origin)
    register.size = row.size
    chain = shared.chains.c
    query = select(chain.member, chain.sequence, chain.digest)
    for member, sequence, digest in connection.execute(query.where(chain.exchange_id == row.id)):
        register.positions[member] = Position(sequence, digest)
    return register


def _loader(store: Store, exchange_id: int) -> Load:
    def load(number: int) -> bytes:
        with store.read() as connection:
            return stored_block(connection, exchange_id, number)

    return load
