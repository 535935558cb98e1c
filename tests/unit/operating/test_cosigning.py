"""Witnesses: asked off everybody's path, believed only as far as their signatures verify."""

import shutil
from contextlib import ExitStack, contextmanager
from functools import partial

import pytest

from exchanges import ORIGIN, URL, Clock, Running, an_item
from servers import answer, serve
from tocsin.errors import Damaged, NotFound
from tocsin.exchange.errors import Absent, Malformed
from tocsin.exchange.keys import Algorithm, SigningKey
from tocsin.exchange.locking import open_locks
from tocsin.exchange.policy import Policy
from tocsin.exchange.proof import Proof
from tocsin.exchange.signer import read_key
from tocsin.exchange.witness import Cosigned, Witness, monitoring_path
from tocsin.operating.checking import check_folder
from tocsin.operating.cosigning import COSIGNED
from tocsin.operating.folder import make
from tocsin.operating.witnessing import addresses
from waiting import wait_until


class Served:
    """A witness behind HTTP, of a log whose key it learns before that asks."""

    def __init__(self, name, folder):
        self.key = SigningKey.generate(name, Algorithm.COSIGNATURE)
        self.locks = open_locks(f"sqlite:///{folder / name}.db")
        self.log = None
        self.reply = self.honest

    def honest(self, handler, body):
        witness = Witness(self.key, {ORIGIN: [self.log]}, locks=self.locks, clock=Clock())
        if handler.command == "GET":
            assert handler.path == f"/{monitoring_path(ORIGIN)}"
            try:
                answer(200, witness.latest(ORIGIN))(handler)
            except Absent:
                answer(404)(handler)
            return
        said = witness.add_checkpoint(body)
        text = said.lines if isinstance(said, Cosigned) else str(getattr(said, "size", said))
        answer(said.status, text.encode())(handler)


@contextmanager
def witnessed(
    tmp_path, names=("one", "two", "three"), quorum=2, prepare=lambda _: None, **settings
):
    """An exchange with witnesses, of which a quorum must cosign.

    It asks from the moment that it is open, so what they are told to do is `prepare`d before.
    """
    with ExitStack() as stack:
        served = {}
        lines = []
        for name in names:
            one = served[name] = Served(name, tmp_path)
            server = stack.enter_context(serve(answer(503)))
            server.reply = partial(reply_with, one, server)
            lines.append(f"witness {name} {one.key.verifier} {server.url('')}")
        policy = "\n".join([*lines, f"group all {quorum} {' '.join(names)}", "quorum all", ""])
        folder = make(tmp_path / "exchange", origin=ORIGIN, url=URL, witnesses=policy, **settings)
        for one in served.values():
            one.log = read_key(folder.signing_key).verifier
        prepare(served)
        running = Running(folder.path)
        yield running, served, policy
        running.close()


def refuse(*names):
    """Let these witnesses refuse whatever they are asked."""

    def prepare(served):
        for name in names:
            served[name].reply = lambda handler, _: answer(503)(handler)

    return prepare


def reply_with(one, server, handler):
    one.reply(handler, server.asked[-1].body)


def complete(running):
    """Whether the quorum has cosigned all there is."""
    head = running.exchange.head.checkpoint.size
    return running.exchange.health().cosigned_size == head


def test_the_quorums_cosignatures_are_published_beside_the_checkpoint(tmp_path):
    with witnessed(tmp_path) as (running, _, policy):
        alice = running.join("alice")
        alice.say(an_item())
        wait_until(lambda: complete(running))
        trusted = Policy.parse(f"log {running.exchange.verifier}\n{policy}".encode())
        signed = trusted.open(running.exchange.cosigned())
        assert signed.checkpoint == running.exchange.head.checkpoint
        wait_until(lambda: running.exchange.health().quorum_behind_s == 0)


