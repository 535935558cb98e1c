"""What the store says is stored is stored; what fails falls alone; what is gone is said to be."""

import os
import resource
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import select, text

from tocsin.errors import ConfigurationError, Conflict, InvalidInput, Unavailable
from tocsin.recording import tables
from tocsin.recording.events import Event, Tag
from tocsin.recording.store import Store, next_revision, record_in


def event(clock, subject="subject", **body):
    return Event(clock(), Tag.NODE_STARTED, "node", subject, body)


def subjects(store):
    with store.read() as connection:
        return list(
            connection.scalars(select(tables.events.c.subject).order_by(tables.events.c.id))
        )


@pytest.fixture
def held(store):
    """Hold the writer back, so that all that is submitted meanwhile becomes one group."""
    started, release = threading.Event(), threading.Event()

    def hold(connection):
        started.set()
        release.wait(30)

    store.write(hold)
    started.wait(30)
    yield release
    release.set()


def test_what_is_recorded_is_there_when_the_future_ends(store, clock):
    store.record(event(clock, "one"), event(clock, "two")).result()
    assert subjects(store) == ["one", "two"]


def test_a_job_gives_back_its_result(store):
    assert (
        store.write(lambda connection: connection.execute(text("SELECT 7")).scalar()).result() == 7
    )


def test_what_was_stored_is_there_after_opening_again(store, store_url, clock):
    store.record(event(clock)).result()
    store.close()
    again = Store(store_url)
    assert subjects(again) == ["subject"]
    assert again.id == store.id
    again.close()


def test_two_databases_have_two_names(store, tmp_path):
    other = Store(f"sqlite:///{tmp_path / 'other.db'}")
    assert other.id != store.id
    other.close()


def test_commits_are_counted_by_the_jobs_in_them(store, clock, held):
    waiting = [store.record(event(clock)) for _ in range(5)]
    held.set()
    for one in waiting:
        one.result()
    commits = store.commits()
    assert {jobs: count for jobs, count in enumerate(commits) if count} == {1: 1, 5: 1}


def test_a_failing_job_falls_alone(store, clock, held):
    def failing(connection):
        record_in(connection, event(clock, "undone"))
        raise Conflict("no")

    before = store.write(lambda connection: record_in(connection, event(clock, "before")))
    failed = store.write(failing)
    after = store.record(event(clock, "after"))
    held.set()
    before.result(), after.result()
    with pytest.raises(Conflict, match="no"):
        failed.result()
    assert subjects(store) == ["before", "after"]


def test_a_job_that_breaks_a_statement_falls_alone(store, clock, held):
    broken = store.write(lambda connection: connection.execute(text("SELECT * FROM nowhere")))
    fine = store.write(lambda connection: record_in(connection, event(clock, "fine")))
    held.set()
    fine.result()
    with pytest.raises(Unavailable, match="nowhere"):
        broken.result()
    assert subjects(store) == ["fine"]


@pytest.mark.parametrize(
    "bad",
    [
        Event(datetime(2026, 1, 1), Tag.NODE_STARTED, "node", "naive"),  # noqa: DTZ001
        Event(datetime.now().astimezone(), Tag.NODE_STARTED, "node", "x", {"not": {"json"}}),
    ],
    ids=["naive time", "not json"],
)
def test_an_event_that_cannot_be_stored_falls_alone(store, clock, held, bad):
    fine, failed = store.record(event(clock, "fine")), store.record(event(clock, "with"), bad)
    last = store.record(event(clock, "last"))
    held.set()
    fine.result(), last.result()
    with pytest.raises(InvalidInput, match="cannot be stored"):
        failed.result()
    assert subjects(store) == ["fine", "last"]


def test_jobs_run_in_the_order_they_came(store, clock, held):
    futures = [
        store.write(lambda c, n=number: record_in(c, event(clock, str(n)))) for number in range(600)
    ]
    held.set()
    [future.result() for future in futures]
    assert subjects(store) == [str(number) for number in range(600)]


def test_many_threads_record_and_nothing_is_lost_or_doubled(store, clock):
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: store.record(event(clock, str(n))).result(), range(500)))
    assert sorted(map(int, subjects(store))) == list(range(500))


def test_a_job_sees_what_earlier_ones_did_and_readers_do_not(store, clock, held):
    def count(connection):
        return len(connection.execute(select(tables.events)).all())

    store.record(event(clock))
    seen = store.write(lambda c: (record_in(c, event(clock)), count(c))[1])
    assert subjects(store) == []
    held.set()
    assert seen.result() >= 1


def test_revisions_count_the_changes_of_lists(store):
    assert store.revision() == 0
    assert [store.write(next_revision).result() for _ in range(3)] == [1, 2, 3]
    assert store.revision() == 3


def test_a_job_that_fails_takes_no_revision(store):
    def failing(connection):
        next_revision(connection)
        raise Conflict("no")

    with pytest.raises(Conflict):
        store.write(failing).result()
    assert store.write(next_revision).result() == 1


