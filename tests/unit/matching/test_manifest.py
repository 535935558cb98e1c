"""The file that says what an index consists of."""

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import Damaged
from tocsin.matching.manifest import Entry, Manifest, decode

MANIFEST = Manifest(revision=9, entries=(Entry(1, 20, 77, b"\1\0\2"), Entry(5, 3, 2**64 - 1)))

entries = st.builds(
    lambda number, dead, checksum, rest: Entry(
        number, max(1, 8 * len(dead) - rest), checksum, dead
    ),
    st.integers(0, 2**64 - 1),
    st.binary(max_size=9),
    st.integers(0, 2**64 - 1),
    st.integers(0, 7),
)


def sealed(body):
    return body + xxhash.xxh3_64_intdigest(body).to_bytes(8, "little")


@given(st.integers(0, 2**63 - 1), st.lists(entries, max_size=5))
def test_a_manifest_is_read_as_it_was_written(revision, several):
    manifest = Manifest(revision, tuple(several))
    assert decode(manifest.encode()) == manifest


@pytest.mark.parametrize("length", range(len(MANIFEST.encode())))
def test_a_manifest_cut_short_is_noticed(length):
    with pytest.raises(Damaged):
        decode(MANIFEST.encode()[:length])


@pytest.mark.parametrize("offset", range(len(MANIFEST.encode())))
def test_any_changed_byte_is_noticed(offset):
    data = bytearray(MANIFEST.encode())
    data[offset] ^= 0x80
    with pytest.raises(Damaged):
        decode(bytes(data))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x89Tocsin\n" + bytes(16),
        MANIFEST.encode()[:-8] + b"\0",
        MANIFEST.encode()[:-9],
        MANIFEST.encode()[:40],
        MANIFEST.encode()[:8] + b"\2" + MANIFEST.encode()[9:-8],
        Manifest(1, (Entry(1, 20, 77, b"\1"),)).encode()[:-8],
    ],
)
def test_what_no_writer_writes_is_refused_behind_a_good_checksum(body):
    with pytest.raises(Damaged):
        decode(sealed(body))
