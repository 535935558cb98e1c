"""Every error of the log has one of ours that says the same."""

import inspect

import pytest

from tocsin.entries.translating import translate, translated
from tocsin.errors import TocsinError
from tocsin.exchange import errors

KINDS = [
    one
    for _, one in inspect.getmembers(errors, inspect.isclass)
    if issubclass(one, errors.ExchangeError) and one is not errors.ExchangeError
]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_keeps_its_message_its_advice_and_whether_to_retry(kind):
    error = kind("what happened", advice="what to do")
    with pytest.raises(TocsinError) as caught, translated():
        raise error
    ours = caught.value
    assert (str(ours), ours.advice, ours.retry) == ("what happened", "what to do", error.retry)
    assert ours.code
    assert ours.__cause__ is error


def test_an_error_without_a_kind_of_its_own_is_ours_all_the_same():
    assert type(translate(errors.ExchangeError("odd"))) is TocsinError


def test_what_is_no_error_of_the_log_passes():
    with pytest.raises(ZeroDivisionError), translated():
        raise ZeroDivisionError
