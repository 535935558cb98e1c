"""A leaf has 164 bytes, each of them covered, and nothing in it is free to choose."""

import struct
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import ORIGIN, START, id_of, nonce, private_key, public_key
from tocsin.entries.canonical import MAX_PAYLOAD_BYTES
from tocsin.entries.envelope import (
    ENVELOPE_BYTES,
    NOTHING,
    URGENT,
    EntryType,
    Envelope,
    Position,
    key_id,
    seal,
)
from tocsin.errors import InvalidInput

PAYLOAD = b'{"a":1}'
PUBLIC = bytes.fromhex(public_key("tube"))


FIRST = Position()


def sealed(payload=PAYLOAD, after=FIRST, **changes):
    return seal(
        payload,
        EntryType.ASSERT,
        origin=ORIGIN,
        after=after,
        key=private_key("tube"),
        nonce=nonce(1),
        **changes,
    )


LEAF = sealed().envelope.received(START).encode()


@given(st.binary(max_size=200) | st.binary(min_size=164, max_size=164))
def test_bytes_are_a_leaf_that_encodes_to_them_or_refused(raw):
    with suppress(InvalidInput):
        assert Envelope.parse(raw).encode() == raw


@given(st.binary(min_size=160, max_size=160))
def test_each_field_of_a_leaf_survives_the_way_through_bytes(rest):
    raw = bytes([1, rest[0], 7, rest[1] & 1]) + struct.pack(">Q", 1_700_000_000_000) + rest[8:160]
    raw += bytes(164 - len(raw))
    found = Envelope.parse(raw)
    assert Envelope.parse(found.encode()) == found
    assert found.received_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def test_the_fields_are_where_the_specification_says():
    leaf = sealed(after=Position(6, bytes(range(32))), urgent=True).envelope.received(START)
    raw = leaf.encode()
    assert len(raw) == ENVELOPE_BYTES == 164
    assert raw[:4] == bytes([1, EntryType.ASSERT, 3, URGENT])
    assert raw[4:12] == int(START.timestamp() * 1000).to_bytes(8, "big")
    assert raw[12:20] == (7).to_bytes(8, "big")
    assert raw[20:36] == sha256(PUBLIC).digest()[:16]
    assert raw[36:68] == bytes(range(32))
    assert raw[68:100] == sha256(b"tocsin-exchange-payload/v1\0" + nonce(1) + PAYLOAD).digest()
    assert raw[100:] == leaf.signature


def test_the_signed_bytes_are_what_the_specification_says():
    leaf = sealed().envelope
    raw = leaf.encode()
    covered = b"tocsin-exchange-entry/v1\0" + ORIGIN.encode() + b"\0" + raw[:4] + raw[12:100]
    assert leaf.signed(ORIGIN) == covered
    assert leaf.digest(ORIGIN) == sha256(covered).digest()


@pytest.mark.parametrize("position", [*range(4), *range(12, ENVELOPE_BYTES)])
def test_no_bit_that_the_issuer_signed_can_be_flipped(position):
    for bit in range(8):
        raw = bytearray(LEAF)
        raw[position] ^= 1 << bit
        try:
            altered = Envelope.parse(bytes(raw))
        except InvalidInput:
            continue
        assert not altered.is_signed_by(PUBLIC, ORIGIN)


def test_the_time_of_arrival_is_the_exchange_s_and_leaves_the_signature_alone():
    leaf = sealed().envelope
    arrived = leaf.received(START)
    assert arrived.received_at == START
    assert arrived.is_signed_by(PUBLIC, ORIGIN)
    assert arrived.digest(ORIGIN) == leaf.digest(ORIGIN)


def test_a_signature_for_one_exchange_is_none_for_another():
    assert not sealed().envelope.is_signed_by(PUBLIC, "other.example/log")


def test_a_signature_by_another_key_does_not_verify():
    assert not sealed().envelope.is_signed_by(bytes.fromhex(public_key("chat")), ORIGIN)


