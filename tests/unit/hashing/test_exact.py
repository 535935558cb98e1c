import hashlib

import pytest

from tocsin.hashing.exact import _PARALLEL_BYTES, file_signals
from tocsin.model import SignalType


@pytest.mark.parametrize("size", [0, 1, 1000, _PARALLEL_BYTES - 1, _PARALLEL_BYTES, 1_000_000])
def test_each_hash_is_that_of_the_bytes_whatever_their_number(size):
    data = bytes(range(251)) * (size // 251 + 1)
    wanted = {name: hashlib.new(name, data[:size]).digest() for name in ("sha256", "sha1", "md5")}
    found = {signal.type.value: signal.value for signal in file_signals(data[:size])}
    assert found == wanted


def test_published_examples_come_out():
    assert [(one.type, one.text) for one in file_signals(b"abc")] == [
        (
            SignalType.SHA256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",  # FIPS 180-2
        ),
        (SignalType.SHA1, "a9993e364706816aba3e25717850c26c9cd0d89d"),  # FIPS 180-2
        (SignalType.MD5, "900150983cd24fb0d6963f7d28e17f72"),  # RFC 1321
    ]
