"""Intake: what is handed in becomes an upload with an id of its own, or a reason why it cannot.

A path names whatever stands there when it is opened, so everything is asked of the open file and
nothing of the path. Links are not followed and nothing here waits for a pipe.
"""

import errno
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tocsin.errors import InvalidInput, TooLarge, Unavailable
from tocsin.model import Obstacle, Signal, Undecodable, Upload, UploadKind
from tocsin.safehttp import SafeClient

MAX_LINK_CHARS = 8192
MAX_NAME_CHARS = 4096  # PATH_MAX of Linux
MAX_SOURCE_CHARS = 200

_TERRITORY = re.compile(r"[A-Z]{2}")
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


def fresh_id() -> str:
    """Make an id that nobody can guess: 128 random bits in hex."""
    return secrets.token_hex(16)


def from_bytes(
    content: bytes,
    *,
    name: str = "",
    territory: str = "",
    source: str = "",
    id: str | None = None,
) -> Upload:
    """Make an upload of a file's bytes. Raises InvalidInput."""
    return _upload(UploadKind.FILE, content, (), name, territory, source, id)


def from_link(
    link: str, *, name: str = "", territory: str = "", source: str = "", id: str | None = None
) -> Upload:
    """Make an upload of a link, which is not fetched. Raises InvalidInput."""
    if not 0 < len(link) <= MAX_LINK_CHARS:
        raise InvalidInput(f"a link has 1 to {MAX_LINK_CHARS} characters, not {len(link)}")
    try:
        content = link.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput("the link is not valid Unicode") from error
    return _upload(UploadKind.LINK, content, (), name, territory, source, id)


def from_hashes(
    signals: Sequence[Signal],
    *,
    name: str = "",
    territory: str = "",
    source: str = "",
    id: str | None = None,
) -> Upload:
    """Make an upload of which only hashes are known. Raises InvalidInput."""
    if not signals:
        raise InvalidInput("at least one hash is needed")
    return _upload(UploadKind.HASHES, b"", tuple(signals), name, territory, source, id)


def read_file(
    path: Path, *, limit_bytes: int, territory: str = "", id: str | None = None
) -> Upload | Undecodable:
    """Read one regular file of at most `limit_bytes`; its path becomes the upload's name.

    Whatever is wrong with the file is an outcome. Raises InvalidInput for a bad territory.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except (OSError, ValueError) as error:
        return _unreadable(error)
    try:
        content = _read(descriptor, limit_bytes)
    except OSError as error:
        return _unreadable(error)
    finally:
        os.close(descriptor)
    if isinstance(content, Undecodable):
        return content
    return from_bytes(content, name=os.fspath(path)[:MAX_NAME_CHARS], territory=territory, id=id)


def walk(paths: Iterable[Path]) -> Iterator[Path]:
    """Go through files and folders, names in order, the same at every run.

    Links are given but not followed, and so is a folder that cannot be listed: `read_file` says
    what is wrong with each, where leaving them out would pass over them in silence.
    """
    for path in paths:
        waiting = [path]
        while waiting:  # A stack of our own: folders may be nested deeper than calls can.
            present = waiting.pop()
            inside = _listed(present)
            if inside is None:
                yield present
            else:
                waiting.extend(reversed(inside))


def fetch(
    url: str,
    client: SafeClient,
    *,
    limit_bytes: int,
    timeout_s: float = 20.0,
    territory: str = "",
    source: str = "",
    id: str | None = None,
) -> Upload | Undecodable:
    """Fetch a file from an address, which becomes the upload's name.

    Raises UnsafeAddress for an address that this node will not connect to, and InvalidInput.
    """
    try:
        answer = client.get(url, limit_bytes=limit_bytes, timeout_s=timeout_s)
    except TooLarge as error:
        return Undecodable(Obstacle.TOO_LARGE, str(error))
    except Unavailable as error:
        return Undecodable(Obstacle.UNREADABLE, str(error))
    if answer.status != 200:
        return Undecodable(Obstacle.UNREADABLE, f"the address answered {answer.status}")
    if not answer.body:
        return Undecodable(Obstacle.EMPTY, "the address gave nothing")
    name = url[:MAX_NAME_CHARS]
    return from_bytes(answer.body, name=name, territory=territory, source=source, id=id)


def _upload(
    kind: UploadKind,
    content: bytes,
    signals: tuple[Signal, ...],
    name: str,
    territory: str,
    source: str,
    id: str | None,
) -> Upload:
    if len(source) > MAX_SOURCE_CHARS:
        raise InvalidInput(f"a source has at most {MAX_SOURCE_CHARS} characters")
    if len(name) > MAX_NAME_CHARS:
        raise InvalidInput(f"a name has at most {MAX_NAME_CHARS} characters, not {len(name)}")
    code = territory.upper()
    if code and not _TERRITORY.fullmatch(code):
        raise InvalidInput(f"{territory[:20]!r} is not an ISO 3166-1 alpha-2 code, such as DE")
    return Upload(fresh_id() if id is None else id, kind, name, content, signals, code, source)


def _read(descriptor: int, limit_bytes: int) -> bytes | Undecodable:
    before = os.fstat(descriptor)
    if not stat.S_ISREG(before.st_mode):
        return Undecodable(Obstacle.UNREADABLE, "this is not a regular file")
    if before.st_size > limit_bytes:
        text = f"the file has {before.st_size} bytes, more than the {limit_bytes} allowed"
        return Undecodable(Obstacle.TOO_LARGE, text)
    if before.st_size == 0:
        return Undecodable(Obstacle.EMPTY, "the file is empty")
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        content = file.read(before.st_size + 1)
    if len(content) != before.st_size or os.fstat(descriptor).st_mtime_ns != before.st_mtime_ns:
        # Half an old and half a new file would be screened as something that nobody uploaded.
        return Undecodable(Obstacle.UNREADABLE, "the file changed while it was read")
    return content


def _unreadable(error: OSError | ValueError) -> Undecodable:
    if not isinstance(error, OSError):
        return Undecodable(Obstacle.UNREADABLE, f"the file cannot be read: {error}")
    if error.errno == errno.ELOOP:  # What O_NOFOLLOW gives for a link.
        return Undecodable(Obstacle.UNREADABLE, "this is a symbolic link, which is not followed")
    return Undecodable(Obstacle.UNREADABLE, f"the file cannot be read: {error.strerror}")


def _listed(path: Path) -> list[Path] | None:
    """Return what is in a folder, in order; None where `path` is no folder one can list."""
    try:
        if path.is_symlink() or not path.is_dir():
            return None
        return sorted(path.iterdir())
    except (OSError, ValueError):
        return None
