"""Checking an exchange in its folder: the log, every entry and every content, and the register."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime

from tocsin.entries.auditing import Audit, Audited, Auditor, Progress
from tocsin.entries.translating import translated
from tocsin.errors import Conflict, Damaged, TocsinError
from tocsin.exchange.checkpoint import open_checkpoint
from tocsin.exchange.errors import ExchangeError
from tocsin.exchange.fsck import check_log, check_published
from tocsin.exchange.keys import PublicKey
from tocsin.exchange.locking import open_locks
from tocsin.exchange.storage import LocalStorage
from tocsin.exchange.tiles import CHECKPOINT
from tocsin.exchange.tree import Tree
from tocsin.operating import snapshot
from tocsin.operating.contents import Contents, open_contents
from tocsin.operating.folder import Folder, lock_folder, open_settings

RUNNING = "it is running: lock record, register and erasures are checked when it is stopped"


def check_folder(
    folder: Folder,
    *,
    clock: Callable[[], datetime],
    progress: Progress = lambda _done, _total: None,
) -> Audited:
    """Check all of an exchange. Changes nothing.

    Of one that is running, what changes under one's eyes is left out, and said to be. Raises
    ConfigurationError, Unavailable.
    """
    with ExitStack() as stack, translated():
        settings = open_settings(folder)
        verifier = PublicKey.parse(settings.key)
        storage = LocalStorage(folder.log)
        try:
            stack.callback(os.close, lock_folder(folder))
        except Conflict:
            unchecked, report = RUNNING, check_published(storage, [verifier])
        else:
            locks = open_locks(settings.lock_url or f"sqlite:///{folder.lock}")
            stack.callback(locks.close)
            unchecked, report = "", check_log(storage, locks, [verifier])
        others: list[str] = []
        try:
            head = open_checkpoint(storage.get(CHECKPOINT), [verifier]).checkpoint
            tree = Tree(storage, head)
        except ExchangeError as error:
            return Audited(report, Audit(), (f"the entries cannot be read: {error}",))
        database = open_contents(folder.contents)
        stack.callback(database.close)
        contents = Contents(database)
        auditor = Auditor(tree, _Reading(contents, tree, others).read, now=clock(), sees_all=True)
        try:
            audit = auditor.run(progress)
        except (ExchangeError, TocsinError) as error:
            others.append(f"the entries cannot be read to their end: {error}")
            return Audited(report, auditor.audit, tuple(others))
        if not unchecked:
            others += [
                f"the content of entry {index} was to be erased and is there"
                for index in sorted(auditor.register.erased)
                if contents.has(index)
            ]
            others += _check_register(folder, auditor, tree)
        return Audited(report, audit, tuple(others), unchecked=unchecked)


class _Reading:
    """The contents as an auditor reads them, compared with the leaves on the way."""

    def __init__(self, contents: Contents, tree: Tree, others: list[str]) -> None:
        self._contents = contents
        self._tree = tree
        self._others = others

    def read(self, start: int, end: int) -> list[bytes]:
        """Return the contents of the entries [start, end)."""
        found = [b""] * (end - start)
        leaves = list(self._tree.entries(start, end))
        for stored in self._contents.range(start, end):
            if stored.leaf != leaves[stored.position - start]:
                self._others.append(f"row {stored.position} of the contents is of another entry")
            elif stored.content is not None:
                found[stored.position - start] = stored.content
        return found


def _check_register(folder: Folder, auditor: Auditor, tree: Tree) -> list[str]:
    """Compare the register as it was written down with what the log says."""
    if not folder.register.exists():
        return []
    try:
        register, root = snapshot.read(folder.register)
    except Damaged as error:
        return [str(error)]
    if register.size > tree.size or tree.root_at(register.size) != root:
        return ["register.json is of another log"]
    if register.size == tree.size and register.dump() != auditor.register.dump():
        return ["register.json does not say what the log says"]
    return []
