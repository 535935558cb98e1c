"""The first page of a segment file."""

from dataclasses import replace

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import Damaged
from tocsin.matching.header import HEADER_BYTES, LINE, Header, decode, padded

TABLES = (1, 1, 1, 4) * 4
HEADER = Header(rows=5000, bucket_bits=9, first_key=7, key_bytes=4, link_bytes=TABLES)
NO_TABLES = replace(HEADER, link_bytes=(0,) * 16)
ONE_TABLE = replace(HEADER, link_bytes=(4,) + (0,) * 15)


def page_of(header):
    return header.encode(tuple(range(len(header.sections))))


def sealed(page):
    """The page with a checksum that fits, as a wrong writer would make it."""
    return page[:-8] + xxhash.xxh3_64_intdigest(page[:-8]).to_bytes(8, "little")


@pytest.mark.parametrize("header", [HEADER, NO_TABLES, ONE_TABLE])
def test_a_header_is_read_as_it_was_written(header):
    page = page_of(header)
    assert len(page) == HEADER_BYTES
    assert decode(page) == (header, tuple(range(len(header.sections))))


@pytest.mark.parametrize(("header", "count"), [(HEADER, 50), (NO_TABLES, 2), (ONE_TABLE, 5)])
def test_every_table_has_three_sections(header, count):
    assert len(header.sections) == count


def test_sections_begin_on_a_line_and_follow_one_another_with_zeros_between():
    end = HEADER_BYTES
    for section in HEADER.sections:
        assert section.offset == end
        assert section.offset % LINE == 0
        assert section.end - section.offset - section.length >= LINE
        end = section.end
    assert HEADER.length == end


@given(st.integers(0, 10**12))
def test_padding_is_at_least_one_line_and_less_than_two(offset):
    assert LINE <= padded(offset) - offset < 2 * LINE


@pytest.mark.parametrize("offset", range(0, HEADER_BYTES, 97))
def test_any_changed_byte_is_noticed(offset):
    page = bytearray(page_of(HEADER))
    page[offset] ^= 1
    with pytest.raises(Damaged):
        decode(bytes(page))


@pytest.mark.parametrize("length", [0, 7, 64, HEADER_BYTES - 1, HEADER_BYTES + 1])
def test_a_page_of_another_length_is_refused(length):
    with pytest.raises(Damaged):
        decode((page_of(HEADER) + b"\0")[:length])


@pytest.mark.parametrize(
    "wrong",
    [
        replace(HEADER, rows=0),
        replace(HEADER, rows=2**32),
        replace(HEADER, bucket_bits=7),
        replace(HEADER, bucket_bits=17),
        replace(HEADER, key_bytes=2),
        replace(HEADER, link_bytes=(3, *TABLES[1:])),
        replace(HEADER, link_bytes=(0, *TABLES[1:])),
        replace(HEADER, link_bytes=(1,) * 16),
        replace(HEADER, link_bytes=(1,) + (0,) * 15),
        replace(HEADER, link_bytes=(0, 4) + (0,) * 14),
    ],
)
def test_values_that_no_segment_has_are_refused_behind_a_good_checksum(wrong):
    with pytest.raises(Damaged):
        decode(page_of(wrong))


@pytest.mark.parametrize(("offset", "what"), [(8, "version"), (24, "length"), (64, "offset")])
def test_a_header_that_contradicts_itself_is_refused_behind_a_good_checksum(offset, what):
    page = bytearray(page_of(HEADER))
    page[offset] ^= 2
    with pytest.raises(Damaged):
        decode(sealed(bytes(page)))


def test_bytes_that_mean_nothing_must_be_zero():
    page = bytearray(page_of(NO_TABLES))
    page[4000] = 1
    with pytest.raises(Damaged, match="contradicts"):
        decode(sealed(bytes(page)))
