"""A policy accepts what it says and refuses all it does not say."""

import pytest

from logs import ORIGIN, cases, cosigner, log_in_memory, signed
from tocsin.exchange.errors import Forged, Malformed, Unverified
from tocsin.exchange.keys import Algorithm, PublicKey, SigningKey
from tocsin.exchange.note import Note, sign_note
from tocsin.exchange.policy import MAX_GROUPS, MAX_POLICY_BYTES, Policy

LOG = SigningKey.generate(ORIGIN)
WITNESSES = {name: cosigner(f"{name}.example") for name in ("a", "b", "c")}
LINES = f"log {LOG.verifier}\n" + "".join(
    f"witness {name} {key.verifier}\n" for name, key in WITNESSES.items()
)
HEAD = log_in_memory(3)[1]


def policy(lines):
    return Policy.parse((LINES + lines).encode())


@pytest.mark.parametrize("case", cases("policies", "valid"))
def test_a_policy_is_satisfied_by_the_signatures_it_names_and_no_fewer(case):
    parsed = Policy.parse(case["policy"].encode())
    if case["satisfied"]:
        assert parsed.open(case["note"].encode()).checkpoint.size == 3
    else:
        with pytest.raises(Unverified):
            parsed.open(case["note"].encode())


@pytest.mark.parametrize("case", cases("policies", "invalid"))
def test_a_policy_that_says_too_little_or_too_much_is_refused(case):
    with pytest.raises(Malformed):
        Policy.parse(case["policy"].encode())


def test_the_line_that_is_wrong_is_named():
    with pytest.raises(Malformed, match="line 6"):
        policy("\nquorum nobody\n")


@pytest.mark.parametrize("name", [b"caf\xc3\xa9", b"\xff\xfe", b"\xc2\xa0x", b"\x85"])
def test_names_are_octets_whatever_they_mean_in_unicode(name):
    raw = LINES.encode() + b"group " + name + b" any a\nquorum " + name + b"\n"
    assert Policy.parse(raw).satisfied({"a"})


def test_words_are_parted_by_spaces_and_tabs_only():
    assert policy("group\t g  2 a b\n\tquorum  g \n").satisfied({"a", "b"})
    assert not policy("  # a remark\n\n \t\nquorum a\n").satisfied({"b"})


@pytest.mark.parametrize(
    ("cosigned", "enough"),
    [
        ("", False),
        ("a", False),
        ("c", False),
        ("ab", False),
        ("ac", True),
        ("bc", True),
        ("abc", True),
    ],
)
def test_groups_stand_in_groups(cosigned, enough):
    nested = policy("group inner any a b\ngroup outer all inner c\nquorum outer\n")
    assert nested.satisfied(set(cosigned)) is enough


def test_a_bad_cosignature_never_counts(clock):
    note = Note.parse(signed(HEAD, LOG, clock()))
    good = sign_note(HEAD.text, [WITNESSES["a"]], clock()).signatures[0]
    bad = type(good)(good.name, good.key_id, good.blob[:-1] + bytes([good.blob[-1] ^ 1]))
    with pytest.raises(Forged):
        policy("quorum a\n").open(note.add([bad]).encode())
    assert policy("quorum a\n").open(note.add([good]).encode())


def test_a_witness_with_the_name_of_the_log_does_not_speak_for_it(clock):
    impostor = SigningKey.generate(ORIGIN, Algorithm.COSIGNATURE)
    raw = sign_note(HEAD.text, [impostor], clock()).encode()
    with pytest.raises(Unverified):
        policy(f"witness i {impostor.verifier}\nquorum i\n").open(raw)


def test_a_key_of_a_type_not_meant_for_it_is_refused():
    twin = PublicKey(ORIGIN, Algorithm.COSIGNATURE, LOG.verifier.public)
    with pytest.raises(Malformed, match="type"):
        Policy.parse(f"log {twin}\nquorum none\n".encode())


def test_urls_are_allowed_and_without_meaning():
    urls = f"log {LOG.verifier} https://example.com/\nwitness a {WITNESSES['a'].verifier} x\n"
    assert Policy.parse(f"{urls}quorum a\n".encode()).witnesses.keys() == {"a"}


def test_an_oversized_policy_is_refused():
    with pytest.raises(Malformed, match="bytes"):
        Policy.parse(b"#" * MAX_POLICY_BYTES + b"\n")
    chain = "".join(f"group g{n + 1} any g{n}\n" for n in range(MAX_GROUPS))
    with pytest.raises(Malformed, match="groups"):
        policy(f"group g0 any a\n{chain}quorum a\n")


def test_groups_as_deep_as_they_may_be_are_evaluated():
    chain = "".join(f"group g{n + 1} any g{n}\n" for n in range(MAX_GROUPS - 1))
    deep = policy(f"group g0 any a\n{chain}quorum g{MAX_GROUPS - 1}\n")
    assert deep.satisfied({"a"})
    assert not deep.satisfied({"b"})
