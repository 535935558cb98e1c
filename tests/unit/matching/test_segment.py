"""One segment by itself. Damage to its file is tried in test_folder.py."""

import numpy as np
import pytest
import xxhash

from codes import brute_force, random_codes
from tocsin.errors import Damaged
from tocsin.matching import layout
from tocsin.matching.building import Rows, build
from tocsin.matching.header import HEADER_BYTES, decode
from tocsin.matching.segment import Segment

COUNT = 6000
CODES = random_codes(COUNT)
KEYS = np.arange(COUNT) * 2 + 100


@pytest.fixture
def path(tmp_path):
    build(tmp_path / "segment", [Rows(KEYS, np.arange(COUNT), CODES)], radius=31)
    return tmp_path / "segment"


@pytest.fixture
def segment(path):
    return Segment(path)


def rewritten(path, change):
    """The file with some sections changed and every checksum made good again."""
    data = bytearray(path.read_bytes())
    header, _ = decode(bytes(data[:HEADER_BYTES]))
    for section in header.sections:
        values = np.frombuffer(data, np.uint8, section.length, section.offset)
        change(section.name, values)
    sums = tuple(
        xxhash.xxh3_64_intdigest(bytes(data[section.offset : section.end]))
        for section in header.sections
    )
    data[:HEADER_BYTES] = header.encode(sums)
    path.write_bytes(data)


def test_rows_and_keys_lead_to_one_another(segment):
    here, rows = segment.rows_of(np.array([100, 101, 110, 99, 0, 12_098, 12_100, 2**62]))
    assert here.tolist() == [True, False, True, False, False, True, False, False]
    assert rows.tolist() == [0, 5, 5999]
    assert segment.keys_of(rows).tolist() == [100, 110, 12_098]
    assert segment.highest_key == 12_098


def test_a_dead_row_has_no_key_any_more(segment):
    segment.bury(np.array([110, 110, 111]))
    assert segment.rows_of(np.array([110]))[0].tolist() == [False]
    assert (segment.buried, segment.living, len(segment)) == (1, COUNT - 1, COUNT)


def test_marks_of_dead_rows_survive_as_bits(segment, path):
    segment.bury(KEYS[[0, 9, COUNT - 1]])
    again = Segment(path)
    again.bury_marked(segment.marked())
    assert np.flatnonzero(again.dead).tolist() == [0, 9, COUNT - 1]
    assert again.buried == 3


def test_marks_add_to_rows_that_are_dead_already(segment):
    segment.bury(KEYS[[1]])
    segment.bury_marked(bytes([0b101]) + bytes(COUNT // 8))
    assert np.flatnonzero(segment.dead).tolist() == [0, 1, 2]


def test_without_dead_rows_there_are_no_marks(segment):
    assert segment.marked() == b""


@pytest.mark.parametrize("radius", [0, 3, 14, 15, 31, 40, 64])
def test_the_tables_find_what_brute_force_finds(segment, radius, monkeypatch):
    monkeypatch.setattr(layout, "scan_ns", lambda *_: float("inf"))
    queries = np.concatenate([CODES[:5], random_codes(5, seed=3)])
    found = [tuple(row) for row in segment.search(queries, radius).tolist()]
    assert found == brute_force(CODES, KEYS, queries, radius)


def test_beyond_the_radius_of_tables_all_codes_are_compared(segment, monkeypatch):
    monkeypatch.setattr(layout, "scan_ns", lambda *_: 1e300)
    found = [tuple(row) for row in segment.search(CODES[:2], 110).tolist()]
    assert found == brute_force(CODES, KEYS, CODES[:2], 110)


def test_a_cluster_that_floods_the_tables_is_answered_by_a_scan(tmp_path, monkeypatch):
    """Every bucket of every table holds all rows: the tables must give up, and lose nothing."""
    codes = np.repeat(CODES[:1], 20_000, axis=0)
    codes[:, 0] = np.arange(20_000) % 200
    build(tmp_path / "segment", [Rows(np.arange(20_000), np.arange(20_000), codes)], radius=31)
    monkeypatch.setattr(layout, "scan_ns", lambda *_: float("inf"))
    found = [tuple(row) for row in Segment(tmp_path / "segment").search(codes[:2], 31).tolist()]
    assert found == brute_force(codes, range(20_000), codes[:2], 31)


def test_keys_out_of_order_are_damage_behind_good_checksums(path):
    def change(name, values):
        if name == "keys":
            values[:4] = 255

    rewritten(path, change)
    with pytest.raises(Damaged, match="ascending"):
        Segment(path)


@pytest.mark.parametrize("place", [0, 40, -4])
def test_offsets_that_no_table_has_are_damage_behind_good_checksums(path, place):
    def change(name, values):
        if name == "offsets 5":
            values[place] ^= 0x7F

    rewritten(path, change)
    with pytest.raises(Damaged, match="offsets of chunk 5"):
        Segment(path)


@pytest.mark.parametrize("chunk", range(16))
@pytest.mark.parametrize("part", ["neighbours", "links"])
def test_a_table_that_does_not_find_its_rows_is_damage_behind_good_checksums(path, chunk, part):
    def change(name, values):
        if name == f"{part} {chunk}":
            values[:] = ~values

    rewritten(path, change)
    with pytest.raises(Damaged):
        Segment(path)


def test_a_file_that_is_not_there_is_no_damage(tmp_path):
    with pytest.raises(FileNotFoundError):
        Segment(tmp_path / "nothing")
