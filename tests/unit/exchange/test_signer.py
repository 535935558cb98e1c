"""The signer never signs two histories, whatever it is asked and whenever it dies."""

import pytest

from logs import ORIGIN, cosigner, log_in_memory, signed
from tocsin.exchange.checkpoint import Checkpoint, open_checkpoint
from tocsin.exchange.errors import Absent, Damaged, Forged, Refused, Unavailable, Unverified
from tocsin.exchange.keys import SigningKey
from tocsin.exchange.merkle import EMPTY_ROOT
from tocsin.exchange.signer import KeySigner, read_key, write_key
from tocsin.exchange.tree import Tree

EMPTY = Checkpoint(ORIGIN, 0, EMPTY_ROOT)
TREES = {size: Tree(*log_in_memory(size)) for size in (7, 300, 700)}
FORK = Tree(*log_in_memory(300, start=1000))


@pytest.fixture
def signer(tmp_path):
    signer = KeySigner(SigningKey.generate(ORIGIN), tmp_path / "signer")
    yield signer
    signer.close()


def advance(signer, new, old):
    return signer.sign(TREES[new].head, old, TREES[new].consistency(old))


@pytest.fixture
def at_seven(signer):
    signer.sign(EMPTY, 0, ())
    advance(signer, 7, 0)
    return signer


def test_a_proven_extension_is_signed(at_seven):
    note = advance(at_seven, 300, 7)
    assert open_checkpoint(note, [at_seven.verifier]).checkpoint == TREES[300].head
    assert at_seven.last() == note


def test_signing_the_same_head_again_gives_the_same_bytes(at_seven):
    assert at_seven.sign(TREES[7].head, 0, ()) == at_seven.last()


CONTRADICTIONS = {
    "a fork": (FORK.head, 7, FORK.consistency(7)),
    "another's proof": (FORK.head, 7, TREES[300].consistency(7)),
    "no proof": (TREES[300].head, 7, ()),
    "a cut proof": (TREES[300].head, 7, TREES[300].consistency(7)[:-1]),
    "a proof from the empty tree": (TREES[300].head, 0, ()),
    "a proof from elsewhere": (TREES[300].head, 8, TREES[300].consistency(8)),
    "another root": (Checkpoint(ORIGIN, 7, bytes(32)), 7, ()),
    "a smaller tree": (Checkpoint(ORIGIN, 6, TREES[7].root_at(6)), 7, ()),
    "the empty tree": (EMPTY, 7, ()),
    "another log": (Checkpoint("other.example/log", 7, TREES[7].head.root), 7, ()),
}


@pytest.mark.parametrize(("head", "old", "proof"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_what_contradicts_the_last_signature_is_refused(at_seven, head, old, proof):
    before = at_seven.last()
    with pytest.raises(Refused):
        at_seven.sign(head, old, proof)
    assert at_seven.last() == before


def test_a_proof_that_starts_elsewhere_is_told_where_to_start(at_seven):
    with pytest.raises(Refused, match="must start at size 7"):
        advance(at_seven, 300, 0)


def test_a_signer_that_remembers_nothing_signs_only_the_empty_tree(signer):
    with pytest.raises(Absent):
        signer.last()
    with pytest.raises(Refused, match="empty tree"):
        advance(signer, 7, 0)


def test_a_signer_remembers_over_a_restart(tmp_path):
    key = SigningKey.generate(ORIGIN)
    first = KeySigner(key, tmp_path)
    first.sign(EMPTY, 0, ())
    advance(first, 300, 0)
    first.close()
    second = KeySigner(key, tmp_path)
    with pytest.raises(Refused):
        second.sign(FORK.head, 0, ())
    advance(second, 700, 300)


def test_a_second_signer_cannot_use_the_same_memory(signer, tmp_path):
    with pytest.raises(Refused, match="another signer"):
        KeySigner(SigningKey.generate(ORIGIN), tmp_path / "signer")


def test_an_altered_memory_stops_the_signer(at_seven, tmp_path):
    at_seven._memory.write(at_seven.last().replace(b"\n7\n", b"\n6\n"))
    with pytest.raises(Forged):
        advance(at_seven, 300, 7)


def test_a_memory_that_is_not_whole_stops_the_signer(at_seven, tmp_path):
    (tmp_path / "signer/last-signed").write_bytes(b"\1" * 8192)
    with pytest.raises(Damaged):
        advance(at_seven, 300, 7)


def test_a_signer_that_lost_its_memory_adopts_what_it_signed(at_seven, tmp_path):
    note = advance(at_seven, 300, 7)
    other = KeySigner(at_seven._key, tmp_path / "new")
    other.adopt(note)
    assert advance(other, 700, 300)


def test_a_signer_adopts_no_note_that_contradicts_its_memory(at_seven, tmp_path, clock):
    seven = at_seven.last()
    advance(at_seven, 300, 7)
    with pytest.raises(Refused):
        at_seven.adopt(seven)
    with pytest.raises(Refused):
        at_seven.adopt(signed(FORK.head, at_seven._key, clock()))
    at_seven.adopt(at_seven.last())
    stranger = KeySigner(SigningKey.generate(ORIGIN), tmp_path / "stranger")
    with pytest.raises(Unverified):
        at_seven.adopt(stranger.sign(EMPTY, 0, ()))


def test_a_cosigners_key_does_not_sign_a_log(tmp_path):
    with pytest.raises(Refused):
        KeySigner(cosigner(ORIGIN), tmp_path)


def test_a_key_file_reads_back_and_is_never_overwritten(tmp_path):
    key = SigningKey.generate(ORIGIN)
    write_key(tmp_path / "key", key)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert read_key(tmp_path / "key").verifier == key.verifier
    with pytest.raises(Unavailable):
        write_key(tmp_path / "key", SigningKey.generate(ORIGIN))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_key_file_that_others_can_open_is_refused(tmp_path, mode):
    write_key(tmp_path / "key", SigningKey.generate(ORIGIN))
    (tmp_path / "key").chmod(mode)
    with pytest.raises(Refused, match="0600"):
        read_key(tmp_path / "key")


def test_a_key_file_behind_a_link_or_absent_is_not_read(tmp_path):
    write_key(tmp_path / "key", SigningKey.generate(ORIGIN))
    (tmp_path / "link").symlink_to(tmp_path / "key")
    for path in (tmp_path / "link", tmp_path / "nothing"):
        with pytest.raises(Unavailable):
            read_key(path)
