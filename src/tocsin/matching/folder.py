"""The folder of an index: its manifest, its segment files, and the lock of its one writer."""

import fcntl
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tocsin.errors import Damaged, Unavailable
from tocsin.matching import manifest as manifests
from tocsin.matching.building import Rows, build
from tocsin.matching.durable import UNFINISHED, new_file, sync_folder
from tocsin.matching.manifest import Entry, Manifest
from tocsin.matching.segment import Segment

MANIFEST = "manifest"
SEGMENT = ".segment"
DAMAGED = ".damaged"
_LOCK = "writer.lock"
_SEGMENT_NAME = re.compile(r"(\d{8,})\.segment")
_ATTEMPTS = 10
"""How often a reader looks again when a merge took away the files it was about to open."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a folder holds up to a revision: segments, and bits for their dead rows.

    `damage` says what was wrong; then it holds nothing.
    """

    revision: int = 0
    segments: Mapping[Segment, bytes] = field(default_factory=dict)
    damage: tuple[str, ...] = ()


class Folder:
    """All that touches the disk. One process may write, any number may read.

    The lock is flock's: it ends with the process, but children that are forked while it is held,
    and do not exec, hold it too. So fork such children before an index is opened.
    """

    def __init__(self, path: Path, *, writer: bool) -> None:
        """Open a folder; a writer makes it if need be. Raises Unavailable."""
        self.path = path
        self._lock = -1
        self._named: set[int] = set()
        if writer:
            try:
                path.mkdir(parents=True, exist_ok=True)
                self._lock = _locked(path / _LOCK)
            except OSError as error:
                raise Unavailable(f"the index folder {path} cannot be written: {error}") from error

    @property
    def writer(self) -> bool:
        """Whether this process may write: false as well when another one was first."""
        return self._lock >= 0

    def close(self) -> None:
        """Let another process write."""
        if self.writer:
            os.close(self._lock)
            self._lock = -1

    def load(self, known: Mapping[int, Segment]) -> Contents:
        """Open and check what the manifest names; segments already `known` are taken over.

        A writer sets damaged files aside and removes what a crash left over. Raises Unavailable.
        """
        try:
            manifest, segments, damage = self._opened(known)
            if self.writer:
                self._set_aside(damage)
                self._named = set(segments)
                self._clear()
        except OSError as error:
            raise Unavailable(f"the index folder {self.path} cannot be read: {error}") from error
        if damage:
            return Contents(damage=tuple(f"{path.name}: {why}" for path, why in damage.items()))
        marks = (entry.dead for entry in manifest.entries)
        return Contents(manifest.revision, dict(zip(segments.values(), marks, strict=True)))

    def write_segment(self, sources: Sequence[Rows], *, radius: int) -> Segment:
        """Make a segment of these rows. It counts once it is published. Raises Unavailable."""
        number = 1 + max((number for number, _ in self._files()), default=0)
        path = self._segment_path(number)
        try:
            build(path, sources, radius=radius)
            return Segment(path)
        except OSError as error:
            raise Unavailable(f"no segment could be written: {error}") from error

    def publish(self, revision: int, segments: Mapping[Segment, bytes]) -> None:
        """Make these segments, with bits for their dead rows, all there is up to `revision`.

        It counts from the moment the manifest is replaced; files that it does not name are removed
        after that. Raises Unavailable; then everything is as it was.
        """
        entries = tuple(
            Entry(int(segment.path.stem), len(segment), segment.checksum, dead)
            for segment, dead in segments.items()
        )
        try:
            with new_file(self.path / MANIFEST) as file:
                file.write(Manifest(revision, entries).encode())
            self._named = {entry.number for entry in entries}
        except OSError as error:
            raise Unavailable(f"the manifest could not be written: {error}") from error
        finally:
            self._clear()

    def _opened(
        self, known: Mapping[int, Segment]
    ) -> tuple[Manifest, dict[int, Segment], dict[Path, str]]:
        """The manifest, its segments by number, and what is wrong with which file."""
        path = self.path / MANIFEST
        damage: dict[Path, str] = {}
        for _ in range(_ATTEMPTS):
            try:
                data = path.read_bytes()
                manifest = manifests.decode(data)
            except FileNotFoundError:
                return Manifest(), {}, {}
            except Damaged as error:
                return Manifest(), {}, {path: str(error)}
            segments, damage = self._segments(manifest, known)
            if not damage or path.read_bytes() == data:
                return manifest, {} if damage else segments, damage
        return Manifest(), {}, damage

    def _segments(
        self, manifest: Manifest, known: Mapping[int, Segment]
    ) -> tuple[dict[int, Segment], dict[Path, str]]:
        segments: dict[int, Segment] = {}
        damage: dict[Path, str] = {}
        for entry in manifest.entries:
            path = self._segment_path(entry.number)
            try:
                segment = known.get(entry.number) or Segment(path)
                if (segment.checksum, len(segment)) != (entry.checksum, entry.rows):
                    raise Damaged("the file is not the one that the manifest names")
                segments[entry.number] = segment
            except Damaged as error:
                damage[path] = str(error)
            except FileNotFoundError:
                damage[path] = "the file is missing"
        return segments, damage

    def _segment_path(self, number: int) -> Path:
        return self.path / f"{number:08d}.segment"

    def _files(self) -> Iterator[tuple[int, Path]]:
        """Every segment file with its number, those set aside and unfinished ones included."""
        for path in self.path.iterdir():
            if name := _SEGMENT_NAME.match(path.name):
                yield int(name[1]), path

    def _set_aside(self, damage: Mapping[Path, str]) -> None:
        """Keep damaged files under another name; the manifest goes first, so nothing names them."""
        for path in (self.path / MANIFEST, *damage) if damage else ():
            if path.exists():
                path.replace(path.with_name(path.name + DAMAGED))
                sync_folder(self.path)

    def _clear(self) -> None:
        """Remove segments that the manifest does not name, and files that were never finished."""
        for number, path in self._files():
            if path.suffix == SEGMENT and number not in self._named:
                path.unlink(missing_ok=True)
        for path in self.path.glob(f"*{UNFINISHED}"):
            path.unlink(missing_ok=True)


def _locked(path: Path) -> int:
    """A descriptor that holds the lock, or -1 where another process holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return -1
    return descriptor
