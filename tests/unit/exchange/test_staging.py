"""A staged batch is applied whole, or is found out before anything is signed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logs import ORIGIN, log_in_memory
from tocsin.exchange.checkpoint import Checkpoint
from tocsin.exchange.edge import Edge
from tocsin.exchange.errors import Absent, Damaged
from tocsin.exchange.merkle import EMPTY_ROOT
from tocsin.exchange.staging import (
    Staged,
    apply_staged,
    check_staged,
    decode_staging,
    drop_reached,
    drop_torn,
    encode_staging,
    read_staging,
    staging_path,
    write_staging,
)
from tocsin.exchange.storage import LocalStorage
from tocsin.exchange.tree import Tree

EMPTY = Checkpoint(ORIGIN, 0, EMPTY_ROOT)


@pytest.fixture
def storage(tmp_path):
    return LocalStorage(tmp_path)


@given(st.dictionaries(st.text("tile/0x.p", min_size=1), st.binary(max_size=99), max_size=9))
def test_a_staging_file_gives_back_its_objects(objects):
    assert decode_staging(encode_staging(objects)) == objects


@given(st.integers(0, 10**6), st.integers(0, 7))
def test_a_bit_that_flips_in_a_staging_file_is_found(position, bit):
    data = bytearray(encode_staging({"tile/0/000.p/1": bytes(32)}))
    data[position % len(data)] ^= 1 << bit
    with pytest.raises(Damaged):
        decode_staging(bytes(data))


def test_a_cut_staging_file_is_found():
    data = encode_staging({"tile/0/000.p/1": bytes(32)})
    for length in range(len(data)):
        with pytest.raises(Damaged):
            decode_staging(data[:length])


def test_what_was_staged_is_what_a_reader_will_see(storage):
    objects, head = log_in_memory(300)
    write_staging(storage, head, objects)
    staged = read_staging(storage, head)
    check_staged(staged, EMPTY, head)
    with pytest.raises(Absent):
        storage.get("tile/0/000")
    apply_staged(storage, staged)
    assert len(list(Tree(storage, head).entries(0, 300))) == 300


def test_a_bit_that_flipped_before_it_was_staged_is_found(storage):
    objects, head = log_in_memory(300)
    for path, data in objects.items():
        hurt = objects | {path: bytes([data[0] ^ 1]) + data[1:]}
        with pytest.raises(Damaged):
            check_staged(Staged(storage, hurt), EMPTY, head)


def test_a_batch_that_does_not_extend_the_tree_is_found(storage):
    objects, head = log_in_memory(300)
    _, other = log_in_memory(200, start=5)
    with pytest.raises(Damaged, match="does not extend"):
        check_staged(Staged(storage, objects), other, head)


@pytest.mark.parametrize("path", ["checkpoint", "tile/0/000.p/7", "tile/0/002", "tile/../x"])
def test_nothing_but_the_tiles_of_the_new_tree_may_be_staged(storage, path):
    objects, head = log_in_memory(300)
    with pytest.raises(Damaged, match="no tile"):
        check_staged(Staged(storage, objects | {path: b""}), EMPTY, head)


def test_torn_objects_are_removed_and_whole_ones_stay(storage):
    objects, _ = log_in_memory(300)
    storage.put({"tile/0/000": b"torn", "tile/entries/000": objects["tile/entries/000"]})
    drop_torn(storage, Staged(storage, objects))
    assert storage.names("tile") == ["tile/entries/000"]


def test_only_batches_that_were_reached_are_dropped(storage):
    heads = [log_in_memory(size)[1] for size in (100, 200, 300)]
    for head in heads:
        write_staging(storage, head, {})
    drop_reached(storage, heads[1])
    assert storage.names("staging") == [staging_path(heads[2])]


def test_partial_tiles_go_when_their_full_one_is_there(storage):
    growth = Edge().grow(b"%d" % n for n in range(200))
    storage.put(growth.objects)
    more = growth.edge.grow(b"%d" % n for n in range(200, 300))
    head = Checkpoint(ORIGIN, 300, more.edge.root)
    write_staging(storage, head, more.objects)
    apply_staged(storage, read_staging(storage, head))
    drop_reached(storage, head)
    assert storage.names("") == sorted(more.objects)


def test_a_damaged_batch_can_still_be_dropped(storage):
    head = log_in_memory(100)[1]
    storage.put({staging_path(head): b"damaged"})
    drop_reached(storage, head)
    assert storage.names("staging") == []
