"""Checking a whole log: everything is recomputed from the entries, and nothing else is believed.

Written apart from `tree.py`, which readers rely on, so that neither can hide a fault of the other.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tocsin.exchange.bundles import decode_bundle
from tocsin.exchange.checkpoint import Checkpoint, SignedCheckpoint, open_checkpoint
from tocsin.exchange.errors import Absent, Malformed, Unverified
from tocsin.exchange.keys import Verifier
from tocsin.exchange.locking import Locks
from tocsin.exchange.merkle import HASH_BYTES, CompactRange, leaf_hash, root
from tocsin.exchange.staging import FOLDER
from tocsin.exchange.storage import TEMPORARY, Storage
from tocsin.exchange.tiles import BUNDLE, CHECKPOINT, WIDTH, Tile, tile_at, tiles_of
from tocsin.exchange.tree import Fetch


class Fault(StrEnum):
    """What can be wrong."""

    CHECKPOINT = "checkpoint"
    """The checkpoint is absent, malformed, or not signed by the log."""
    BUNDLE = "bundle"
    """A bundle is absent, cannot be split, or contradicts a tile."""
    TILE = "tile"
    """A tile is absent, or is not what the entries hash to. If the root is right, it is wrong."""
    ROOT = "root"
    """The entries do not hash to the root; bundles are wrong where tiles of level 0 are named."""
    LOCK = "lock"
    """The lock record is absent, unsigned, behind the checkpoint, or of another history."""
    STRAY = "stray"
    """A tile or bundle beyond the size of the log."""


class Remark(StrEnum):
    """What is not wrong, and worth knowing."""

    UNPUBLISHED = "unpublished"
    """The lock record is ahead of the checkpoint: the log died in between and will recover."""
    STAGING = "staging"
    """A batch that was not dropped: on its way, or left by a writer that died."""
    TEMPORARY = "temporary"
    """A file that was being written."""
    FOREIGN = "foreign"
    """A file that does not belong to the log."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One observation about one object."""

    kind: Fault | Remark
    path: str
    detail: str


