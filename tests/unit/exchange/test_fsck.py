"""fsck recomputes everything: what it passes is sound, and what is not sound it names."""

import pytest

from logs import ORIGIN, Objects, an_entry, log_in_memory, signed
from tocsin.exchange.errors import Absent
from tocsin.exchange.fsck import Fault, Remark, check_log, check_published
from tocsin.exchange.keys import SigningKey
from tocsin.exchange.tiles import Tile, tile_at

KEY = SigningKey.generate(ORIGIN)


def kinds(report):
    return {one.kind for one in report.findings}


def paths(report):
    return {one.path for one in report.findings}


@pytest.fixture
def show(clock):
    def make(size):
        objects, head = log_in_memory(size)
        objects["checkpoint"] = signed(head, KEY, clock())
        return objects

    return make


@pytest.fixture
def owned(watched):
    """A log of 300 entries, grown one by one at its end, and the check of its owner."""
    watched.fill(290)
    log = watched.open()
    for number in range(290, 300):
        watched.append(log, an_entry(number))
    log.close()
    return watched, lambda: check_log(watched.storage, watched.locks, [watched.key.verifier])


def put_back(watched, path, data):
    watched.storage.delete([path])
    watched.storage.put({path: data})


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 700, 65_536, 70_000])
def test_a_sound_log_is_clean(show, size):
    report = check_published(show(size), [KEY.verifier])
    assert (report.clean, report.size, report.findings) == (True, size, [])
    assert report.bundles == -(-size // 256)


def test_one_flipped_bit_in_any_object_of_a_log_is_found(show):
    objects = show(3000)
    for path, data in list(objects.items()):
        objects[path] = data[:-2] + bytes([data[-2] ^ 1]) + data[-1:]
        assert not check_published(objects, [KEY.verifier]).clean, path
        objects[path] = data


@pytest.mark.parametrize(
    "path", ["tile/0/000", "tile/0/002.p/188", "tile/1/000.p/2", "tile/entries/001"]
)
def test_an_altered_or_absent_object_is_named(show, path):
    kind = Fault.BUNDLE if "entries" in path else Fault.TILE
    for change in (lambda d: d[:-1] + bytes([d[-1] ^ 1]), lambda d: d[:-1], lambda d: d + b"\0"):
        objects = show(700)
        objects[path] = change(objects[path])
        report = check_published(objects, [KEY.verifier])
        # An entry that reads well and is another shows in the tiles above it.
        assert kind in kinds(report) or (kind is Fault.BUNDLE and Fault.ROOT in kinds(report))
    del objects[path]
    report = check_published(objects, [KEY.verifier])
    assert path in paths(report)
    assert not report.clean


def test_one_damaged_bundle_does_not_hide_the_others(show):
    objects = show(1500)
    for path in ("tile/entries/000", "tile/entries/003", "tile/0/004"):
        objects[path] = objects[path][:-1]
    del objects["tile/entries/002"], objects["tile/0/002"]
    report = check_published(objects, [KEY.verifier])
    assert paths(report) >= {f"tile/entries/00{n}" for n in (0, 2, 3)} | {
        "tile/0/002",
        "tile/0/004",
    }


@pytest.mark.parametrize("note", [None, b"", b"garbage"])
def test_a_log_without_a_signed_checkpoint_is_not_clean(show, note):
    objects = show(300)
    if note is None:
        del objects["checkpoint"]
    else:
        objects["checkpoint"] = note
    assert kinds(check_published(objects, [KEY.verifier])) == {Fault.CHECKPOINT}


def test_a_checkpoint_of_a_strangers_key_is_not_clean(show):
    report = check_published(show(300), [SigningKey.generate(ORIGIN).verifier])
    assert kinds(report) == {Fault.CHECKPOINT}


def test_a_root_that_the_entries_do_not_have_is_found(show, clock):
    objects = show(300)
    objects["checkpoint"] = signed(log_in_memory(300, start=5)[1], KEY, clock())
    assert kinds(check_published(objects, [KEY.verifier])) == {Fault.ROOT}


def test_full_tiles_in_place_of_partial_ones_are_accepted(show):
    large = show(700)
    small = Objects(large | {"checkpoint": show(300)["checkpoint"]})
    small["tile/1/000.p/1"] = show(300)["tile/1/000.p/1"]
    assert check_published(small, [KEY.verifier]).clean


def test_the_owner_sees_a_sound_log_and_its_older_tiles(owned):
    watched, check = owned
    assert "tile/0/001.p/43" in watched.storage.names("tile")
    assert check().findings == []


@pytest.mark.parametrize("path", ["tile/0/001.p/43", "tile/entries/001.p/40"])
def test_an_older_tile_that_contradicts_the_present_one_is_found(owned, path):
    watched, check = owned
    data = watched.storage.get(path)
    for other in (data[:-1] + bytes([data[-1] ^ 1]), data[:-1], data + b"\0"):
        put_back(watched, path, other)
        assert paths(check()) == {path}
        assert not check().clean
    put_back(watched, path, data)


@pytest.mark.parametrize("tile", [Tile(0, 1, 45), Tile(0, 2, 3), Tile(-1, 1), Tile(4, 0, 1)])
def test_a_tile_beyond_the_log_is_a_fault(owned, tile):
    watched, check = owned
    watched.storage.put({tile.path: b"data"})
    assert [(one.kind, one.path) for one in check().findings] == [(Fault.STRAY, tile.path)]
    watched.storage.delete([tile.path])


def test_leftovers_and_foreign_files_are_remarked_and_harmless(owned):
    watched, check = owned
    watched.storage.put({"staging/999-ab": b"", "index.html": b"", "tile/0/readme": b""})
    (watched.folder / "log/tmp/left").touch()
    report = check()
    assert report.clean
    assert kinds(report) == {Remark.STAGING, Remark.TEMPORARY, Remark.FOREIGN}
    watched.storage.delete([*paths(report)])


def test_a_lock_record_of_another_history_is_a_fault(owned, clock):
    watched, check = owned
    note = watched.locks.read(ORIGIN)
    for size, start, key in ((299, 0, watched.key), (300, 5, watched.key), (300, 0, KEY)):
        other = signed(log_in_memory(size, start)[1], key, clock())
        watched.locks.swap(ORIGIN, note, other)
        assert kinds(check()) == {Fault.LOCK}
        watched.locks.swap(ORIGIN, other, note)


def test_a_lock_record_ahead_of_the_checkpoint_is_remarked(owned):
    watched, check = owned
    older = watched.signer.signed[-2]
    watched.storage.replace("checkpoint", older)
    report = check()
    assert report.clean
    assert kinds(report) == {Remark.UNPUBLISHED}


def test_a_lock_record_that_is_gone_is_a_fault(owned):
    watched, _ = owned

    class Empty:
        def read(self, origin):
            raise Absent(origin)

    report = check_log(watched.storage, Empty(), [watched.key.verifier])
    assert kinds(report) == {Fault.LOCK}


def test_tiles_are_where_the_arithmetic_says():
    assert tile_at(0, 1, 300).path == "tile/0/001.p/44"
