from hypothesis import given
from hypothesis import strategies as st

from tocsin.web.rates import Rates


class Ticking:
    """Seconds that pass when the test says so."""

    now = 0.0

    def __call__(self):
        return self.now


def test_a_key_may_ask_a_minutes_worth_at_once_and_no_more():
    rates = Rates(5, monotonic=Ticking())
    assert [bool(rates.take("a").wait_s) for _ in range(7)] == [False] * 5 + [True] * 2


def test_one_keys_requests_do_not_count_for_another():
    rates = Rates(1, monotonic=Ticking())
    assert rates.take("a").wait_s == 0
    assert rates.take("b").wait_s == 0


def test_a_refused_key_is_let_in_again_when_it_waited_as_told():
    ticking = Ticking()
    rates = Rates(2, monotonic=ticking)
    rates.take("a"), rates.take("a")
    ticking.now += rates.take("a").wait_s
    assert rates.take("a").wait_s == 0


def test_the_headers_say_the_policy_what_is_left_and_when_all_is_back():
    rates = Rates(60, monotonic=Ticking())
    assert rates.take("a").headers() == [
        (b"ratelimit-policy", b'"key";q=60;w=60'),
        (b"ratelimit", b'"key";r=59;t=1'),
    ]


@given(st.integers(1, 50), st.lists(st.floats(0, 20), max_size=200))
def test_never_more_pass_than_the_limit_and_what_time_added(limit, pauses):
    ticking = Ticking()
    rates = Rates(limit, monotonic=ticking)
    passed = 0
    for pause in pauses:
        ticking.now += pause
        passed += not rates.take("a").wait_s
    assert passed <= limit + ticking.now * limit / 60 + 1e-6


def test_shares_are_forgotten_when_they_are_too_many_the_whole_ones_first(monkeypatch):
    monkeypatch.setattr("tocsin.web.rates.MAX_SHARES", 10)
    ticking = Ticking()
    rates = Rates(2, monotonic=ticking)
    for number in range(8):
        rates.take(f"early {number}")
    ticking.now = 60
    rates.take("late"), rates.take("late"), rates.take("other")
    assert rates.take("newest").wait_s == 0
    assert rates.take("late").wait_s > 0
    for number in range(1000):
        rates.take(f"crowd {number}")
    assert len(rates._levels) <= 10
