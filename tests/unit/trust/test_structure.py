"""What a signal betrays without its media: nothing empty passes, and next to nothing good fails."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codes import altered
from pictures import luma
from signals import pdq as made_up
from signals import url
from tocsin import sample
from tocsin.errors import ConfigurationError
from tocsin.hashing.exact import file_signals
from tocsin.hashing.pdq import pdq
from tocsin.model import Signal, SignalType
from tocsin.trust import degenerate
from tocsin.trust.hosts import HOSTING, SHORTENERS, WELL_KNOWN, read_hosts
from tocsin.trust.outcome import Doubtful, Rejected, Sound, from_json, joined, to_json
from tocsin.trust.structure import Structure

STRUCTURE = Structure()


def check(signal):
    (outcome,) = STRUCTURE.check([signal])
    return outcome


def codes(outcome):
    return [reason.code for reason in outcome.reasons]


def with_ones(count, quality=90):
    bits = np.zeros(256, np.uint8)
    bits[np.random.default_rng(count).choice(256, count, replace=False)] = 1
    return Signal(SignalType.PDQ, np.packbits(bits).tobytes(), quality)


def signals_of(hashes, quality):
    return [Signal(SignalType.PDQ, code.tobytes(), quality) for code in hashes.codes]


def test_the_table_of_patterns_is_what_the_recipes_make():
    assert np.array_equal(degenerate.TABLE, degenerate.made())


@pytest.mark.parametrize("quality", [None, 100])
def test_every_form_of_what_shows_nothing_is_rejected_whatever_quality_is_claimed(quality):
    empty = [one for hashes in degenerate.hashed() for one in signals_of(hashes, quality)]
    assert {type(one) for one in STRUCTURE.check(empty)} == {Rejected}


def test_hardly_a_good_photo_is_rejected():
    photos = [pdq(luma(sample.picture(number, (320, 240)))) for number in range(60)]
    signals = [one for hashes in photos for one in signals_of(hashes, hashes.quality)]
    rejected = sum(isinstance(one, Rejected) for one in STRUCTURE.check(signals))
    assert rejected <= 0.005 * len(signals)


@pytest.mark.parametrize(
    ("ones", "outcome"),
    [
        *((111, Rejected), (112, Doubtful), (123, Doubtful), (124, Sound)),
        *((132, Sound), (133, Doubtful), (144, Doubtful), (145, Rejected)),
    ],
)
def test_a_hash_out_of_balance_is_doubted_and_further_out_rejected(ones, outcome):
    assert isinstance(check(with_ones(ones)), outcome)


@pytest.mark.parametrize(
    ("quality", "outcome"), [(49, Rejected), (50, Sound), (100, Sound), (None, Doubtful)]
)
def test_a_poor_picture_is_rejected_and_one_of_unknown_quality_doubted(quality, outcome):
    assert isinstance(check(with_ones(128, quality)), outcome)


@pytest.mark.parametrize(("flips", "expected"), [(31, True), (32, False)])
def test_what_lies_within_the_radius_of_a_pattern_is_rejected(flips, expected):
    near = altered(degenerate.TABLE[0], flips, seed=1)
    assert degenerate.nearest(near[None, :], degenerate.TABLE)[0] == flips
    outcome = check(Signal(SignalType.PDQ, near.tobytes(), None))
    assert ("degenerate" in codes(outcome)) is expected


@pytest.mark.parametrize("content", [b"", b"\n", b"\0"])
def test_the_hashes_of_a_file_with_nothing_in_it_are_rejected(content):
    outcomes = STRUCTURE.check(file_signals(content))
    assert [codes(one) for one in outcomes] == [["empty_file"]] * 3


def test_a_file_hash_of_zeros_is_no_hash():
    assert codes(check(Signal(SignalType.MD5, bytes(16)))) == ["placeholder"]


@given(st.binary(min_size=1, max_size=50).filter(lambda data: len(data.strip(b"\0\r\n ")) > 0))
def test_the_hashes_of_other_files_are_sound(data):
    assert STRUCTURE.check(file_signals(data)) == [Sound()] * 3


@pytest.mark.parametrize("host", sorted(WELL_KNOWN | HOSTING | SHORTENERS))
def test_no_whole_site_of_everybody_can_be_listed(host):
    assert codes(check(url(f"https://{host}"))) == ["well_known_site"]


@pytest.mark.parametrize(
    ("link", "outcome"),
    [
        ("facebook.com/some-page", Sound),
        ("de.wikipedia.org", Doubtful),
        ("somebody.wordpress.com", Sound),
        ("bit.ly/abc", Doubtful),
        ("example.org", Sound),
        ("google.com:8443", Rejected),
        ("http://", Rejected),
    ],
)
def test_a_link_is_judged_by_how_much_it_covers(link, outcome):
    assert isinstance(check(url(link)), outcome)


def test_an_operator_can_add_hosts(tmp_path):
    path = tmp_path / "hosts.txt"
    path.write_text("# ours\n\nExample.org  # the forum\nwww.example.net\n")
    structure = Structure(hosts=read_hosts(path))
    outcomes = structure.check([url("example.org/"), url("example.net/"), url("example.com/")])
    assert [type(one) for one in outcomes] == [Rejected, Rejected, Sound]


@pytest.mark.parametrize("line", ["example.org/page", "two words", "http://"])
def test_a_file_of_hosts_with_anything_else_is_refused_with_its_line(tmp_path, line):
    path = tmp_path / "hosts.txt"
    path.write_text(f"example.org\n{line}\n")
    with pytest.raises(ConfigurationError, match="line 2"):
        read_hosts(path)


def test_one_bad_signal_spoils_its_item():
    outcomes = STRUCTURE.check([made_up(1), *file_signals(b""), with_ones(128, None)])
    assert isinstance(joined(outcomes), Rejected)
    assert joined([Sound(), Sound()]) == Sound()


@pytest.mark.parametrize("signal", [with_ones(128), with_ones(120), with_ones(90), url("t.me")])
def test_an_outcome_is_stored_and_read_back(signal):
    outcome = check(signal)
    assert from_json(to_json(outcome)) == outcome
