"""The lock record on PostgreSQL: killed, cut off and contended for, the log keeps one history."""

import random
import shutil
import time

import pytest
from sqlalchemy.engine import make_url

from databases import new_database
from exchanges import Running, an_item, own_signer
from tocsin.entries.statements import GroupSaid
from tocsin.errors import Conflict, Unavailable
from tocsin.operating import desk
from tocsin.operating.checking import check_folder
from tocsin.operating.exchange import Exchange
from tocsin.operating.folder import Folder


@pytest.fixture
def lock_url(postgres):
    if isinstance(postgres, str):
        pytest.skip(postgres)
    with new_database(postgres) as url:
        yield url


@pytest.fixture
def running(tmp_path, lock_url):
    """An exchange whose lock record lies in PostgreSQL."""
    running = Running(tmp_path / "exchange", lock_url=lock_url)
    yield running
    running.close()


def test_the_lock_record_lies_in_the_database_and_outlives_the_exchange(running):
    alice = running.join("alice")
    alice.say(an_item(1))
    running.reopen()
    assert alice.say(an_item(2)) == [3]
    assert not running.folder.lock.exists()
    running.close()
    assert check_folder(running.folder, clock=running.clock).clean


def test_an_exchange_killed_over_and_over_keeps_its_word(submitters, survives, folder, lock_url):
    settings = folder / "exchange" / "exchange.toml"
    settings.write_text(f'{settings.read_text()}lock_url = "{lock_url}"\n')
    draw = random.Random(3)
    for _ in range(8):
        submitters.kill(folder, draw.uniform(0.01, 0.5), speaks=True)
    assert survives(folder) > 20


def test_connections_that_the_database_drops_are_made_anew(running, postgres, lock_url):
    alice = running.join("alice")
    for number in range(3):
        drop_connections(postgres, lock_url)
        submitted_in_the_end(alice, alice.seal(an_item(number)))
    assert running.exchange.register().size == 5


def test_while_the_database_is_away_nothing_is_admitted_and_then_all_goes_on(
    running, postgres, lock_url, monkeypatch
):
    monkeypatch.setattr(desk, "SETTLE_S", 0.5)
    alice = running.join("alice")
    name = make_url(lock_url).database
    postgres.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    drop_connections(postgres, lock_url)
    parcel = alice.seal(an_item(1))
    with pytest.raises(Unavailable):
        alice.submit(parcel)
    postgres.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    (admitted,) = submitted_in_the_end(alice, parcel)
    assert admitted.index == 2
    running.close()
    assert check_folder(running.folder, clock=running.clock).clean
    running.open()


@pytest.mark.parametrize("signers", [1, 2])
def test_of_two_servers_with_one_log_one_goes_on(running, tmp_path, signers):
    alice = running.join("alice")
    copy, signer = copied(running, tmp_path / "copy"), running.signer
    if signers == 2:  # As if the key had been copied too: the record alone stands in between.
        signer = own_signer(copy)
    other = Exchange.open(copy.path, clock=running.clock, signer=signer)
    assert alice.say(an_item(1)) == [2]
    with pytest.raises(Conflict) as caught:
        other.say(GroupSaid(audience="few", members=("alice",))).result()
    assert caught.value.code == "overtaken"
    assert alice.say(an_item(2)) == [3]
    other.close()
    running.close()
    assert check_folder(running.folder, clock=running.clock).clean


def copied(running, path):
    """Another server's folder, with the same log on storage that both share."""
    running.close()
    shutil.copytree(running.folder.path, path, ignore=shutil.ignore_patterns("log"))
    Folder(path).log.symlink_to(running.folder.log)
    running.open()
    return Folder(path)


def drop_connections(postgres, lock_url):
    """Return once they are gone, and not only asked to go."""
    name = make_url(lock_url).database
    gone = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
    postgres.run(f"{gone} WHERE datname = '{name}'")


def submitted_in_the_end(person, parcel):
    """Submit until it is answered, as every member does."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return person.submit(parcel)
        except Unavailable:
            assert time.monotonic() < deadline
            time.sleep(0.1)
