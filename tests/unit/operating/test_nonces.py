"""Nonces of requests: each is used once, also after a restart, until it is too old."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from exchanges import NOW
from tocsin.operating.nonces import StoredNonces

UNTIL = NOW + timedelta(minutes=5)


@pytest.fixture
def nonces(tmp_path):
    nonces = StoredNonces(tmp_path / "requests.db")
    yield nonces
    nonces.close()


def test_a_nonce_is_used_once_by_each_key(nonces):
    assert [nonces.use(key, "n", UNTIL) for key in ("a", "a", "b")] == [True, False, True]


def test_a_nonce_is_remembered_over_a_restart(nonces, tmp_path):
    nonces.use("a", "n", UNTIL)
    nonces.close()
    again = StoredNonces(tmp_path / "requests.db")
    assert not again.use("a", "n", UNTIL)
    again.close()


def test_of_many_who_use_one_nonce_at_once_one_is_let_in(nonces):
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: nonces.use("a", "n", UNTIL), range(50))) == 1


def test_a_nonce_is_forgotten_when_it_is_too_old_and_not_before(nonces):
    nonces.use("a", "n", UNTIL)
    nonces.purge(UNTIL)
    assert not nonces.use("a", "n", UNTIL)
    nonces.purge(UNTIL + timedelta(seconds=2))
    assert nonces.use("a", "n", UNTIL)
