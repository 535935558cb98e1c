import struct

import pytest

from tocsin.decoding.landlock import ruleset


@pytest.mark.parametrize(
    ("abi", "rights"),
    [
        (1, (0x1FFF,)),
        (2, (0x3FFF,)),
        (3, (0x7FFF,)),
        (4, (0x7FFF, 3)),
        (5, (0xFFFF, 3)),
        (6, (0xFFFF, 3, 3)),
        (7, (0xFFFF, 3, 3)),
    ],
)
def test_every_right_that_a_version_knows_is_handled(abi, rights):
    assert ruleset(abi) == struct.pack(f"={len(rights)}Q", *rights)
