"""An advance is read strictly and written as it was read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.exchange.advance import MAX_ADVANCE_BYTES, Advance, decode_advance, encode_advance
from tocsin.exchange.errors import Malformed

HASH = bytes(range(32))


@given(st.integers(0, 2**63 - 1), st.lists(st.binary(min_size=32, max_size=32), max_size=63))
def test_what_was_written_is_read(old_size, proof):
    body = encode_advance(old_size, proof, b"note\n\nwith an empty line\n")
    assert decode_advance(body) == Advance(old_size, tuple(proof), b"note\n\nwith an empty line\n")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 1\n",
        b"old 1\nnote",
        b"size 1\n\nnote",
        b"old 01\n\nnote",
        b"old -1\n\nnote",
        b"old 1 \n\nnote",
        b"old 1\r\n\r\nnote",
        b"old 1\nAAAA\n\nnote",
        b"old 1\n\xff\n\nnote",
        encode_advance(1, [HASH] * 64, b"note"),
        encode_advance(1, [], bytes(MAX_ADVANCE_BYTES)),
    ],
)
def test_a_body_that_is_not_quite_an_advance_is_refused(body):
    with pytest.raises(Malformed):
        decode_advance(body)
