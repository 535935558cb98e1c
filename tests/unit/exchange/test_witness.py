"""A witness cosigns what extends all it has seen, once for each step, whoever asks at once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from logs import ORIGIN, cosigner, log_in_memory, signed, vectors
from tocsin.exchange.advance import encode_advance
from tocsin.exchange.checkpoint import open_checkpoint
from tocsin.exchange.errors import Absent, Forged, Malformed, Unavailable, Unverified
from tocsin.exchange.keys import PublicKey, SigningKey
from tocsin.exchange.locking import open_locks
from tocsin.exchange.note import Note, Signature
from tocsin.exchange.tree import Tree
from tocsin.exchange.witness import (
    Conflict,
    Cosigned,
    Rejected,
    Witness,
    add_cosignatures,
    monitoring_path,
)

LOG = SigningKey.generate(ORIGIN)
KEY = cosigner("witness.example")


@pytest.fixture
def locks(tmp_path):
    return open_locks(f"sqlite:///{tmp_path / 'witness.db'}")


@pytest.fixture
def witness(locks, clock):
    return Witness(KEY, {ORIGIN: [LOG.verifier]}, locks=locks, clock=clock)


@pytest.fixture
def ask(clock):
    """Make the request for a log of `new` numbered entries."""

    def make(old, new, start=0):
        tree = Tree(*log_in_memory(new, start))
        return encode_advance(old, tree.consistency(old), signed(tree.head, LOG, clock()))

    return make


def test_the_vectors_get_their_answers_in_order(locks, clock):
    case = vectors("witness")
    log = PublicKey.parse(case["log"])
    witness = Witness(KEY, {log.name: [log]}, locks=locks, clock=clock)
    answers = [witness.add_checkpoint(step["body"].encode()) for step in case["steps"]]
    assert [one.status for one in answers] == [step["status"] for step in case["steps"]]
    sizes = [one.size if isinstance(one, Conflict) else None for one in answers]
    assert sizes == [step["size"] for step in case["steps"]]


def test_a_cosignature_verifies_under_the_checkpoint(witness, ask, clock):
    answer = witness.add_checkpoint(ask(0, 7))
    line = Signature.parse(answer.lines.removesuffix("\n"))
    assert KEY.verifier.verify(log_in_memory(7)[1].text, line.blob) == clock()


def test_the_latest_checkpoint_is_kept_cosigned_for_monitors(witness, ask):
    with pytest.raises(Absent):
        witness.latest(ORIGIN)
    witness.add_checkpoint(ask(0, 7))
    witness.add_checkpoint(ask(7, 300))
    opened = open_checkpoint(witness.latest(ORIGIN), [LOG.verifier, KEY.verifier])
    assert opened.checkpoint.size == 300
    assert {one.key for one in opened.verified} == {LOG.verifier, KEY.verifier}


def test_lines_of_strangers_are_not_handed_on(witness, clock):
    head = log_in_memory(7)[1]
    junk = [Signature(f"junk{n}.example", b"abcd", bytes(64)) for n in range(99)]
    note = Note.parse(signed(head, LOG, clock())).add(junk)
    assert witness.add_checkpoint(encode_advance(0, (), note.encode())).status == 200
    assert b"junk" not in witness.latest(ORIGIN)


def test_a_witness_remembers_over_a_restart(witness, locks, clock, ask):
    witness.add_checkpoint(ask(0, 300))
    again = Witness(KEY, {ORIGIN: [LOG.verifier]}, locks=locks, clock=clock)
    assert again.add_checkpoint(ask(0, 7)) == Conflict(300)
    assert again.add_checkpoint(ask(300, 300, start=1000)) == Conflict(300)
    assert isinstance(again.add_checkpoint(ask(300, 700, start=1000)), Rejected)
    assert again.add_checkpoint(ask(300, 700)).status == 200


def test_a_clock_that_was_set_back_does_not_set_back_cosignatures(witness, ask, clock):
    witness.add_checkpoint(ask(0, 7))
    first = clock()
    clock.advance(-86_400)
    answer = witness.add_checkpoint(ask(7, 300))
    line = Signature.parse(answer.lines.removesuffix("\n"))
    assert KEY.verifier.verify(log_in_memory(300)[1].text, line.blob) == first


def test_of_requests_at_once_only_one_is_cosigned(witness, ask):
    witness.add_checkpoint(ask(0, 7))
    bodies = [ask(7, size) for size in (100, 200, 300, 400)]
    ready = threading.Barrier(len(bodies))

    def submit(body):
        ready.wait()
        return witness.add_checkpoint(body)

    with ThreadPoolExecutor(len(bodies)) as pool:
        answers = list(pool.map(submit, bodies))
    assert [type(one) for one in answers].count(Cosigned) == 1
    assert [type(one) for one in answers].count(Conflict) == len(bodies) - 1


def test_a_witness_whose_record_was_altered_says_nothing(witness, locks, ask):
    witness.add_checkpoint(ask(0, 7))
    note = witness.latest(ORIGIN)
    locks.swap(ORIGIN, note, note.replace(b"\n7\n", b"\n6\n"))
    with pytest.raises(Forged):
        witness.add_checkpoint(ask(7, 300))


def test_a_witness_that_cannot_record_does_not_cosign(witness, locks, ask):
    class Full:
        read = locks.read

        def create(self, origin, note):
            raise Unavailable("disk full")

    witness._locks = Full()
    with pytest.raises(Unavailable):
        witness.add_checkpoint(ask(0, 7))
    with pytest.raises(Absent):
        locks.read(ORIGIN)


def test_a_log_may_change_its_key_while_both_are_trusted(locks, clock):
    new = SigningKey.generate(ORIGIN)
    head = log_in_memory(7)[1]
    both = Witness(KEY, {ORIGIN: [LOG.verifier, new.verifier]}, locks=locks, clock=clock)
    assert both.add_checkpoint(encode_advance(0, (), signed(head, new, clock()))).status == 200


def test_a_logs_key_cannot_be_a_witness(locks, clock):
    with pytest.raises(Malformed):
        Witness(SigningKey.generate("w.example"), {}, locks=locks, clock=clock)


def test_an_answer_is_added_to_the_note_that_was_asked_about(witness, ask, clock):
    note = signed(log_in_memory(7)[1], LOG, clock())
    lines = witness.add_checkpoint(ask(0, 7)).lines
    stranger = Signature("stranger.example", b"abcd", bytes(72)).line
    cosigned = add_cosignatures(note, stranger + lines, [KEY.verifier])
    assert cosigned == note + lines.encode()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lambda lines: lines.replace("example ", "example  "), Malformed),
        (
            lambda lines: Signature.parse(lines[:-1]).line.replace("— witness", "— other"),
            Unverified,
        ),
        (lambda _: "", Malformed),
    ],
)
def test_an_answer_without_a_cosignature_adds_nothing(witness, ask, clock, answer, error):
    note = signed(log_in_memory(7)[1], LOG, clock())
    lines = witness.add_checkpoint(ask(0, 7)).lines
    with pytest.raises(error):
        add_cosignatures(note, answer(lines), [KEY.verifier])


def test_a_cosignature_of_another_checkpoint_is_not_added(witness, ask, clock):
    lines = witness.add_checkpoint(ask(0, 7)).lines
    with pytest.raises(Forged):
        add_cosignatures(signed(log_in_memory(8)[1], LOG, clock()), lines, [KEY.verifier])


def test_monitors_find_a_log_by_the_hash_of_its_origin():
    digest = "4d3203c8f35cdf600e475f55fede6081a703d3d322f208865fca2ec4f0e030f8"
    assert monitoring_path("example.com/log") == f"{digest}/checkpoint"
