"""A folder keeps what it was given, whole and unchanged."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tocsin.exchange.errors import Absent, Damaged, Unavailable
from tocsin.exchange.storage import STALE_TEMPORARY_S, LocalStorage


@pytest.fixture
def storage(tmp_path):
    return LocalStorage(tmp_path / "log")


def test_an_object_is_read_as_it_was_stored(storage):
    storage.put({"tile/0/000.p/1": b"one", "tile/entries/000.p/1": b""})
    assert storage.get("tile/0/000.p/1") == b"one"
    assert storage.get("tile/entries/000.p/1") == b""


def test_storing_the_same_bytes_again_is_fine(storage):
    storage.put({"tile/0/000": b"one"})
    storage.put({"tile/0/000": b"one"})
    assert storage.get("tile/0/000") == b"one"


def test_an_immutable_object_is_never_overwritten(storage):
    storage.put({"tile/0/000": b"one"})
    with pytest.raises(Damaged, match="other bytes"):
        storage.put({"tile/0/000": b"two"})
    assert storage.get("tile/0/000") == b"one"


def test_of_many_who_store_different_bytes_one_wins(storage):
    def store(number):
        try:
            storage.put({"tile/0/000": str(number).encode()})
        except Damaged:
            return None
        return str(number).encode()

    with ThreadPoolExecutor(8) as pool:
        won = [one for one in pool.map(store, range(50)) if one is not None]
    assert won == [storage.get("tile/0/000")]


def test_the_checkpoint_is_replaced(storage):
    storage.replace("checkpoint", b"one")
    storage.replace("checkpoint", b"two")
    assert storage.get("checkpoint") == b"two"


def test_a_reader_never_sees_half_of_what_is_replaced(storage):
    notes = [bytes([n]) * 5000 for n in range(1, 60)]
    storage.replace("checkpoint", notes[0])
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(lambda: [storage.replace("checkpoint", note) for note in notes])
        while not writing.done():
            assert storage.get("checkpoint") in notes
    assert storage.get("checkpoint") == notes[-1]


@pytest.mark.parametrize("path", ["checkpoint", "tile/0/000", "tile/0/000/001"])
def test_what_is_not_there_is_absent(storage, path):
    storage.put({"tile/0/001": b"one"})
    with pytest.raises(Absent):
        storage.get(path)


@pytest.mark.parametrize(
    "path", ["../secret", "tile/../../secret", "/etc/passwd", "", "tile//0", "."]
)
def test_no_path_leaves_the_folder(storage, tmp_path, path):
    (tmp_path / "secret").write_bytes(b"secret")
    with pytest.raises(Absent):
        storage.get(path)
    with pytest.raises(Absent):
        storage.put({path: b""})


def test_names_are_listed_in_order_under_their_folder(storage):
    storage.put({"tile/0/001": b"", "tile/0/000.p/7": b"", "staging/5": b""})
    assert storage.names("tile") == ["tile/0/000.p/7", "tile/0/001"]
    assert storage.names("") == ["staging/5", "tile/0/000.p/7", "tile/0/001"]
    assert storage.names("nothing") == []


def test_deleting_leaves_no_empty_folder_of_partial_tiles(storage, tmp_path):
    storage.put({"tile/0/000.p/7": b"", "tile/0/000.p/8": b"", "tile/0/000": b""})
    storage.delete(["tile/0/000.p/7", "tile/0/000.p/8", "tile/0/000.p/9"])
    assert storage.names("") == ["tile/0/000"]
    assert not (tmp_path / "log/tile/0/000.p").exists()


def test_no_temporary_file_remains(storage, tmp_path):
    storage.put({"tile/0/000": b"one"})
    storage.replace("checkpoint", b"one")
    with pytest.raises(Damaged):
        storage.put({"tile/0/000": b"two"})
    assert list((tmp_path / "log/tmp").iterdir()) == []


def test_a_temporary_file_of_a_dead_writer_goes_and_that_of_a_living_one_stays(storage, tmp_path):
    dead, living = tmp_path / "log/tmp/dead", tmp_path / "log/tmp/living"
    dead.touch()
    living.touch()
    old = time.time() - STALE_TEMPORARY_S - 60
    os.utime(dead, (old, old))
    LocalStorage(tmp_path / "log")
    assert (dead.exists(), living.exists()) == (False, True)


def test_a_folder_where_a_file_should_be_is_a_failure_not_an_absence(storage, tmp_path):
    (tmp_path / "log/tile/0/000").mkdir(parents=True)
    with pytest.raises(Unavailable):
        storage.get("tile/0/000")
