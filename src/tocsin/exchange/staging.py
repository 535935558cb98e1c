"""Staging: a batch's objects in one file, durable before its checkpoint is signed.

From the signature on, this file is what brings the batch to its end whatever happens: committing
and recovering apply it by the same function. It is dropped only when the lock record has reached
its size.

The file is a line `tocsin-staging-v1`, the SHA-256 of all that follows (32 bytes), and for each
object its path's length (2 bytes), its data's length (4 bytes), path and data; big-endian.
"""

import struct
from hashlib import sha256

from tocsin.exchange.checkpoint import Checkpoint
from tocsin.exchange.edge import Objects
from tocsin.exchange.errors import Absent, Damaged, Malformed
from tocsin.exchange.storage import Storage
from tocsin.exchange.tiles import BUNDLE, Tile, tile_at
from tocsin.exchange.tree import Tree

FOLDER = "staging"

_MAGIC = b"tocsin-staging-v1\n"
_BODY = len(_MAGIC) + sha256().digest_size
_LENGTHS = struct.Struct(">HI")


class Staged:
    """The objects of a batch over those of the storage: what is stored once they are applied."""

    def __init__(self, storage: Storage, objects: Objects) -> None:
        self._storage = storage
        self.objects = objects

    def get(self, path: str) -> bytes:
        """Return an object; see `Fetch`."""
        staged = self.objects.get(path)
        return self._storage.get(path) if staged is None else staged


def staging_path(head: Checkpoint) -> str:
    """Return where the batch that leads to `head` is staged: two writers never share a path."""
    return f"{FOLDER}/{head.size}-{head.root.hex()}"


def encode_staging(objects: Objects) -> bytes:
    """Join the objects of a batch."""
    parts = []
    for path, data in objects.items():
        name = path.encode()
        parts += [_LENGTHS.pack(len(name), len(data)), name, data]
    body = b"".join(parts)
    return _MAGIC + sha256(body).digest() + body


def decode_staging(data: bytes) -> Objects:
    """Split a staging file. Raises Damaged."""
    body = data[_BODY:]
    if data[:_BODY] != _MAGIC + sha256(body).digest():
        raise Damaged("a staging file fails its own check")
    objects, at = {}, 0
    while at < len(body):
        name, size = _LENGTHS.unpack_from(body, at)
        start = at + _LENGTHS.size + name
        objects[body[at + _LENGTHS.size : start].decode()] = body[start : start + size]
        at = start + size
    return objects


def read_staging(storage: Storage, head: Checkpoint) -> Staged:
    """Read the batch that leads to `head`. Raises Absent, Damaged, Unavailable."""
    return Staged(storage, decode_staging(storage.get(staging_path(head))))


def check_objects(staged: Staged, head: Checkpoint) -> Tree:
    """Authenticate every staged object under `head`, and return the tree. Raises Damaged."""
    tree = Tree(staged, head)
    for path in staged.objects:
        _authenticate(tree, path)
    return tree


def check_staged(staged: Staged, old: Checkpoint, new: Checkpoint) -> Tree:
    """Recompute from the stored bytes that the batch leads from `old` to `new`. Raises Damaged.

    A bit that flipped between hashing and storing ended the CT log Yeti 2022; here it ends before
    the signature.
    """
    tree = check_objects(staged, new)
    if tree.root_at(old.size) != old.root:
        raise Damaged(f"the batch up to {new.size} does not extend the tree of {old.size}")
    return tree


def write_staging(storage: Storage, head: Checkpoint, objects: Objects) -> None:
    """Make the batch that leads to `head` durable. Raises as `Storage.put`."""
    storage.put({staging_path(head): encode_staging(objects)})


def apply_staged(storage: Storage, staged: Staged) -> None:
    """Store a batch whose checkpoint is committed. May be repeated. Raises as `Storage.put`."""
    storage.put(staged.objects)


def drop_torn(storage: Storage, staged: Staged) -> None:
    """Remove stored objects that contradict a committed batch, so that it can be applied.

    A disk that lost power may have kept a name and lost its bytes. The staged bytes hash to the
    signed root and the stored ones do not, so nothing true is lost.
    """
    staged_objects = staged.objects.items()
    storage.delete([path for path, data in staged_objects if _stored(storage, path, data) != data])


def drop_reached(storage: Storage, head: Checkpoint) -> None:
    """Remove the batches that the log has reached or passed, and the partial tiles they completed.

    Larger batches stay: another writer may be between its signature and its swap, or have died
    there, and then only its staging can bring the log to what was signed. Partial tiles go because
    readers fall back to the full ones; kept, they would be most of a log that grows by single
    entries.
    """
    for path in storage.names(FOLDER):
        if _staged_size(path) <= head.size:
            for full in _completed(storage, path):
                storage.delete(storage.names(f"{full}.p"))
            storage.delete([path])


def _completed(storage: Storage, path: str) -> list[str]:
    """Name the full tiles in a staging file; none if it cannot be read."""
    try:
        objects = decode_staging(storage.get(path))
    except Damaged:
        return []
    return [one for one in objects if not Tile.parse(one).partial]


def _authenticate(tree: Tree, path: str) -> None:
    """Read a staged object through the tree, which must have it at just this width."""
    try:
        tile = Tile.parse(path)
        fits = tile == tile_at(tile.level, tile.index, tree.size)
    except (Malformed, ValueError):
        fits = False
    if not fits:
        raise Damaged(f"{path} was staged and is no tile of a tree of {tree.size}")
    if tile.level == BUNDLE:
        tree.bundle(tile.index)
    else:
        tree.tile(tile.level, tile.index)


def _stored(storage: Storage, path: str, default: bytes) -> bytes:
    try:
        return storage.get(path)
    except Absent:
        return default


def _staged_size(path: str) -> int:
    size = path.removeprefix(f"{FOLDER}/").split("-")[0]
    return int(size) if size.isdecimal() else 0
