"""`register.json`: the register as it was written down last, so that a start need not replay all.

Two lines of JSON: what the second must hash to, with the root that the log had at its size; and the
register. A snapshot that is damaged, or of another log, is as good as none.
"""

import json
from hashlib import sha256
from pathlib import Path

from tocsin.entries.register import Register
from tocsin.errors import Damaged, Unavailable
from tocsin.exchange.tree import Tree
from tocsin.operating.folder import write_durably


def save(path: Path, register: Register, root: bytes) -> None:
    """Write the register of a log that has this root at the register's size. Raises Unavailable."""
    body = register.dump()
    head = json.dumps({"root": root.hex(), "sha256": sha256(body).hexdigest()})
    write_durably(path, head.encode() + b"\n" + body + b"\n", mode=0o600)


def read(path: Path) -> tuple[Register, bytes]:
    """Return the register and the root that belongs to it. Raises Damaged, Unavailable."""
    try:
        head, _, body = path.read_bytes().partition(b"\n")
    except OSError as error:
        raise Unavailable(f"{path} cannot be read: {error.strerror}") from error
    body = body.removesuffix(b"\n")
    try:
        said = json.loads(head)
        root, digest = bytes.fromhex(said["root"]), said["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged(f"{path} is not a register") from error
    if sha256(body).hexdigest() != digest:
        raise Damaged(f"{path} fails its own check")
    return Register.load(body), root


def read_for(path: Path, tree: Tree) -> Register | None:
    """Return the register if it belongs to this very log; None where it must be replayed."""
    try:
        register, root = read(path)
    except (Damaged, Unavailable):
        return None
    fits = register.origin == tree.head.origin and register.size <= tree.size
    return register if fits and tree.root_at(register.size) == root else None