@pytest.mark.parametrize("key", [b"", bytes(31), b"\xff" * 32], ids=["none", "short", "no point"])
def test_what_is_no_key_signs_nothing(key):
    assert not sealed().envelope.is_signed_by(key, ORIGIN)


def test_a_signature_is_not_accepted_with_a_larger_s():
    leaf = sealed().envelope
    order = 2**252 + 27742317777372353535851937790883648493
    larger = int.from_bytes(leaf.signature[32:], "little") + order
    signature = leaf.signature[:32] + larger.to_bytes(32, "little")
    assert not replace(leaf, signature=signature).is_signed_by(PUBLIC, ORIGIN)


@pytest.mark.parametrize(
    ("offset", "value"),
    [(0, 0), (0, 2), (2, 16), (2, 255), (3, 2), (3, 0x80), (4, 255)],
    ids=["version 0", "version 2", "too large", "far too large", "flag 2", "flag 128", "year 9999"],
)
def test_a_leaf_of_another_make_is_refused(offset, value):
    raw = bytearray(LEAF)
    raw[offset] = value
    with pytest.raises(InvalidInput):
        Envelope.parse(bytes(raw))


@pytest.mark.parametrize("raw", [LEAF[:-1], LEAF + b"\0", b""], ids=["short", "long", "empty"])
def test_a_leaf_of_another_length_is_refused(raw):
    with pytest.raises(InvalidInput):
        Envelope.parse(raw)


def test_a_type_of_a_later_version_is_read():
    raw = bytearray(LEAF)
    raw[1] = 200
    assert Envelope.parse(bytes(raw)).type == 200


def test_the_last_moment_that_can_be_shown_is_read():
    raw = LEAF[:4] + (253_402_300_799_999).to_bytes(8, "big") + LEAF[12:]
    assert Envelope.parse(raw).received_at.year == 9999


def test_the_commitment_opens_to_its_payload_and_nonce_alone():
    leaf = sealed().envelope
    assert leaf.opens(nonce(1), PAYLOAD)
    assert not leaf.opens(nonce(2), PAYLOAD)
    assert not leaf.opens(nonce(1), b'{"a":2}')


@pytest.mark.parametrize("cut", [0, 31, 33])
def test_no_byte_can_move_between_the_nonce_and_the_payload(cut):
    content = nonce(1) + PAYLOAD
    assert not sealed().envelope.opens(content[:cut], content[cut:])


def test_a_commitment_under_a_bucket_of_another_size_does_not_open():
    assert not replace(sealed().envelope, bucket=4).opens(nonce(1), PAYLOAD)


@pytest.mark.parametrize(
    ("length", "bucket"),
    [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (256, 8), (257, 9), (MAX_PAYLOAD_BYTES, 15)],
)
def test_the_bucket_says_no_more_than_a_power_of_two(length, bucket):
    assert sealed(bytes(length)).envelope.bucket == bucket


def test_entries_name_the_one_before():
    first = sealed().envelope
    assert (first.sequence, first.previous) == (1, NOTHING)
    second = sealed(after=Position(1, first.digest(ORIGIN))).envelope
    assert (second.sequence, second.previous) == (2, first.digest(ORIGIN))


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_nonce_of_another_length_seals_nothing(length):
    with pytest.raises(InvalidInput):
        seal(
            PAYLOAD,
            EntryType.ASSERT,
            origin=ORIGIN,
            after=Position(),
            key=private_key("tube"),
            nonce=bytes(length),
        )


def test_a_key_is_named_after_its_digest():
    assert key_id(PUBLIC).hex() == id_of("tube") == sha256(PUBLIC).hexdigest()[:32]


def test_the_time_of_arrival_is_kept_to_the_millisecond():
    at = START + timedelta(microseconds=1999)
    assert sealed().envelope.received(at).received_at == START + timedelta(milliseconds=1)
