"""A real PostgreSQL for tests: Debian's package, a cluster in /tmp, on a Unix socket only."""

import ctypes
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from sqlalchemy import create_engine

from tocsin.recording import migrating
from tocsin.recording.shared import metadata

START_S = 120
_EMPTY = f"""
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid();
{"".join(f'DELETE FROM "{table.name}";' for table in reversed(metadata.sorted_tables))}
SELECT setval(format('%I', sequencename)::regclass, 1, false) FROM pg_sequences;
"""
_PR_SET_PDEATHSIG = 1
_numbers = itertools.count()


@dataclass(frozen=True)
class Postgres:
    """A running server: the folder of its socket, which is all one needs to reach it."""

    folder: Path
    spare: list[str] = field(default_factory=list)
    """Databases with empty tables, of tests that are done: making one anew takes far longer."""

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://tocsin@/{database}?host={self.folder}"

    def run(self, statement: str, *, database: str = "postgres") -> None:
        """Run SQL outside a transaction, as CREATE DATABASE asks for."""
        where = f"host={self.folder} user=tocsin dbname={database}"
        with psycopg.connect(where, autocommit=True) as connection:
            connection.execute(statement.encode())


@contextmanager
def start_postgres() -> Iterator[Postgres | str]:
    """Start a server, or give the sentence that says why there is none."""
    programs = _find_programs()
    if programs is None:
        yield "no PostgreSQL here: `apt install postgresql` to run this half of the tests"
        return
    # Not pytest's own folder: only its owner may enter that, and a socket's path must be short.
    folder = Path(tempfile.mkdtemp(prefix="tocsin-pg-"))
    user = _ordinary_user(folder)
    try:
        command = [programs / "initdb", "-D", folder / "data", "-U", "tocsin", "-A", "trust"]
        command += ["-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(command, check=True, capture_output=True, **user)
        options = ("listen_addresses=", "fsync=off", "full_page_writes=off", "max_connections=200")
        server = subprocess.Popen(
            [programs / "postgres", "-D", folder / "data", "-k", folder]
            + [word for option in options for word in ("-c", option)],
            stdout=subprocess.DEVNULL,
            stderr=(folder / "log").open("w"),
            preexec_fn=_die_with_parent,
            **user,
        )
        try:
            yield _prepared(Postgres(folder), server)
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(START_S)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def migrated_database(server: Postgres) -> Iterator[str]:
    """A database with all tables and nothing in them, for one test."""
    name = f"test_{next(_numbers)}"
    if server.spare:
        # Under another name: what a test may have left running finds it no more.
        server.run(f"ALTER DATABASE {server.spare.pop()} RENAME TO {name}")
    else:
        server.run(f"CREATE DATABASE {name} TEMPLATE tocsin")
    try:
        yield server.url(name)
    finally:
        try:
            server.run(_EMPTY, database=name)
            server.spare.append(name)
        except psycopg.Error:  # The test left its tables in another state.
            server.run(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def new_database(server: Postgres) -> Iterator[str]:
    """A database without any table, for one test."""
    name = f"test_{next(_numbers)}"
    server.run(f"CREATE DATABASE {name}")
    try:
        yield server.url(name)
    finally:
        server.run(f"DROP DATABASE {name} WITH (FORCE)")


def _find_programs() -> Path | None:
    found = shutil.which("initdb")
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])
    )
    return installed[-1].parent if installed else Path(found).parent if found else None


def _ordinary_user(folder: Path) -> dict[str, object]:
    """PostgreSQL refuses to run as root: step down to another user, who then owns the folder."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": folder}


def _die_with_parent() -> None:
    """Have the kernel end the server when the tests are killed before they could."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def _prepared(server: Postgres, process: subprocess.Popen[bytes]) -> Postgres:
    """Wait for the server, then make the migrated database that tests are copied from."""
    last = time.monotonic() + START_S
    while True:
        try:
            server.run("CREATE DATABASE tocsin")
            break
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > last:
                raise RuntimeError((server.folder / "log").read_text()) from None
            time.sleep(0.05)
    engine = create_engine(server.url("tocsin"))
    migrating.upgrade(engine)
    engine.dispose()
    return server
