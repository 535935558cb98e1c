"""A key lets in whoever holds it, until it is revoked or runs out, and nobody else."""

import re
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select, update

from clocks import FakeClock
from tocsin.errors import InvalidInput, NotFound, Refused, Unavailable
from tocsin.keys import FRESH_S, Keys, Scope, parse_scopes
from tocsin.recording import tables
from tocsin.recording.events import Tag
from tocsin.recording.store import Store


class Ticks:
    """A monotonic clock that a test advances."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def ticks():
    return Ticks()


@pytest.fixture
def keys(store, clock, ticks):
    return Keys(store, clock, monotonic=ticks)


def make(keys, *scopes, **more):
    return keys.create("upload service", scopes or [Scope.SCREEN], actor="alice", **more)


def rows(store, table):
    with store.read() as connection:
        return connection.execute(select(table)).all()


def test_a_new_key_lets_its_holder_in(keys):
    new = make(keys, Scope.SCREEN, Scope.LISTS_READ)
    assert keys.verify(new.token) == new.key
    assert new.key.scopes == {Scope.SCREEN, Scope.LISTS_READ}


def test_a_token_says_where_it_belongs_and_has_256_random_bits(keys):
    new = make(keys)
    assert re.fullmatch(rf"tocsin_{new.key.id}_[A-Za-z0-9_-]{{43}}", new.token)
    assert new.token != make(keys).token


def test_the_token_is_stored_nowhere(keys, store):
    new = make(keys)
    stored = repr(rows(store, tables.api_keys) + rows(store, tables.events))
    secret = new.token.split("_", 2)[2]
    assert secret not in stored
    assert secret not in repr(new)


@pytest.mark.parametrize("wrong", ["", "tocsin", "tocsin_1_2", "Bearer x", "x" * 9000, "tocsin_é"])
def test_what_is_no_token_is_refused(keys, wrong):
    with pytest.raises(Refused):
        keys.verify(wrong)


@given(position=st.integers(0, 66), other=st.sampled_from("0aA_-"))
def test_a_token_with_one_character_changed_is_refused(one_key, position, other):
    keys, token = one_key
    changed = token[:position] + other + token[position + 1 :]
    if changed != token:
        with pytest.raises(Refused):
            keys.verify(changed)


@pytest.fixture(scope="module")
def one_key(tmp_path_factory):
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('keys') / 'tocsin.db'}")
    keys = Keys(store, FakeClock())
    yield keys, make(keys).token
    store.close()


def test_the_secret_of_one_key_does_not_open_another(keys):
    one, other = make(keys), make(keys)
    mixed = f"tocsin_{one.key.id}_{other.token.split('_', 2)[2]}"
    with pytest.raises(Refused, match="unknown"):
        keys.verify(mixed)


def test_a_revoked_key_is_refused_at_once(keys):
    new = make(keys)
    keys.verify(new.token)
    assert keys.revoke(new.key.id, actor="bob").revoked_at is not None
    with pytest.raises(Refused, match="revoked"):
        keys.verify(new.token)


def test_a_key_revoked_in_another_process_is_refused_within_a_second(keys, store_url, clock, ticks):
    new = make(keys)
    keys.verify(new.token)
    other = Store(store_url)
    Keys(other, clock).revoke(new.key.id, actor="bob")
    other.close()
    ticks.now += FRESH_S + 0.001
    assert FRESH_S < 1
    with pytest.raises(Refused, match="revoked"):
        keys.verify(new.token)


def test_a_key_made_in_another_process_is_known_without_waiting(keys, store_url, clock, ticks):
    keys.verify(make(keys).token)
    other = Store(store_url)
    new = make(Keys(other, clock))
    other.close()
    ticks.now += 0.03
    assert keys.verify(new.token) == new.key


def test_verifying_reads_the_database_once_in_a_while(keys, store, ticks, monkeypatch):
    new, reads = make(keys), []
    read = store.read
    monkeypatch.setattr(store, "read", lambda: reads.append(1) or read())
    for _ in range(100):
        keys.verify(new.token)
    assert len(reads) == 1
    ticks.now += FRESH_S + 0.001
    keys.verify(new.token)
    assert len(reads) == 2


def test_guessing_keys_reads_the_database_once_in_a_while(keys, store, monkeypatch):
    reads = []
    read = store.read
    monkeypatch.setattr(store, "read", lambda: reads.append(1) or read())
    for number in range(100):
        with pytest.raises(Refused):
            keys.verify(f"tocsin_{number:016x}_{'x' * 43}")
    assert len(reads) == 1


def test_a_key_that_has_run_out_is_refused_to_the_microsecond(keys, clock):
    new = make(keys, expires_at=clock() + timedelta(hours=1))
    clock.advance(3600 - 1e-6)
    keys.verify(new.token)
    clock.advance(1e-6)
    with pytest.raises(Refused, match="run out"):
        keys.verify(new.token)


def test_nobody_is_let_in_when_the_database_does_not_answer(keys, store, ticks, monkeypatch):
    new = make(keys)
    keys.verify(new.token)

    def gone():
        raise Unavailable("the database is gone")

    monkeypatch.setattr(store, "read", gone)
    ticks.now += FRESH_S + 0.001
    with pytest.raises(Unavailable):
        keys.verify(new.token)


def test_keys_last_over_a_restart(keys, store_url, clock):
    new = make(keys)
    again = Store(store_url)
    assert Keys(again, clock).verify(new.token) == new.key
    again.close()


def test_admin_may_do_everything_and_others_only_what_they_are_for(keys):
    admin, plain = make(keys, Scope.ADMIN).key, make(keys, Scope.SCREEN).key
    assert all(admin.allows(scope) for scope in Scope)
    assert [scope for scope in Scope if plain.allows(scope)] == [Scope.SCREEN]


def test_a_missing_scope_is_named(keys):
    key = make(keys, Scope.SCREEN).key
    key.require(Scope.SCREEN)
    with pytest.raises(Refused, match="lists:write"):
        key.require(Scope.LISTS_WRITE)


def test_scopes_are_read_from_words():
    assert parse_scopes([" screen", "lists:read"]) == {Scope.SCREEN, Scope.LISTS_READ}


@pytest.mark.parametrize("word", ["", "SCREEN", "lists", "root"])
def test_an_unknown_scope_is_named(word):
    with pytest.raises(InvalidInput, match="lists:write"):
        parse_scopes(["screen", word])


@pytest.mark.parametrize("name", ["", "x" * 101, "line\nbreak", "nul\0", "\u202ereversed"])
def test_a_name_that_cannot_be_shown_is_refused(keys, name):
    with pytest.raises(InvalidInput):
        keys.create(name, [Scope.SCREEN], actor="alice")


def test_a_key_without_a_scope_is_refused(keys):
    with pytest.raises(InvalidInput, match="scope"):
        keys.create("idle", [], actor="alice")


def test_an_end_that_is_past_or_naive_is_refused(keys, clock):
    for end in (clock(), clock() - timedelta(days=1), datetime(2100, 1, 1)):  # noqa: DTZ001
        with pytest.raises(InvalidInput, match="future"):
            make(keys, expires_at=end)


def test_revoking_an_unknown_key_is_not_found(keys):
    with pytest.raises(NotFound):
        keys.revoke("0" * 16, actor="charlie")


def test_making_and_revoking_are_recorded_once_each(keys, store):
    new = make(keys)
    first = keys.revoke(new.key.id, actor="bob")
    assert keys.revoke(new.key.id, actor="charlie") == first
    found = [(one.tag, one.actor, one.subject) for one in rows(store, tables.events)]
    assert found == [
        (Tag.KEY_CREATED, "alice", new.key.id),
        (Tag.KEY_REVOKED, "bob", new.key.id),
    ]


def test_all_keys_are_listed_oldest_first_revoked_ones_too(keys, clock):
    first = make(keys).key
    clock.advance(1)
    second = make(keys).key
    revoked = keys.revoke(first.id, actor="alice")
    assert keys.all() == (revoked, second)


def test_a_scope_of_a_newer_version_grants_nothing(keys, store, clock):
    new = make(keys)
    where = tables.api_keys.c.id == new.key.id
    change = update(tables.api_keys).where(where).values(scopes=["screen", "everything:else"])
    store.write(lambda connection: connection.execute(change)).result()
    assert Keys(store, clock).verify(new.token).scopes == {Scope.SCREEN}


def test_two_keys_cannot_share_a_digest(keys, store):
    make(keys)
    (row,) = rows(store, tables.api_keys)
    values = {**row._mapping, "id": "0" * 16}
    with pytest.raises(Unavailable):
        store.write(lambda c: c.execute(insert(tables.api_keys).values(values))).result()
