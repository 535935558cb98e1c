"""A receipt convinces whoever has the entry and the policy, and nobody else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logs import an_entry, cases, vectors
from tocsin.exchange import errors
from tocsin.exchange.errors import ExchangeError, Malformed
from tocsin.exchange.policy import Policy
from tocsin.exchange.proof import MAX_PROOF_BYTES, Proof, prove

POLICY = Policy.parse(vectors("receipts")["policy"].encode())
GOOD = vectors("receipts")["valid"][0]


@pytest.mark.parametrize("case", cases("receipts", "valid"))
def test_a_valid_receipt_verifies_offline(case):
    proof = Proof.parse(case["receipt"].encode())
    assert proof.verify(bytes.fromhex(case["entry"]), POLICY).size == case["size"]
    assert proof.encode() == case["receipt"].encode()


@pytest.mark.parametrize("case", cases("receipts", "invalid"))
def test_an_altered_receipt_is_refused_for_its_reason(case):
    with pytest.raises(getattr(errors, case["error"])) as caught:
        Proof.parse(case["receipt"].encode()).verify(bytes.fromhex(case["entry"]), POLICY)
    assert type(caught.value).__name__ == case["error"]


def test_every_entry_of_a_log_has_a_receipt(watched):
    watched.fill(300)
    tree, head = watched.tree(), watched.head()
    for index in (0, 1, 255, 256, 299):
        receipt = Proof.parse(prove(tree, index, head).encode())
        assert receipt.verify(an_entry(index), watched.policy) == head.checkpoint


def test_a_receipt_is_made_only_under_its_own_checkpoint(watched):
    watched.fill(100)
    old = watched.head()
    watched.fill(200)
    with pytest.raises(ValueError, match="own tree"):
        prove(watched.tree(), 5, old)


def test_extra_data_is_carried_and_believed_by_nobody():
    plain = Proof.parse(GOOD["receipt"].encode())
    with_extra = Proof(plain.index, plain.path, plain.checkpoint, b"anything")
    again = Proof.parse(with_extra.encode())
    assert again.extra == b"anything"
    assert again.verify(bytes.fromhex(GOOD["entry"]), POLICY)


@given(st.integers(0, 10**5), st.integers(0, 7))
def test_no_bit_of_a_receipt_can_flip_unnoticed(position, bit):
    raw = bytearray(GOOD["receipt"].encode())
    raw[position % len(raw)] ^= 1 << bit
    with pytest.raises(ExchangeError):
        Proof.parse(bytes(raw)).verify(bytes.fromhex(GOOD["entry"]), POLICY)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff",
        b"c2sp.org/tlog-proof@v1\n\nnote",
        b"c2sp.org/tlog-proof@v1\nextra !\nindex 1\n\nnote",
        b"c2sp.org/tlog-proof@v1\nindex 1\nextra YQ==\n\nnote",
        b"c2sp.org/tlog-proof@v1\nindex 1\n" + b"A" * 43 + b"=\n" * 65 + b"\nnote",
        b"x" * (MAX_PROOF_BYTES + 1),
    ],
)
def test_what_is_not_a_receipt_is_refused(raw):
    with pytest.raises(Malformed):
        Proof.parse(raw)
