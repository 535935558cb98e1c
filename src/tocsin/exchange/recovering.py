"""How a log that was cut short recovers: at each start, and after every error it cannot judge.

Sunlight trusts its lock record alone; then a crash between signature and swap leads to a second
signature over the same size. Here the signer remembers and never signs two roots of one size, so
recovery leads to the very head that was signed. Nothing that was acknowledged, or even signed, is
lost, and no two signed checkpoints contradict each other, published or not.
"""

from collections.abc import Sequence

from tocsin.exchange.checkpoint import Checkpoint, SignedCheckpoint, open_checkpoint
from tocsin.exchange.committing import Head, Parts, sign, swap, tidy
from tocsin.exchange.edge import Edge
from tocsin.exchange.errors import Absent, Damaged, Malformed, Refused, Unverified
from tocsin.exchange.staging import (
    Staged,
    apply_staged,
    check_objects,
    check_staged,
    drop_torn,
    read_staging,
)
from tocsin.exchange.tiles import CHECKPOINT
from tocsin.exchange.tree import Tree


def recover(parts: Parts, seen: Sequence[SignedCheckpoint] = ()) -> Head:
    """Bring a log to the last head that was signed, and return it, published.

    `seen` are checkpoints of this log that witnesses or members hold: a log that was restored from
    an old backup contradicts them, and must not sign. Raises Absent for a log that was never
    created, Damaged, Refused, Overtaken, Unavailable; Malformed or Unverified where the lock record
    was altered.
    """
    # 1. What the public sees, read before the record that is always changed first.
    known = [*_published(parts), *seen]
    # 2. The lock record says which history is ours; the signer may be one batch ahead of it, and
    #    then that batch is the only way on.
    signed, signer_size = _catch_up(parts)
    # 3. Apply the batch that leads here, unless it was dropped, and so applied, before.
    staged = _staged(parts, signed.checkpoint)
    drop_torn(parts.storage, staged)
    apply_staged(parts.storage, staged)
    # 4. Read the edge back through the same checks as any member's.
    tree = Tree(parts.storage, signed.checkpoint)
    head = Head(signed, Edge.load(tree))
    # 5. Nobody may have seen more than we know.
    for other in known:
        _check_seen(tree, other.checkpoint)
    # 6. A signer that was restored from a backup learns where we are, with a proof.
    if signer_size < tree.size:
        sign(parts, tree, signer_size)
    parts.storage.replace(CHECKPOINT, signed.note)
    tidy(parts, head)
    return head


def _catch_up(parts: Parts) -> tuple[SignedCheckpoint, int]:
    """Bring the lock record to what was signed last; return it, and the size the signer is at."""
    locked = open_checkpoint(parts.locks.read(parts.origin), [parts.signer.verifier])
    last = _last_signed(parts)
    old, new = locked.checkpoint, last.checkpoint
    if new.size < old.size or new == old:
        return locked, new.size
    if new.size == old.size:
        raise Refused(f"the signer has signed another root of size {new.size}")
    try:
        staged = read_staging(parts.storage, new)
    except Absent as error:
        if parts.locks.read(parts.origin) != locked.note:
            return _catch_up(parts)  # A living writer has finished it meanwhile.
        raise Damaged(
            f"size {new.size} was signed, but its batch is not here, and the lock record is at "
            f"size {old.size}",
            advice="Was a backup restored? Restore the log from a mirror that has that size.",
        ) from error
    check_staged(staged, old, new)
    swap(parts, locked, last)
    return last, new.size


def _last_signed(parts: Parts) -> SignedCheckpoint:
    try:
        return open_checkpoint(parts.signer.last(), [parts.signer.verifier])
    except Absent as error:
        raise Refused(
            "the signer remembers nothing of this log",
            advice="Have the signer adopt the largest checkpoint that any witness or member holds.",
        ) from error


def _staged(parts: Parts, head: Checkpoint) -> Staged:
    """Read the batch that leads to `head`; an empty one if there is none that proves itself."""
    try:
        staged = read_staging(parts.storage, head)
        check_objects(staged, head)
    except (Absent, Damaged):
        return Staged(parts.storage, {})
    return staged


def _published(parts: Parts) -> list[SignedCheckpoint]:
    """Read what the public sees: empty for a file that is absent or was never signed by us."""
    try:
        return [open_checkpoint(parts.storage.get(CHECKPOINT), [parts.signer.verifier])]
    except (Absent, Malformed, Unverified):
        return []


def _check_seen(tree: Tree, other: Checkpoint) -> None:
    if other.size > tree.size or tree.root_at(other.size) != other.root:
        raise Damaged(
            f"a signed checkpoint of size {other.size} is not part of this log of {tree.size}",
            advice="Was a backup restored? Restore the log from a mirror that has that size.",
        )
