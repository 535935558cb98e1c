import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import InvalidInput
from tocsin.web.pages import Page, decode, encode, next_link


@given(st.integers(0, 2**63 - 1))
def test_a_cursor_reads_back_as_what_it_was_made_of(number):
    assert decode(encode(number)) == number


@given(st.text(max_size=64))
def test_any_other_text_is_refused_as_a_cursor(text):
    try:
        number = decode(text)
    except InvalidInput:
        return
    assert encode(number) == text


@pytest.mark.parametrize("cursor", ["", "x", "djE6LTE", "djE6MQ==", "djI6MQ", "djE6 MQ"])
def test_a_cursor_that_is_nearly_right_is_refused(cursor):
    with pytest.raises(InvalidInput, match="cursor"):
        decode(cursor)


def test_a_cursor_beyond_what_a_database_can_count_is_refused():
    with pytest.raises(InvalidInput):
        decode(encode(2**63))


def test_a_page_without_a_cursor_is_the_first():
    assert Page().after == 0


def test_the_next_link_keeps_the_filters():
    link = next_link("/v1/events", 5, 10, tag=["a:b:c", "d:e:f"], subject="")
    assert link == f"/v1/events?tag=a%3Ab%3Ac&tag=d%3Ae%3Af&cursor={encode(5)}&limit=10"
