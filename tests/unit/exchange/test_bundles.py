"""Bundles give back the very entries that went in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logs import cases
from tocsin.exchange.bundles import check_entry, decode_bundle, encode_bundle
from tocsin.exchange.errors import Malformed


@pytest.mark.parametrize("case", cases("bundles", "valid"))
def test_the_vectors_split_and_join(case):
    entries = [bytes.fromhex(one) for one in case["entries"]]
    bundle = bytes.fromhex(case["bundle"])
    assert encode_bundle(entries) == bundle
    assert decode_bundle(bundle, len(entries)) == entries


@pytest.mark.parametrize("case", cases("bundles", "invalid"))
def test_a_bundle_that_is_cut_or_of_another_count_is_refused(case):
    with pytest.raises(Malformed):
        decode_bundle(bytes.fromhex(case["bundle"]), case["count"])


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_every_list_of_entries_comes_back(entries):
    assert decode_bundle(encode_bundle(entries), len(entries)) == entries


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=20), st.data())
def test_no_cut_bundle_is_taken_for_a_whole_one(entries, data):
    whole = encode_bundle(entries)
    with pytest.raises(Malformed):
        decode_bundle(whole[: data.draw(st.integers(0, len(whole) - 1))], len(entries))


def test_the_longest_entry_fits_and_the_next_does_not():
    assert decode_bundle(encode_bundle([bytes(65_535)]), 1) == [bytes(65_535)]
    with pytest.raises(Malformed, match="65535 bytes"):
        check_entry(bytes(65_536))
