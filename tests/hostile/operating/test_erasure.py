"""What was erased is nowhere in the exchange's folder any more, whatever was done to it before."""

import random
import shutil

import pytest

from exchanges import an_item
from tocsin.entries.statements import Erase
from tocsin.errors import Unavailable
from tocsin.operating.checking import check_folder
from tocsin.operating.contents import Contents
from traces import traces


def of_parcels(parcels):
    """What must be nowhere: the nonces, and the texts of the payloads."""
    return [one.nonce for one in parcels] + [one.payload[-120:] for one in parcels]


def test_an_erased_content_is_in_no_file_while_the_exchange_runs(running, alice):
    parcel = alice.seal(an_item(1, note="a name that must not stay" * 40))
    (answer,) = alice.submit(parcel)
    assert traces(running.folder.path, parcel.nonce)
    alice.say(Erase(of=answer.index, reason="data-protection"))
    assert traces(running.folder.path, *of_parcels([parcel])) == []
    assert running.exchange.payloads(answer.index, answer.index + 1, member="alice") == [b""]


def test_what_is_erased_among_many_of_all_sizes_leaves_no_trace(running, alice):
    draw = random.Random(3)
    parcels, indices = [], []
    for _ in range(12):
        items = [an_item(n, note="x" * draw.choice((3, 90, 800, 1900))) for n in range(40)]
        chain = alice.chain(*items)
        parcels += chain
        indices += [one.index for one in alice.submit(*chain)]
    gone = draw.sample(range(len(parcels)), 400)
    for at in range(0, len(gone), 50):
        erasures = [Erase(of=indices[one], reason="error") for one in gone[at : at + 50]]
        alice.submit(*alice.chain(*erasures))
        alice.say(*(an_item(n, note="y" * draw.randrange(1900)) for n in range(10)))
    needles = [parcels[one].nonce for one in gone]
    assert traces(running.folder.path, *needles) == []
    running.close()
    assert traces(running.folder.path, *needles) == []
    found = check_folder(running.folder, clock=running.clock)
    assert (found.clean, found.entries.erased) == (True, 400)
    running.open()


def test_an_erasure_that_was_cut_short_is_finished_at_the_next_start(running, alice, monkeypatch):
    parcel = alice.seal(an_item(1, note="still here" * 30))
    (answer,) = alice.submit(parcel)

    def fail(*_):
        raise Unavailable("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(Contents, "erase", fail)
        alice.say(Erase(of=answer.index, reason="error"))
        # Logged, not served any more, and said to be unfinished.
        assert running.exchange.payloads(answer.index, answer.index + 1, member="alice") == [b""]
        assert running.exchange.health().erasing == 1
        running.close()
    assert traces(running.folder.path, parcel.nonce)
    running.open()
    assert running.exchange.health().erasing == 0
    assert traces(running.folder.path, parcel.nonce) == []


def test_an_older_copy_of_the_contents_does_not_bring_back_what_was_erased(running, alice):
    parcel = alice.seal(an_item(1, note="old copy" * 30))
    (answer,) = alice.submit(parcel)
    running.close()
    copy = running.folder.path.with_name("old.db")
    shutil.copy(running.folder.contents, copy)
    running.open()
    alice.say(Erase(of=answer.index, reason="court-order"))
    running.close()
    shutil.copy(copy, running.folder.contents)
    running.open()
    assert traces(running.folder.path, parcel.nonce) == []
    assert running.exchange.payloads(answer.index, answer.index + 1, member="alice") == [b""]


def test_proofs_of_an_erased_entry_still_verify(running, alice):
    (index,) = alice.say(an_item())
    leaf = list(running.exchange._log.tree().entries(index, index + 1))
    alice.say(Erase(of=index, reason="error"))
    assert list(running.exchange._log.tree().entries(index, index + 1)) == leaf
    assert running.exchange.proof(index)


@pytest.mark.parametrize("reopened", [False, True])
def test_an_item_erased_in_the_batch_that_brings_it_is_gone(running, alice, reopened):
    item, erasure = alice.chain(an_item(note="at once" * 30), Erase(of=2, reason="error"))
    rings = []
    running.exchange.bell.subscribe(rings.append)
    alice.submit(item, erasure)
    if reopened:
        running.reopen()
    assert traces(running.folder.path, item.nonce) == []
    assert running.exchange.payloads(2, 3, member="alice") == [b""]
    running.exchange._desk.close()
    assert not rings or rings[0].contents[0][1] == b""
