"""A witness's folder: its key, the logs that it watches, and what it has seen of each.

    key           the witness's signing key, readable by its owner alone
    logs          the public keys of the logs, one a line; # begins a remark
    witness.db    the latest checkpoint of each log, with the witness's own cosignature

Trust: who holds the key can cosign anything, which is worth one vote of a quorum. Who can change
the rest can make the witness forget, and so cosign a fork; or stop it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tocsin.entries.translating import translated
from tocsin.errors import Conflict, InvalidInput, NotFound, Unavailable
from tocsin.exchange.errors import Malformed
from tocsin.exchange.keys import Algorithm, PublicKey, SigningKey
from tocsin.exchange.locking import open_locks
from tocsin.exchange.signer import read_key, write_key
from tocsin.exchange.witness import Witness

MAX_LOGS_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Watch:
    """A witness that is open, and the names of the logs that it watches."""

    witness: Witness
    origins: tuple[str, ...]


def make_watch(folder: Path, name: str, logs: Sequence[str]) -> PublicKey:
    """Make the folder of a witness of that name and return its public key.

    Raises Conflict where there is one already, InvalidInput, Unavailable.
    """
    if (folder / "key").exists():
        raise Conflict(f"there is a witness in {folder} already")
    _parse("".join(f"{one}\n" for one in logs))
    with translated():
        key = SigningKey.generate(name, Algorithm.COSIGNATURE)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "logs").write_text("".join(f"{one}\n" for one in logs))
    except OSError as error:
        raise Unavailable(f"{folder} cannot be written: {error.strerror}") from error
    with translated():
        write_key(folder / "key", key)
    return key.verifier


@contextmanager
def open_watch(folder: Path, *, clock: Callable[[], datetime]) -> Iterator[Watch]:
    """Open a witness. Raises NotFound, InvalidInput, Conflict, Unavailable."""
    if not (folder / "key").exists():
        raise NotFound(
            f"there is no witness in {folder}",
            advice="`tocsin witness DIR --name NAME --log KEY` makes one.",
        )
    try:
        text = (folder / "logs").read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(f"{folder / 'logs'} cannot be read: {error}") from error
    logs = _parse(text)
    with translated():
        key = read_key(folder / "key")
        locks = open_locks(f"sqlite:///{folder / 'witness.db'}")
        witness = Witness(key, logs, locks=locks, clock=clock)
    try:
        yield Watch(witness, tuple(logs))
    finally:
        locks.close()


def _parse(text: str) -> Mapping[str, Sequence[PublicKey]]:
    """Read the keys of the logs, by the log's name. One log may have several, while it changes."""
    if len(text) > MAX_LOGS_BYTES:
        raise InvalidInput("the file of logs is larger than a witness can need")
    found: dict[str, list[PublicKey]] = defaultdict(list)
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            key = PublicKey.parse(line.strip())
        except Malformed as error:
            raise InvalidInput(f"line {number} of the logs: {error}") from error
        if key.algorithm is not Algorithm.ED25519:
            raise InvalidInput(f"line {number} of the logs: the key of a witness, not of a log")
        found[key.name].append(key)
    return dict(found)
