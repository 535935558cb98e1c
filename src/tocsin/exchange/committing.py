"""How a batch of entries becomes part of the log.

The order is that of Sunlight (`internal/ctlog`), steps (a) and (i) being in `log.py`:

(b) compute tiles and root; (c) stage everything, durable, and recompute it from the stored bytes;
(d) sign; (e) swap the lock record: the commit point; (f) apply the staged tiles; (g) publish the
checkpoint; (h) drop what is no longer needed.

An error up to (c) concerns the batch alone. From (d) on it is unknown which side of the error the
signer and the lock record are on, so the state in memory is worthless: only `recover` may continue.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from tocsin.exchange.checkpoint import Checkpoint, SignedCheckpoint, open_checkpoint
from tocsin.exchange.edge import Edge
from tocsin.exchange.errors import Damaged, ExchangeError, Overtaken, Refused, Uncertain
from tocsin.exchange.locking import Locks
from tocsin.exchange.merkle import EMPTY_ROOT
from tocsin.exchange.signer import Signer
from tocsin.exchange.staging import (
    apply_staged,
    check_staged,
    drop_reached,
    read_staging,
    write_staging,
)
from tocsin.exchange.storage import Storage
from tocsin.exchange.tiles import CHECKPOINT
from tocsin.exchange.tree import Tree


@dataclass(frozen=True, slots=True)
class Parts:
    """What a log is built from. Two processes with the same parts are two writers of one log."""

    storage: Storage
    locks: Locks
    signer: Signer

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.signer.verifier.name


@dataclass(frozen=True, slots=True)
class Head:
    """Where a log stands: the committed checkpoint, and the edge that goes with it."""

    signed: SignedCheckpoint
    edge: Edge

    @property
    def checkpoint(self) -> Checkpoint:
        """The committed checkpoint."""
        return self.signed.checkpoint


def create(parts: Parts) -> None:
    """Begin a log: sign the empty tree and make the lock record. Raises Overtaken if there is one.

    A creation that was cut short may be repeated.
    """
    empty = Checkpoint(parts.origin, 0, EMPTY_ROOT)
    parts.locks.create(parts.origin, parts.signer.sign(empty, 0, ()))


def commit(parts: Parts, head: Head, entries: Sequence[bytes]) -> Head:
    """Append entries, steps (b) to (g).

    Raises Malformed or Unavailable if only this batch failed. After any other error the log must be
    recovered: Damaged, Refused (nothing was appended), Uncertain (that is not known).
    """
    growth = head.edge.grow(entries)
    new = Checkpoint(parts.origin, growth.edge.size, growth.edge.root)
    write_staging(parts.storage, new, growth.objects)
    staged = read_staging(parts.storage, new)
    tree = check_staged(staged, head.checkpoint, new)
    try:
        signed = sign(parts, tree, head.checkpoint.size)
        swap(parts, head.signed, signed)
        apply_staged(parts.storage, staged)
        parts.storage.replace(CHECKPOINT, signed.note)
    except Refused:
        raise
    except ExchangeError as error:
        raise Uncertain(f"the entries may or may not be in the log: {error}") from error
    return Head(signed, growth.edge)


def tidy(parts: Parts, head: Head) -> None:
    """Drop what the head made superfluous, step (h); what cannot be dropped now is so later."""
    with contextlib.suppress(ExchangeError):
        drop_reached(parts.storage, head.checkpoint)


def sign(parts: Parts, tree: Tree, old_size: int) -> SignedCheckpoint:
    """Have the tree's head signed, step (d). Raises Refused, Unavailable, Damaged."""
    note = parts.signer.sign(tree.head, old_size, tree.consistency(old_size))
    signed = open_checkpoint(note, [parts.signer.verifier])
    if signed.checkpoint != tree.head:
        raise Damaged("the signer signed something else than it was asked to")
    return signed


def swap(parts: Parts, old: SignedCheckpoint, new: SignedCheckpoint) -> None:
    """Change the lock record, step (e), or find that another has recovered our batch already.

    Raises Overtaken, Unavailable.
    """
    try:
        parts.locks.swap(parts.origin, old.note, new.note)
    except Overtaken:
        if parts.locks.read(parts.origin) != new.note:
            raise