@dataclass(slots=True)
class Report:
    """What a check found. `size` is that of the signed checkpoint, 0 without one."""

    size: int = 0
    tiles: int = 0
    bundles: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether everything verified; remarks do not matter."""
        return not any(isinstance(one.kind, Fault) for one in self.findings)

    def add(self, kind: Fault | Remark, path: str, detail: str) -> None:
        """Note an observation."""
        self.findings.append(Finding(kind, path, detail))


def check_published(fetch: Fetch, known: Sequence[Verifier]) -> Report:
    """Check all that a reader can see, from a folder or a server. Raises Unavailable."""
    report = Report()
    _check_published(fetch, known, report)
    return report


def check_log(storage: Storage, locks: Locks, known: Sequence[Verifier]) -> Report:
    """Check all that the log's owner can see: also lock record, strays, leftovers.

    The log should not be written to meanwhile. Raises Unavailable.
    """
    report = Report()
    signed = _check_published(storage, known, report)
    if signed is not None:
        ahead = _check_lock(locks, known, signed, report)
        _check_files(storage, report, ahead=ahead)
    return report


def _check_published(
    fetch: Fetch, known: Sequence[Verifier], report: Report
) -> SignedCheckpoint | None:
    signed = _open(fetch, known, report)
    if signed is not None:
        report.size = signed.checkpoint.size
        _Check(fetch, signed.checkpoint, report).run()
    return signed


class _Check:
    """One pass over the entries from left to right, comparing each tile when it is complete."""

    def __init__(self, fetch: Fetch, head: Checkpoint, report: Report) -> None:
        self._fetch, self._head, self._report = fetch, head, report
        # By level: the hashes that no compared tile holds yet, and how many tiles were compared.
        self._rows: defaultdict[int, list[bytes]] = defaultdict(list)
        self._done: Counter[int] = Counter()
        self._tree = CompactRange()

    def run(self) -> None:
        for bundle in tiles_of(BUNDLE, self._head.size):
            hashes = self._leaves(bundle)
            for one in hashes:
                self._tree.push(one)
            self._add(0, hashes)
        for level, row in self._rows.items():
            self._compare(level, row)
        if self._tree.root() != self._head.root:
            self._report.add(Fault.ROOT, CHECKPOINT, "the entries do not hash to the signed root")

    def _leaves(self, bundle: Tile) -> list[bytes]:
        """Hash the entries; where they cannot be read, take what the tile says, to look further.

        Such hashes are not believed: they are compared with the signed root like all others.
        """
        self._report.bundles += 1
        try:
            data, found = _get(self._fetch, bundle)
            entries = decode_bundle(data, found.width)[: bundle.width]
        except (Absent, Malformed) as error:
            self._report.add(Fault.BUNDLE, bundle.path, str(error))
            return self._claimed(Tile(0, bundle.index, bundle.width))
        return [leaf_hash(entry) for entry in entries]

    def _claimed(self, tile: Tile) -> list[bytes]:
        try:
            data = _get(self._fetch, tile)[0].ljust(tile.width * HASH_BYTES, b"\0")
        except (Absent, Malformed):
            data = bytes(tile.width * HASH_BYTES)
        return [data[at : at + HASH_BYTES] for at in range(0, tile.width * HASH_BYTES, HASH_BYTES)]

    def _add(self, level: int, hashes: list[bytes]) -> None:
        row = self._rows[level]
        row += hashes
        if len(row) == WIDTH:
            self._compare(level, row)
            self._add(level + 1, [root(row)])
            row.clear()

    def _compare(self, level: int, row: list[bytes]) -> None:
        """Compare a stored tile with the hashes that it must hold, if any."""
        if not row:
            return
        tile = Tile(level, self._done[level], len(row))
        self._done[level] += 1
        self._report.tiles += 1
        try:
            data, found = _get(self._fetch, tile)
        except (Absent, Malformed) as error:
            self._report.add(Fault.TILE, tile.path, str(error))
            return
        if len(data) != found.width * HASH_BYTES or data[: len(row) * HASH_BYTES] != b"".join(row):
            self._report.add(Fault.TILE, tile.path, "is not what the entries hash to")


def _open(fetch: Fetch, known: Sequence[Verifier], report: Report) -> SignedCheckpoint | None:
    try:
        return open_checkpoint(fetch.get(CHECKPOINT), known)
    except (Absent, Malformed, Unverified) as error:
        report.add(Fault.CHECKPOINT, CHECKPOINT, str(error))
        return None


def _get(fetch: Fetch, tile: Tile) -> tuple[bytes, Tile]:
    """Read a tile, or the full one that took its place while the log grew."""
    try:
        return fetch.get(tile.path), tile
    except Absent:
        if not tile.partial:
            raise
    return fetch.get(tile.full.path), tile.full


def _check_files(storage: Storage, report: Report, *, ahead: bool) -> None:
    """Look at every file: the current tiles were compared, older partial ones are compared now."""
    for path in storage.names(""):
        folder = path.split("/")[0]
        if folder == FOLDER:
            report.add(Remark.STAGING, path, "a batch that was not dropped")
        elif folder == TEMPORARY:
            report.add(Remark.TEMPORARY, path, "a file that was being written")
        elif folder == "tile":
            _check_tile(storage, path, report, ahead=ahead)
        elif path != CHECKPOINT:
            report.add(Remark.FOREIGN, path, "does not belong to the log")


def _check_tile(storage: Storage, path: str, report: Report, *, ahead: bool) -> None:
    try:
        tile = Tile.parse(path)
        current = tile_at(tile.level, tile.index, report.size)
    except Malformed:
        report.add(Remark.FOREIGN, path, "is not the path of a tile")
        return
    except ValueError:
        current = Tile(tile.level, tile.index, 0)
    if tile.width > current.width:
        if not ahead:
            report.add(Fault.STRAY, path, f"a log of {report.size} entries has no such tile")
    elif tile != current and not _is_front(storage, tile, current):
        kind = Fault.BUNDLE if tile.level == BUNDLE else Fault.TILE
        report.add(kind, path, "is not the front of the tile that it became")


def _is_front(storage: Storage, tile: Tile, current: Tile) -> bool:
    """Whether an older partial tile is whole, and how the current one begins."""
    try:
        stored, data = storage.get(tile.path), storage.get(current.path)
        if tile.level == BUNDLE:
            decode_bundle(stored, tile.width)
    except (Absent, Malformed):
        return False
    whole = tile.level == BUNDLE or len(stored) == tile.width * HASH_BYTES
    return whole and data.startswith(stored)


def _check_lock(
    locks: Locks, known: Sequence[Verifier], signed: SignedCheckpoint, report: Report
) -> bool:
    """Compare the lock record with what is published; return whether it is ahead."""
    head = signed.checkpoint
    try:
        locked = open_checkpoint(locks.read(head.origin), known).checkpoint
    except (Absent, Malformed, Unverified) as error:
        report.add(Fault.LOCK, head.origin, str(error))
        return False
    if locked.size > head.size:
        detail = f"size {locked.size} is committed, size {head.size} is published"
        report.add(Remark.UNPUBLISHED, CHECKPOINT, detail)
        return True
    if locked != head:
        detail = f"the record of size {locked.size} is not the checkpoint of size {head.size}"
        report.add(Fault.LOCK, head.origin, detail)
    return False
