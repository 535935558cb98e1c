"""Labels come from a closed, versioned vocabulary."""

import pytest

from tocsin.errors import InvalidInput
from tocsin.lists.vocabulary import LABELS, parse_labels


def test_labels_are_folded_and_kept_once():
    assert parse_labels([" Threat", "threat", "", "graphic"]) == ("threat", "graphic")


def test_an_unknown_label_is_named_with_those_there_are():
    with pytest.raises(InvalidInput, match="heresy") as caught:
        parse_labels(["threat", "heresy"])
    assert all(label in caught.value.advice for label in LABELS)


def test_every_label_says_what_it_means():
    assert all(meaning.endswith(".") for meaning in LABELS.values())
