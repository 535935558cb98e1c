"""Bringing the parts of an exchange up: lock, signer, log, contents, register, in this order."""

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tocsin.entries.translating import translated
from tocsin.errors import Damaged
from tocsin.exchange.checkpoint import SignedCheckpoint
from tocsin.exchange.committing import Parts, create
from tocsin.exchange.errors import Absent, Unavailable
from tocsin.exchange.keys import PublicKey
from tocsin.exchange.locking import open_locks
from tocsin.exchange.log import Log
from tocsin.exchange.signer import Signer
from tocsin.exchange.signing import KeptSigner, started
from tocsin.exchange.storage import LocalStorage
from tocsin.exchange.tiles import CHECKPOINT
from tocsin.operating.contents import Contents, open_contents
from tocsin.operating.database import Database
from tocsin.operating.desk import State
from tocsin.operating.folder import Folder, lock_folder, open_settings
from tocsin.operating.nonces import StoredNonces
from tocsin.operating.rebuilding import restore_contents, restore_register, restore_tally
from tocsin.operating.settings import Settings
from tocsin.operating.witnessing import addresses, latest_seen, new_client

SIGNER_TRIES = 5
"""The signer of an exchange that was just killed may take a moment to notice, and to go."""

_PAUSE_S = 0.3


@dataclass(frozen=True, slots=True)
class Opened:
    """The parts of an exchange that is open. `stack` closes them."""

    folder: Folder
    settings: Settings
    parts: Parts
    log: Log
    database: Database
    contents: Contents
    nonces: StoredNonces
    state: State
    stack: ExitStack


def open_parts(
    folder: Folder,
    *,
    clock: Callable[[], datetime],
    signer: Signer | None,
    unsafe_network: bool,
) -> Opened:
    """Open everything, recovering what was cut short. Raises errors of ours alone."""
    with ExitStack() as stack, translated():
        settings = open_settings(folder)
        descriptor = lock_folder(folder)
        stack.callback(os.close, descriptor)
        if signer is None:
            unsafe = unsafe_network or settings.unsafe_network
            signer = _start_signer(folder, settings, stack, unsafe_network=unsafe)
        parts = _parts(folder, settings, signer, stack)
        _begin(parts)
        log = Log(parts, _seen(settings))
        stack.callback(log.close)
        database = open_contents(folder.contents)
        stack.callback(database.close)
        nonces = StoredNonces(folder.requests)
        stack.callback(nonces.close)
        contents = Contents(database)
        tree = log.tree()
        restore_contents(contents, tree)
        register = restore_register(folder.register, contents, tree)
        tally, latest = restore_tally(contents, register, clock())
        state = State(register, tally, latest)
        return Opened(
            folder, settings, parts, log, database, contents, nonces, state, stack.pop_all()
        )


def _start_signer(
    folder: Folder, settings: Settings, stack: ExitStack, *, unsafe_network: bool
) -> Signer:
    # Not in the folder of the exchange: the address of a socket has at most 107 bytes.
    private = Path(stack.enter_context(TemporaryDirectory(prefix="tocsin-signer-")))
    options = ["--unsafe-network"] if unsafe_network else []
    start = partial(started, folder.signing_key, folder.signer_memory, private / "socket", *options)
    signer = KeptSigner(private / "socket", PublicKey.parse(settings.key), start)
    for _ in range(SIGNER_TRIES - 1):
        try:
            return stack.enter_context(signer)
        except Unavailable:
            time.sleep(_PAUSE_S)
    return stack.enter_context(signer)


def _parts(folder: Folder, settings: Settings, signer: Signer, stack: ExitStack) -> Parts:
    if str(signer.verifier) != settings.key:
        raise Damaged("the signer's key is not the one in exchange.toml")
    locks = open_locks(settings.lock_url or f"sqlite:///{folder.lock}")
    stack.callback(locks.close)
    return Parts(LocalStorage(folder.log), locks, signer)


def _begin(parts: Parts) -> None:
    """Make the log that is not there yet, or the lock record that was lost.

    A lost record is what the signer signed last: recovery then checks that the log leads there.
    """
    try:
        parts.locks.read(parts.origin)
        return
    except Absent:
        pass
    try:
        last = parts.signer.last()
    except Absent:
        if _is_published(parts):
            raise Damaged(
                "there is a log, but neither a lock record nor a signer that remembers it",
                advice="Restore lock.db and signer/ from a backup.",
            ) from None
        create(parts)
        return
    parts.locks.create(parts.origin, last)


def _seen(settings: Settings) -> list[SignedCheckpoint]:
    """Ask the witnesses what they saw last: an old backup must not be signed on from."""
    asked = addresses(settings.witnesses)
    if not asked:
        return []
    with new_client() as client:
        return latest_seen(client, asked, PublicKey.parse(settings.key))


def _is_published(parts: Parts) -> bool:
    try:
        parts.storage.get(CHECKPOINT)
    except Absent:
        return False
    return True