WRITER = """
import sys
from datetime import UTC, datetime
from tocsin.recording.events import Event, Tag
from tocsin.recording.store import Store, next_revision, record_in

def job(connection):
    revision = next_revision(connection)
    record_in(connection, Event(datetime.now(UTC), Tag.LIST_CHANGED, "node", str(revision)))

store = Store(sys.argv[1])
for future in [store.write(job) for _ in range(150)]:
    future.result()
store.close()
"""


def test_revisions_become_visible_in_order_while_two_processes_write(store, store_url):
    """Whoever has read everything up to a revision has missed nothing, at every moment."""
    command = [sys.executable, "-c", WRITER, store_url]
    writers = [subprocess.Popen(command) for _ in range(2)]
    while any(writer.poll() is None for writer in writers):
        with store.read() as connection:
            seen = sorted(int(one) for one in connection.scalars(select(tables.events.c.subject)))
        assert seen == list(range(1, len(seen) + 1))
    assert [writer.returncode for writer in writers] == [0, 0]
    assert store.revision() == len(subjects(store)) == 300


def test_what_was_submitted_before_closing_is_stored(store, store_url, clock):
    futures = [store.record(event(clock, str(number))) for number in range(50)]
    store.close()
    [future.result() for future in futures]
    again = Store(store_url)
    assert len(subjects(again)) == 50
    again.close()


def test_after_closing_writes_are_refused(store, clock):
    store.close()
    store.close()
    with pytest.raises(Unavailable, match="shutting down"):
        store.record(event(clock))


def test_whatever_is_submitted_while_closing_is_stored_or_refused_and_never_hangs(store, clock):
    def submit(number):
        try:
            store.record(event(clock, str(number))).result(timeout=30)
        except Unavailable:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        outcomes = pool.map(submit, range(400))
        store.close()
        assert all(outcome in (True, False) for outcome in outcomes)


@pytest.mark.parametrize("fate", ["deleted", "replaced"])
def test_a_database_file_that_is_gone_is_noticed_by_reads_and_writes(sqlite_store, clock, fate):
    path = Path(sqlite_store._path)
    sqlite_store.record(event(clock)).result()
    if fate == "replaced":
        path.with_suffix(".copy").write_bytes(path.read_bytes())
        path.with_suffix(".copy").rename(path)
    else:
        path.unlink()
    with pytest.raises(Unavailable, match="gone or was replaced"), sqlite_store.read():
        pass
    with pytest.raises(Unavailable, match="gone or was replaced"):
        sqlite_store.revision()
    with pytest.raises(Unavailable, match="gone or was replaced"):
        sqlite_store.record(event(clock)).result()


def test_what_is_written_to_a_file_deleted_meanwhile_is_not_called_stored(sqlite_store):
    with pytest.raises(Unavailable, match="gone"):
        sqlite_store.write(lambda _: sqlite_store._path.unlink()).result()


def test_a_writer_that_failed_goes_on(sqlite_store, clock):
    path = sqlite_store._path
    aside = path.rename(path.with_suffix(".aside"))
    with pytest.raises(Unavailable):
        sqlite_store.record(event(clock, "lost")).result()
    aside.rename(path)
    sqlite_store.record(event(clock, "kept")).result()
    assert subjects(sqlite_store) == ["kept"]


def test_a_connection_that_the_server_cut_is_replaced(postgresql_store, clock):
    cut = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"  # Waits for its end.
    others = "pid <> pg_backend_pid() AND datname = current_database()"
    with postgresql_store.read() as connection:
        connection.execute(text(f"{cut} WHERE {others}"))
    postgresql_store.record(event(clock)).result()
    assert subjects(postgresql_store) == ["subject"]


def test_a_reader_cannot_be_blocked_by_a_writer(store, held):
    assert store.revision() == 0
    assert subjects(store) == []


def test_the_folder_of_the_database_is_made(tmp_path):
    Store(f"sqlite:///{tmp_path / 'a' / 'b' / 'tocsin.db'}").close()
    assert (tmp_path / "a" / "b" / "tocsin.db").exists()


@pytest.mark.parametrize("url", ["nonsense", "oracle://u@h/d", "postgresql+nodriver://h/d"])
def test_a_url_that_cannot_be_used_is_a_fault_of_the_configuration(url):
    with pytest.raises(ConfigurationError):
        Store(url)


def test_a_server_that_does_not_answer_is_unavailable():
    with pytest.raises(Unavailable):
        Store("postgresql+psycopg://nobody@/nothing?host=/nowhere")


def test_a_file_that_is_no_database_is_unavailable(tmp_path):
    (tmp_path / "tocsin.db").write_bytes(os.urandom(8192))
    with pytest.raises(Unavailable, match="not a database"):
        Store(f"sqlite:///{tmp_path / 'tocsin.db'}")


def test_a_disk_that_is_full_while_scrubbing_is_unavailable(sqlite_store, clock):
    sqlite_store.record(*(event(clock, "x" * 1000) for _ in range(300))).result()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(Unavailable, match="could not be written"):
            sqlite_store.scrub()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert sqlite_store.scrub()
