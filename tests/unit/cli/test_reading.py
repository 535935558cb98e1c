import pytest

from tocsin.cli.reading import listed_signal, read_item, read_upload, sought_signals
from tocsin.decoding.sandbox import Sandbox
from tocsin.errors import InvalidInput
from tocsin.model import Signal, SignalType

LIMIT = 2**20


@pytest.fixture(scope="module")
def decoder():
    with Sandbox(children=1) as opened:
        yield opened


def test_an_item_is_read_as_its_own_list_keeps_it(decoder, media):
    read = read_item(decoder, media.known[0], limit_bytes=LIMIT)
    assert [one.type.value for one in read.signals] == ["sha256", "md5", "pdq"]
    assert not read.problem


def test_a_file_too_large_is_no_item_and_says_so(decoder, media):
    read = read_item(decoder, media.known[0], limit_bytes=10)
    assert not read.signals
    assert "more than the 10 allowed" in read.problem


def test_the_straight_views_are_among_all_views(decoder, media):
    read = read_upload(decoder, media.altered[0], limit_bytes=LIMIT)
    assert set(read.straight) < set(read.views)
    assert read.format == "jpeg"


def test_what_cannot_be_read_has_no_views(decoder, tmp_path):
    read = read_upload(decoder, tmp_path, limit_bytes=LIMIT)
    assert (read.views, bool(read.problem)) == ((), True)


def test_a_link_is_listed_in_its_canonical_form_alone():
    listed = listed_signal(SignalType.URL, "HTTPS://Example.org:443/a/b?c=d")
    assert listed == Signal(SignalType.URL, b"example.org/a/b?c=d")


def test_a_link_is_looked_up_under_all_that_would_cover_it():
    sought = {one.text for one in sought_signals(SignalType.URL, "https://example.org/a/b")}
    assert {"example.org/a/b", "example.org/a/", "example.org/"} <= sought


@pytest.mark.parametrize("read", [listed_signal, sought_signals])
def test_what_is_no_link_is_refused(read):
    with pytest.raises(InvalidInput, match="not a link"):
        read(SignalType.URL, "nothing at all")


def test_only_the_quality_of_pictures_is_kept():
    assert listed_signal(SignalType.PDQ, "ab" * 32, 80).quality == 80
