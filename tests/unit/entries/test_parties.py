"""Members hold keys that count for a span of the log, and roles that do not clash."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import public_key
from tocsin.entries.envelope import key_id
from tocsin.entries.judging import may_hold
from tocsin.entries.parties import EXCLUSIVE, MemberKey, Role, is_weak

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P


def multiplied_by_eight(x, y):
    """Double a point of edwards25519 three times (RFC 8032, section 5.1.4, affine)."""
    for _ in range(3):
        step = D * x * x * y * y % P
        x, y = (
            2 * x * y * pow(1 + step, -1, P) % P,
            (y * y + x * x) * pow(1 - step, -1, P) % P,
        )
    return x, y


def x_of(y):
    """Return an x with which y is on the curve (RFC 8032, section 5.1.3)."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    return x if x * x % P == square else x * pow(2, (P - 1) // 4, P) % P


WEAK = [
    "00" * 32,
    "01" + "00" * 31,
    "ec" + "ff" * 30 + "7f",
    "ed" + "ff" * 30 + "7f",
    "ee" + "ff" * 30 + "7f",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
]


@pytest.mark.parametrize("key", WEAK)
@pytest.mark.parametrize("sign", [0, 0x80])
def test_a_point_of_small_order_is_weak(key, sign):
    raw = bytearray.fromhex(key)
    raw[31] |= sign
    y = int.from_bytes(bytes.fromhex(key), "little") % P
    assert multiplied_by_eight(x_of(y), y) == (0, 1)
    assert is_weak(bytes(raw))


@pytest.mark.parametrize("name", ["industry", "tube", "chat", "police"])
def test_an_honest_key_is_not_weak(name):
    assert not is_weak(bytes.fromhex(public_key(name)))


def test_a_key_counts_after_its_adding_and_before_its_revocation():
    key = MemberKey(bytes(32), added=5, revoked_since=8)
    assert [index for index in range(12) if key.counts_at(index)] == [6, 7]


def test_a_key_that_was_not_revoked_goes_on_counting():
    assert MemberKey(bytes(32), added=5).counts_at(10**9)


@given(st.sets(st.sampled_from(Role)))
def test_who_operates_neither_lists_nor_approves_and_who_audits_does_nothing_else(roles):
    if Role.OPERATOR in roles and may_hold(tuple(roles)):
        assert roles <= {Role.OPERATOR, Role.READER}
    if Role.AUDITOR in roles and may_hold(tuple(roles)):
        assert roles <= {Role.AUDITOR, Role.READER}


@given(st.sets(st.sampled_from(Role)))
def test_fewer_roles_never_clash_where_more_do_not(roles):
    if may_hold(tuple(roles)):
        assert all(may_hold(tuple(roles - {role})) for role in roles)


def test_the_clash_of_each_pair_is_the_same_from_both_sides():
    for role, others in EXCLUSIVE.items():
        assert not any(may_hold((role, other)) or may_hold((other, role)) for other in others)


def test_ids_of_keys_have_sixteen_bytes():
    assert len(key_id(bytes(32))) == 16
