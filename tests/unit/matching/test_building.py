"""A segment file, byte for byte, beside tables made with plain Python."""

import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from codes import clustered, random_codes
from tocsin.matching import building
from tocsin.matching.building import Rows, build
from tocsin.matching.header import HEADER_BYTES, decode
from tocsin.matching.manifest import Entry, Manifest
from tocsin.matching.segment import Segment

COUNT = 5000


def rows_of(codes, keys=None):
    keys = np.arange(len(codes)) if keys is None else keys
    return Rows(keys, np.arange(len(codes)), codes)


def sections(path):
    data = path.read_bytes()
    header, _ = decode(data[:HEADER_BYTES])
    assert len(data) == header.length
    return header, {
        section.name: data[section.offset : section.offset + section.length]
        for section in header.sections
    }


@pytest.fixture(params=[random_codes, clustered])
def built(request, tmp_path):
    codes = request.param(COUNT)
    build(tmp_path / "segment", [rows_of(codes)], radius=31)
    return codes, *sections(tmp_path / "segment")


def table(chunks, chunk, shift):
    """Rows in the order of their bucket, and where each bucket begins."""
    order = sorted(range(len(chunks)), key=lambda row: (int(chunks[row, chunk]) >> shift, row))
    buckets = [int(chunks[row, chunk]) >> shift for row in order]
    return order, np.searchsorted(buckets, range(2 ** (16 - shift) + 1))


def test_codes_and_keys_stand_in_order_of_key(tmp_path):
    codes, keys = random_codes(300), np.random.default_rng(1).permutation(300) * 1000 + 5
    build(tmp_path / "segment", [rows_of(codes, keys)], radius=31)
    header, found = sections(tmp_path / "segment")
    assert found["codes"] == codes[np.argsort(keys)].tobytes()
    assert header.first_key == 5
    assert np.frombuffer(found["keys"], "<u4").tolist() == list(range(0, 300_000, 1000))


def test_every_table_is_what_plain_python_makes_of_it(built):
    codes, header, found = built
    chunks, shift = codes.view("<u2"), 16 - header.bucket_bits
    for chunk in range(16):
        order, offsets = table(chunks, chunk, shift)
        assert np.array_equal(np.frombuffer(found[f"offsets {chunk}"], "<u4"), offsets)
        neighbours = np.frombuffer(found[f"neighbours {chunk}"], "<u2")
        assert np.array_equal(neighbours, chunks[order, (chunk + 1) % 16])


def test_every_link_leads_to_the_same_row_in_the_next_table_or_to_the_row(built):
    codes, header, found = built
    chunks, shift = codes.view("<u2"), 16 - header.bucket_bits
    for chunk in range(16):
        width = header.link_bytes[chunk]
        links = np.frombuffer(found[f"links {chunk}"], f"<u{width}")
        order, _ = table(chunks, chunk, shift)
        if width == 4:
            assert np.array_equal(links, order)
            continue
        following, offsets = table(chunks, chunk + 1, shift)
        buckets = chunks[order, chunk + 1] >> shift
        assert np.array_equal(np.array(following)[offsets[buckets] + links], order)


def test_every_fourth_table_is_a_hub(tmp_path):
    build(tmp_path / "segment", [rows_of(random_codes(COUNT))], radius=31)
    assert sections(tmp_path / "segment")[0].link_bytes == (1, 1, 1, 4) * 4


def test_a_crowded_bucket_gets_wider_ranks(tmp_path):
    codes = random_codes(COUNT)
    codes[:1000, 4:6] = 7  # chunk 2
    build(tmp_path / "segment", [rows_of(codes)], radius=31)
    assert sections(tmp_path / "segment")[0].link_bytes == (1, 2, 1, 4) + (1, 1, 1, 4) * 3


def test_a_bucket_too_crowded_for_ranks_makes_a_hub(tmp_path):
    codes = random_codes(70_000)
    codes[:, 4:6] = 7
    build(tmp_path / "segment", [rows_of(codes)], radius=31)
    assert sections(tmp_path / "segment")[0].link_bytes == (1, 4, 1, 4) + (1, 1, 1, 4) * 3


def test_few_rows_are_written_without_tables(tmp_path):
    build(tmp_path / "segment", [rows_of(random_codes(3))], radius=31)
    header, found = sections(tmp_path / "segment")
    assert (header.rows, set(found)) == (3, {"codes", "keys"})


def test_where_only_equality_counts_there_is_one_table(tmp_path):
    build(tmp_path / "segment", [rows_of(random_codes(COUNT))], radius=0)
    assert sections(tmp_path / "segment")[0].link_bytes == (4,) + (0,) * 15


def test_keys_far_apart_take_eight_bytes(tmp_path):
    build(tmp_path / "segment", [rows_of(random_codes(2), np.array([3, 2**62]))], radius=31)
    header, _found = sections(tmp_path / "segment")
    assert (header.key_bytes, header.first_key) == (8, 3)
    assert Segment(tmp_path / "segment").keys_of(np.arange(2)).tolist() == [3, 2**62]


def test_sources_are_merged_and_left_out_rows_stay_out(tmp_path, monkeypatch):
    monkeypatch.setattr(building, "_BLOCK_ROWS", 7)
    one, other = random_codes(20), random_codes(20, seed=2)
    even, odd = np.arange(0, 40, 2), np.arange(1, 41, 2)
    some = np.array([0, 3, 19])
    build(
        tmp_path / "segment",
        [rows_of(one, even), Rows(odd[some], some, other)],
        radius=31,
    )
    segment = Segment(tmp_path / "segment")
    assert all(a < b for a, b in pairwise(segment.keys_of(np.arange(23)).tolist()))
    _, rows = segment.rows_of(odd[some])
    assert np.array_equal(segment.codes[rows], other[some])


def test_the_same_rows_make_the_same_bytes(tmp_path):
    """Nothing of the machine, the time or the way there gets into a file."""
    codes = random_codes(COUNT)
    build(tmp_path / "one", [rows_of(codes)], radius=31)
    halves = [Rows(np.arange(n, COUNT, 2), np.arange(n, COUNT, 2), codes) for n in (1, 0)]
    build(tmp_path / "other", halves, radius=31)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def dumped(text):
    """The bytes of a dump, with zeros for the lines that it leaves out."""
    lines = [line.split() for line in text.strip().splitlines()]
    data = bytearray(int(lines[-1][0], 16) + len(lines[-1]) - 1)
    for offset, *values in lines:
        data[int(offset, 16) : int(offset, 16) + len(values)] = bytes.fromhex("".join(values))
    return bytes(data)


def test_the_example_of_the_specification_is_what_is_written(tmp_path):
    specification = Path(__file__).parents[3] / "docs" / "spec" / "index-segment.md"
    segment, manifest = (dumped(text) for text in specification.read_text().split("```")[1:4:2])
    codes = np.array([[0x11] * 32, [0x22] * 32], np.uint8)
    build(tmp_path / "segment", [rows_of(codes, np.array([1000, 1007]))], radius=31)
    written = (tmp_path / "segment").read_bytes()
    assert written == segment.ljust(0x1100, b"\0")
    checksum = int.from_bytes(written[4088:4096], "little")
    assert Manifest(42, (Entry(1, 2, checksum, b"\2"),)).encode() == manifest


def test_a_disk_that_fills_up_leaves_nothing(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        build(tmp_path / "segment", [rows_of(random_codes(3))], radius=31)
    assert list(tmp_path.iterdir()) == []
