"""A reader follows one history, and names every way in which it is shown another."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logs import ORIGIN, Objects, an_entry, cosigner, log_in_memory, signed
from tocsin.exchange.advance import decode_advance
from tocsin.exchange.checkpoint import open_checkpoint
from tocsin.exchange.errors import Absent, Damaged, Forged, Unavailable, Unverified
from tocsin.exchange.keys import SigningKey
from tocsin.exchange.merkle import check_consistency
from tocsin.exchange.note import Note, sign_note
from tocsin.exchange.policy import Policy
from tocsin.exchange.reading import Advanced, Forked, Reader, RolledBack, Unchanged, Unproven

KEY = SigningKey.generate(ORIGIN)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
POLICY = Policy.parse(f"log {KEY.verifier}\nquorum none\n".encode())


@pytest.fixture
def show(clock):
    """Serve a log of numbered entries, and return a reader and its checkpoint."""

    def make(size, start=0, key=KEY):
        objects, head = log_in_memory(size, start)
        objects["checkpoint"] = signed(head, key, clock())
        return Reader(objects, POLICY), objects

    return make


def noted(objects):
    return objects["checkpoint"]


def test_at_first_contact_the_log_is_what_its_key_says(show):
    outcome = show(300)[0].latest(None)
    assert isinstance(outcome, Advanced)
    assert outcome.signed.checkpoint.size == outcome.tree.size == 300


@pytest.mark.parametrize(("old", "new"), [(0, 1), (1, 2), (255, 256), (256, 700), (300, 70_000)])
def test_a_log_that_grew_advances(show, old, new):
    seen = noted(show(old)[1])
    assert isinstance(show(new)[0].latest(seen), Advanced)


def test_the_same_log_is_unchanged_under_more_signatures(show, clock):
    reader, objects = show(300)
    seen = noted(objects)
    cosigned = Note.parse(seen).add(
        sign_note(Note.parse(seen).text, [cosigner("w.example")], clock()).signatures
    )
    objects["checkpoint"] = cosigned.encode()
    outcome = reader.latest(seen)
    assert isinstance(outcome, Unchanged)
    assert outcome.signed.note == cosigned.encode()


def test_a_smaller_log_is_rolled_back(show):
    seen = noted(show(300)[1])
    outcome = show(200)[0].latest(seen)
    assert isinstance(outcome, RolledBack)
    assert (outcome.seen.checkpoint.size, outcome.shown.checkpoint.size) == (300, 200)


def test_another_root_of_the_same_size_is_a_fork(show):
    seen = noted(show(300)[1])
    reader, objects = show(300, start=1000)
    outcome = reader.latest(seen)
    assert isinstance(outcome, Forked)
    assert (outcome.evidence.seen, outcome.evidence.shown) == (seen, noted(objects))


@pytest.mark.parametrize("old", [1, 7, 256, 299])
def test_a_larger_log_of_another_history_is_a_fork(show, old):
    seen = noted(show(old, start=1000)[1])
    assert isinstance(show(300)[0].latest(seen), Forked)


def test_a_smaller_log_of_another_history_is_a_fork_where_that_can_be_shown(show):
    _, large = show(300)
    _, small = show(200, start=1000)
    shown = Objects(large | {"checkpoint": noted(small)})
    assert isinstance(Reader(shown, POLICY).latest(noted(large)), Forked)
    assert isinstance(Reader(small, POLICY).latest(noted(large)), RolledBack)


def test_the_evidence_of_a_fork_stands_by_itself(show):
    seen = noted(show(7, start=1000)[1])
    evidence = show(300)[0].latest(seen).evidence
    files = evidence.files()
    advance = decode_advance(files["advance.txt"])
    old = open_checkpoint(files["seen.note"], [KEY.verifier]).checkpoint
    new = open_checkpoint(advance.checkpoint, [KEY.verifier]).checkpoint
    assert (advance.old_size, files["shown.note"]) == (old.size, advance.checkpoint)
    with pytest.raises(Forged):
        check_consistency(old.size, old.root, new.size, new.root, advance.proof)


def test_two_notes_of_a_member_and_a_witness_can_be_compared(show):
    reader, objects = show(300)
    assert isinstance(reader.compare(noted(show(200)[1]), noted(objects)), Advanced)
    assert isinstance(reader.compare(noted(objects), noted(show(300, start=9)[1])), Forked)


@pytest.mark.parametrize(
    "change",
    [
        lambda note: note.replace(b"\n300\n", b"\n301\n"),
        lambda _: b"garbage",
        lambda note: note[:-2],
        lambda _: b"",
    ],
)
def test_a_checkpoint_that_was_tampered_with_proves_nothing(show, change):
    reader, objects = show(300)
    objects["checkpoint"] = change(noted(objects))
    outcome = reader.latest(noted(show(200)[1]))
    assert isinstance(outcome, Unproven)
    assert outcome.note == objects["checkpoint"]


def test_a_checkpoint_of_a_stranger_or_of_another_log_proves_nothing(show, clock):
    seen = noted(show(200)[1])
    assert isinstance(show(300, key=SigningKey.generate(ORIGIN))[0].latest(seen), Unproven)
    other = SigningKey.generate("other.example/log")
    both = Policy.parse(f"log {KEY.verifier}\nlog {other.verifier}\nquorum none\n".encode())
    objects, head = log_in_memory(300, origin="other.example/log")
    objects["checkpoint"] = signed(head, other, clock())
    assert isinstance(Reader(objects, both).latest(seen), Unproven)


def test_a_checkpoint_whose_tiles_do_not_add_up_proves_nothing(show):
    reader, objects = show(300)
    objects["tile/0/001.p/44"] = bytes(44 * 32)
    outcome = reader.latest(noted(show(200)[1]))
    assert isinstance(outcome, Unproven)
    assert "signed root" in outcome.reason


def test_what_cannot_be_fetched_is_no_outcome(show):
    reader, objects = show(300)
    del objects["tile/1/000.p/1"]
    with pytest.raises(Absent):
        reader.latest(None)

    class Down:
        def get(self, path):
            raise Unavailable("down")

    with pytest.raises(Unavailable):
        Reader(Down(), POLICY).latest(None)


def test_a_memory_that_the_policy_does_not_accept_is_not_built_upon(show):
    seen = noted(show(200, key=SigningKey.generate(ORIGIN))[1])
    with pytest.raises(Unverified):
        show(300)[0].latest(seen)


@settings(max_examples=40)
@given(st.data())
def test_any_range_of_entries_is_read_in_order(data):
    objects, head = log_in_memory(1500)
    reader = Reader(objects, POLICY)
    start = data.draw(st.integers(0, 1500))
    end = data.draw(st.integers(start, 1500))
    objects["checkpoint"] = sign_note(head.text, [KEY], NOW).encode()
    tree = reader.latest(None).tree
    read = [entry for part in reader.entries(tree, start, end) for entry in part]
    assert read == [an_entry(n) for n in range(start, end)]


def test_an_altered_bundle_stops_the_reading_where_it_stands(show):
    reader, objects = show(5000)
    tree = reader.latest(None).tree
    data = objects["tile/entries/010"]
    objects["tile/entries/010"] = data[:-2] + bytes([data[-2] ^ 1]) + data[-1:]
    parts = reader.entries(tree, 0, 5000)
    read = [entry for _ in range(10) for entry in next(parts)]
    assert read == [an_entry(n) for n in range(2560)]
    with pytest.raises(Damaged):
        next(parts)


def test_a_reader_that_stops_early_leaves_no_fetch_behind(show):
    reader, _ = show(5000)
    tree = reader.latest(None).tree
    parts = reader.entries(tree, 0, 5000)
    assert next(parts)[0] == an_entry(0)
    parts.close()


def test_no_range_beyond_the_tree_is_read(show):
    reader, _ = show(300)
    with pytest.raises(ValueError, match="does not have"):
        list(reader.entries(reader.latest(None).tree, 0, 301))
