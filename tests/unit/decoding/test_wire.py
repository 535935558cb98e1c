import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.decoding import wire
from tocsin.decoding.base import Limits
from tocsin.decoding.wire import Forged, Pictures, Refusal, Shape
from tocsin.model import Obstacle

LIMITS = Limits(pixels=10_000, memory_bytes=40_000)
SHAPE = Shape("image", 20, 30, 1, 40, 60)
FIRST_PICTURE = 16
"""Where the first picture stands in a header."""

shapes = st.builds(
    lambda name, height, width, channels, more: Shape(
        name, height, width, channels, height + more, width + more
    ),
    st.sampled_from(wire.NAMES),
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from([1, 3]),
    st.integers(0, 40),
)


def header(*shapes: Shape) -> bytearray:
    return bytearray(wire.pack_answer(Pictures("jpeg", 1, shapes)))


def test_the_obstacles_on_the_wire_are_those_of_the_model():
    assert tuple(Obstacle) == wire.OBSTACLES


@given(st.integers(0, 2**63), st.booleans())
def test_a_request_is_read_as_it_was_written(size, exact):
    packed = wire.pack_request(size, exact=exact)
    assert len(packed) == wire.REQUEST_BYTES
    assert wire.unpack_request(packed) == (size, exact)


@given(
    st.sampled_from(wire.FORMATS),
    st.integers(1, 2**32 - 1),
    st.lists(shapes, min_size=1, max_size=6),
)
def test_pictures_are_read_as_they_were_written(form, frames, some):
    packed = wire.pack_answer(Pictures(form, frames, tuple(some)))
    assert len(packed) == wire.ANSWER_BYTES
    assert wire.unpack_answer(packed, LIMITS, exact=True) == Pictures(form, frames, tuple(some))


@given(st.sampled_from(wire.OBSTACLES), st.text())
def test_a_refusal_keeps_its_obstacle_and_a_harmless_sentence(obstacle, text):
    packed = wire.pack_answer(Refusal(obstacle, text))
    assert wire.unpack_answer(packed[: wire.ANSWER_BYTES], LIMITS, exact=False) == (
        obstacle,
        len(packed) - wire.ANSWER_BYTES,
    )
    assert wire.printable(packed[wire.ANSWER_BYTES :]).isprintable()


def test_a_long_sentence_is_cut():
    packed = wire.pack_answer(Refusal("broken", "x" * 10_000))
    assert len(packed) == wire.ANSWER_BYTES + wire.MAX_DETAIL_BYTES


def test_control_characters_do_not_reach_a_terminal():
    assert wire.printable(b"\x1b[2Jgone\r\nnew line\xff") == "?[2Jgone??new line?"


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (0, b"XXXX"),  # magic
        (4, b"\x02"),  # neither pictures nor a refusal
        (6, b"\x08"),  # a format that does not exist
        (7, b"\x00"),  # no picture
        (7, b"\x07"),  # more pictures than a header holds
        (8, b"\x00\x00\x00\x00"),  # no frame
        (FIRST_PICTURE, bytes([len(wire.NAMES)])),
        (FIRST_PICTURE + 1, b"\x02"),  # channels
        (FIRST_PICTURE + 4, struct.pack("<I", 0)),  # height
        (FIRST_PICTURE + 4, struct.pack("<I", 41)),  # higher than native
        (FIRST_PICTURE + 8, struct.pack("<I", 2**32 - 1)),  # width
        (FIRST_PICTURE + 12, struct.pack("<I", 2**31)),  # native height
    ],
)
def test_a_header_out_of_range_is_forged(at, value):
    forged = header(SHAPE)
    forged[at : at + len(value)] = value
    with pytest.raises(Forged):
        wire.unpack_answer(bytes(forged), LIMITS, exact=True)


def test_pictures_that_no_child_could_hold_are_forged():
    large = Shape("image", 100, 100, 3, 100, 100)
    assert wire.unpack_answer(bytes(header(large)), LIMITS, exact=True)
    with pytest.raises(Forged):
        wire.unpack_answer(bytes(header(large, large)), LIMITS, exact=True)


@pytest.mark.parametrize(("at", "value"), [(5, 10), (13, 200)])
def test_a_refusal_out_of_range_is_forged(at, value):
    forged = bytearray(wire.pack_answer(Refusal("broken", "")))
    forged[at] = value
    with pytest.raises(Forged):
        wire.unpack_answer(bytes(forged), LIMITS, exact=True)


def test_a_picture_for_screening_is_never_vast():
    vast = Shape("image", 5_000, 5_000, 1, 5_000, 5_000)
    assert wire.unpack_answer(bytes(header(vast)), Limits(), exact=True)
    with pytest.raises(Forged):
        wire.unpack_answer(bytes(header(vast)), Limits(), exact=False)


@given(
    st.binary(min_size=wire.ANSWER_BYTES, max_size=wire.ANSWER_BYTES), st.booleans(), st.booleans()
)
def test_no_header_makes_the_node_allocate_more_than_the_limits(data, plausible, exact):
    data = b"TSN1\0\0" + data[6:] if plausible else data
    try:
        answer = wire.unpack_answer(data, LIMITS, exact=exact)
    except Forged:
        return
    if isinstance(answer, Pictures):
        assert sum(shape.pixel_bytes for shape in answer.shapes) <= LIMITS.memory_bytes
    else:
        assert answer[1] <= wire.MAX_DETAIL_BYTES
