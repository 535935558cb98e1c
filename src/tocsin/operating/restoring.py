"""Restoring an exchange whose log was lost: the log comes from any mirror, the keys from a backup.

Trust: the mirror is not trusted, every byte is hashed up to a root that the log's key signed. What
no machine can find out is whether more was signed than anybody still shows: an exchange that went
on from less would sign a second history. So witnesses are asked, and a person answers for the rest.
"""

import os
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from tocsin.entries.auditing import Progress
from tocsin.entries.translating import translated
from tocsin.errors import Conflict
from tocsin.exchange.bundles import encode_bundle
from tocsin.exchange.checkpoint import Checkpoint, open_checkpoint
from tocsin.exchange.edge import Edge
from tocsin.exchange.errors import Absent
from tocsin.exchange.keys import PublicKey
from tocsin.exchange.locking import Locks, open_locks
from tocsin.exchange.signer import KeySigner, read_key
from tocsin.exchange.storage import LocalStorage, Storage
from tocsin.exchange.tiles import BUNDLE, CHECKPOINT, WIDTH, Tile, right_edge, tile_at
from tocsin.exchange.tree import Fetch, Tree
from tocsin.operating.folder import Folder, lock_folder, open_settings
from tocsin.operating.witnessing import addresses, latest_seen, new_client

Agree = Callable[[int], None]
"""Told the size of the log before anything is changed; raises where a person does not agree."""


def restore_log(folder: Folder, fetch: Fetch, *, agree: Agree, progress: Progress) -> int:
    """Fetch the log into a folder that has the settings and the keys; return its size.

    Signer and lock record are told that this is what was signed last. May be repeated where it was
    cut short. Raises Conflict where more of the log was seen, or is here, than the mirror has, and
    where the exchange runs; ConfigurationError, Damaged, NotFound, Unavailable.
    """
    with ExitStack() as stack, translated():
        settings = open_settings(folder)
        stack.callback(os.close, lock_folder(folder))
        key = PublicKey.parse(settings.key)
        signer = KeySigner(read_key(folder.signing_key), folder.signer_memory)
        stack.callback(signer.close)
        locks = open_locks(settings.lock_url or f"sqlite:///{folder.lock}")
        stack.callback(locks.close)
        storage = LocalStorage(folder.log)
        signed = open_checkpoint(fetch.get(CHECKPOINT), [key])
        known = [*_notes_here(storage, signer, locks, key.name), *_seen(settings.witnesses, key)]
        tree = Tree(fetch, signed.checkpoint)
        for note in known:
            _check_known(tree, open_checkpoint(note, [key]).checkpoint)
        agree(tree.size)
        _copy(tree, storage, progress)
        storage.replace(CHECKPOINT, signed.note)
        signer.adopt(signed.note)
        _record(locks, key.name, signed.note)
        return tree.size


def _notes_here(storage: Storage, signer: KeySigner, locks: Locks, origin: str) -> list[bytes]:
    """Return what this folder knows of the log, whatever of it was left."""
    reads = (partial(storage.get, CHECKPOINT), signer.last, partial(locks.read, origin))
    found = []
    for read in reads:
        try:
            found.append(read())
        except Absent:
            continue
    return found


def _seen(witnesses: str, key: PublicKey) -> list[bytes]:
    asked = addresses(witnesses)
    if not asked:
        return []
    with new_client() as client:
        return [one.note for one in latest_seen(client, asked, key)]


def _check_known(tree: Tree, known: Checkpoint) -> None:
    """Refuse a mirror that is behind, or shows another history."""
    if known.size > tree.size or tree.root_at(known.size) != known.root:
        raise Conflict(
            f"the mirror has {tree.size} entries, which do not go on from {known.size} others "
            "that were signed",
            advice="Restore from a mirror that has all that was signed.",
            code="behind",
        )


def _copy(tree: Tree, storage: Storage, progress: Progress) -> None:
    """Store all bundles, and the tiles that they hash to, bundle by bundle."""
    edge = Edge()
    for start in range(0, tree.size, WIDTH):
        grown = edge.grow(tree.bundle(start // WIDTH))
        edge = grown.edge
        whole = {path: data for path, data in grown.objects.items() if not Tile.parse(path).partial}
        storage.put(whole)
        progress(edge.size, tree.size)
    last = {tile.path: b"".join(edge.rows[tile.level]) for tile in right_edge(tree.size)}
    if edge.entries:
        last[tile_at(BUNDLE, tree.size // WIDTH, tree.size).path] = encode_bundle(edge.entries)
    storage.put(last)


def _record(locks: Locks, origin: str, note: bytes) -> None:
    try:
        before = locks.read(origin)
    except Absent:
        locks.create(origin, note)
    else:
        locks.swap(origin, before, note)
