import pytest

from tocsin.errors import InvalidInput
from tocsin.model import SignalType
from tocsin.web.schemas import Md5In, PdqIn, UrlIn
from tocsin.web.signals import read_item_signals, read_signals, read_texts


def test_a_hash_is_read_with_its_quality():
    (signal,) = read_signals([PdqIn(type="pdq", signal="AB" * 32, quality=70)])
    assert (signal.type, signal.value, signal.quality) == ("pdq", b"\xab" * 32, 70)


def test_a_link_to_look_up_stands_for_all_that_would_cover_it():
    found = read_signals([UrlIn(type="url", signal="https://example.org/a/b?c=d")])
    assert {"example.org/a/b?c=d", "example.org/a/", "example.org/"} <= {one.text for one in found}


def test_a_link_to_list_stands_for_itself_alone():
    given = [UrlIn(type="url", signal="https://Example.org/a"), Md5In(type="md5", signal="0" * 32)]
    assert [one.text for one in read_item_signals(given)] == ["example.org/a", "0" * 32]


def test_what_is_no_link_is_refused_either_way():
    wrong = [UrlIn(type="url", signal="http://")]
    for read in (read_signals, read_item_signals):
        with pytest.raises(InvalidInput, match="not a link"):
            read(wrong)


def test_of_several_texts_the_wrong_one_is_named():
    with pytest.raises(InvalidInput, match=r"signals\.1: "):
        read_texts(SignalType.MD5, ["0" * 32, "0"])