def test_a_receipt_satisfies_a_policy_with_witnesses_once_the_quorum_cosigned(tmp_path):
    with witnessed(tmp_path) as (running, _, policy):
        alice = running.join("alice")
        parcel = alice.seal(an_item())
        (admitted,) = alice.submit(parcel)
        wait_until(lambda: complete(running))
        trusted = Policy.parse(f"log {running.exchange.verifier}\n{policy}".encode())
        receipt = Proof.parse(running.exchange.proof(admitted.index))
        assert receipt.verify(admitted.leaf, trusted) == running.exchange.head.checkpoint


def test_entries_are_answered_though_no_witness_is_there_and_the_alarm_is_raised(tmp_path):
    dead = refuse("one", "two", "three")
    with witnessed(tmp_path, prepare=dead, quorum_within_s=1) as (running, _, _):
        assert running.join("alice").say(an_item()) == [2]
        wait_until(lambda: running.exchange.health().quorum_late)
        wait_until(lambda: all("503" in one.error for one in running.exchange.health().witnesses))
        assert running.exchange.health().trouble == ""
        assert running.exchange.cosigned() == running.exchange.head.note


def test_one_of_three_may_be_dead_and_one_alone_is_no_quorum(tmp_path):
    with witnessed(tmp_path, prepare=refuse("one")) as (running, served, _):
        alice = running.join("alice")
        wait_until(lambda: complete(running))
        size = running.exchange.health().cosigned_size
        refuse("two")(served)
        alice.say(an_item())
        wait_until(lambda: running.exchange.health().witnesses[2].size == size + 1)
        assert running.exchange.health().cosigned_size == size
        assert b"\n%d\n" % size in running.exchange.published(COSIGNED)


def test_a_cosignature_that_does_not_verify_never_counts(tmp_path):
    def forge(served):
        served["one"].key = SigningKey.generate("one", Algorithm.COSIGNATURE)

    with witnessed(tmp_path, names=("one",), quorum=1, prepare=forge) as (running, _, _):
        running.join("alice")
        wait_until(lambda: running.exchange.health().witnesses[0].error)
        assert running.exchange.health().cosigned_size == 0
        with pytest.raises(NotFound):
            running.exchange.published(COSIGNED)


def test_a_witness_that_knows_an_older_size_is_given_the_proof_from_there(tmp_path):
    with witnessed(tmp_path, names=("one",), quorum=1) as (running, _, _):
        alice = running.join("alice")
        wait_until(lambda: complete(running))
        alice.say(*(an_item(number) for number in range(30)))
        running.reopen()  # It does not remember how far the witness was.
        wait_until(lambda: complete(running))


def test_an_exchange_restored_from_a_backup_is_stopped_by_its_witnesses(tmp_path):
    """Everything is old, the signer's memory too: only the witnesses know of more."""
    with witnessed(tmp_path, names=("one",), quorum=1) as (running, _, _):
        alice = running.join("alice")
        running.close()
        shutil.copytree(running.folder.path, tmp_path / "backup")
        running.open()
        alice.say(an_item(1))
        wait_until(lambda: complete(running))
        running.close()
        shutil.rmtree(running.folder.path)
        shutil.copytree(tmp_path / "backup", running.folder.path)
        with pytest.raises(Damaged, match="size 3"):
            running.open()


def test_what_witnesses_add_is_no_fault_of_the_folder(tmp_path):
    with witnessed(tmp_path, names=("one",), quorum=1) as (running, _, _):
        running.join("alice")
        wait_until(lambda: complete(running))
        running.close()
        assert check_folder(running.folder, clock=running.clock).clean


def test_only_witnesses_with_an_address_are_asked():
    key = SigningKey.generate("w", Algorithm.COSIGNATURE).verifier
    policy = f"witness a {key} https://a.example/\nwitness b {key}\n# witness c\nquorum none\n"
    assert [(one.name, one.url) for one in addresses(policy)] == [("a", "https://a.example")]


def test_an_address_needs_a_key_that_can_be_read():
    with pytest.raises(Malformed):
        addresses("witness a nonsense https://a.example\n")
