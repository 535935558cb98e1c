"""Software that knows nothing of us verifies our logs, and we verify theirs."""

import base64
import json
import shutil
from pathlib import Path

import pytest

from exchanges import an_item
from logs import ORIGIN, WatchedLog, an_entry, cosigner, log_in_memory, signed
from served import now, serving
from tocsin.entries.parties import Role
from tocsin.entries.statements import (
    Approve,
    Erase,
    Opinion,
    Rules,
    RuleSaid,
    Supersede,
    View,
)
from tocsin.exchange.bundles import decode_bundle
from tocsin.exchange.fsck import check_published
from tocsin.exchange.keys import SigningKey, encode_base64
from tocsin.exchange.merkle import leaf_hash
from tocsin.exchange.note import Note, sign_note
from tocsin.exchange.policy import Policy
from tocsin.exchange.reading import Forked, Reader
from tocsin.exchange.storage import LocalStorage

RECORD = Path(__file__).parents[2] / "vectors/exchange-record"
READERS = {
    "all": ("public", "members", "north"),
    "members": ("public", "members"),
    "public": ("public",),
}
SIZES = [0, 1, 2, 255, 256, 257, 300, 511, 512, 65_535, 65_536, 65_537, 69_999, 70_000]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A log of 70,000 entries that grew in uneven steps."""
    watched = WatchedLog(tmp_path_factory.mktemp("large"))
    for size in (1, 2, 255, 256, 300, 65_535, 65_537, 70_000):
        watched.fill(size)
    watched.check()
    yield watched
    watched.close()


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 300, 512, 1000])
def test_go_verifies_every_entry_of_a_small_log(go, tmp_path, size):
    watched = WatchedLog(tmp_path)
    watched.fill(size)
    code, lines = go(
        "verify", "log", tmp_path / "log", watched.key.verifier, max(size // 2, 1), size
    )
    assert (code, lines[-1].split()[:2]) == (0, ["VERIFIED", str(size)])
    watched.close()


def test_go_verifies_a_large_log_and_its_consistency_with_all_its_past(go, large):
    sizes = [size for size in SIZES if size]
    code, lines = go("verify", "log", large.folder / "log", large.key.verifier, *sizes)
    roots = [f"{size} {encode_base64(large.tree().root_at(size))}" for size in sizes]
    assert (code, lines[:-1]) == (0, roots)


@pytest.mark.parametrize(
    "path", ["tile/entries/000", "tile/0/000", "tile/1/001.p/17", "checkpoint"]
)
def test_go_rejects_what_was_altered(go, large, tmp_path, path):
    shutil.copytree(large.folder / "log", tmp_path / "log")
    file = tmp_path / "log" / path
    data = file.read_bytes()
    file.write_bytes(data[:5] + bytes([data[5] ^ 1]) + data[6:])
    assert go("verify", "log", tmp_path / "log", large.key.verifier, 300)[0] == 1


def test_go_opens_a_note_with_signatures_that_it_does_not_know(go, large, tmp_path, clock):
    shutil.copytree(large.folder / "log", tmp_path / "log")
    note = Note.parse(large.head().note)
    witnesses = [cosigner(f"w{n}.example") for n in range(15)]
    cosigned = note.add(sign_note(note.text, witnesses, clock()).signatures)
    (tmp_path / "log/checkpoint").unlink()
    (tmp_path / "log/checkpoint").write_bytes(cosigned.encode())
    assert go("verify", "log", tmp_path / "log", large.key.verifier, 300)[0] == 0


@pytest.mark.parametrize(("old", "new"), [(300, 300), (7, 300), (256, 700)])
def test_go_finds_the_contradiction_in_the_evidence_of_a_fork(go, tmp_path, clock, old, new):
    watched = WatchedLog(tmp_path)
    objects, head = log_in_memory(new)
    objects["checkpoint"] = signed(head, watched.key, clock())
    seen = signed(log_in_memory(old, start=1000)[1], watched.key, clock())
    outcome = Reader(objects, watched.policy).latest(seen)
    assert isinstance(outcome, Forked)
    for name, data in outcome.evidence.files().items():
        (tmp_path / name).write_bytes(data)
    code, lines = go("verify", "evidence", tmp_path, watched.key.verifier)
    assert (code, lines) == (0, [f"CONTRADICTED {old} {new}"])
    watched.close()


def test_go_finds_no_contradiction_where_there_is_none(go, large, tmp_path, clock):
    head = log_in_memory(300)[1]
    tree = large.tree()
    evidence = {
        "seen.note": signed(head, large.key, clock()),
        "shown.note": large.head().note,
        "advance.txt": b"old 300\n"
        + b"".join(base64.b64encode(one) + b"\n" for one in tree.consistency(300))
        + b"\n",
    }
    for name, data in evidence.items():
        (tmp_path / name).write_bytes(data)
    assert go("verify", "evidence", tmp_path, large.key.verifier)[0] == 1


def test_sigstore_reads_our_checkpoints_as_we_do(large, clock):
    checkpoint = pytest.importorskip(
        "sigstore._internal.rekor.checkpoint", reason="no sigstore here: pip install sigstore"
    )
    note = Note.parse(large.head().note)
    witnesses = [cosigner(f"w{n}.example") for n in range(3)]
    cosigned = note.add(sign_note(note.text, witnesses, clock()).signatures)
    parsed = checkpoint.SignedCheckpoint.from_text(cosigned.encode().decode())
    ours = large.head().checkpoint
    assert parsed.checkpoint.origin == ORIGIN
    assert (parsed.checkpoint.log_size, parsed.checkpoint.log_hash) == (70_000, ours.root.hex())
    theirs = [
        (one.name, one.sig_hash, base64.b64decode(one.signature))
        for one in parsed.signed_note.signatures
    ]
    assert theirs == [(one.name, one.key_id, one.blob) for one in cosigned.signatures]


def test_pymerkle_computes_our_roots(large):
    pymerkle = pytest.importorskip("pymerkle", reason="no pymerkle here: pip install pymerkle")
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    ours = large.tree()
    for number in range(1000):
        tree.append_entry(an_entry(number))
        if number in {0, 1, 2, 254, 255, 256, 299, 999}:
            assert tree.get_root() == ours.root_at(number + 1)
    assert tree.get_leaf(1) == leaf_hash(an_entry(0))


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 700, 65_537])
def test_we_verify_a_log_that_go_wrote(go, tmp_path, size):
    key = SigningKey.generate(ORIGIN)
    assert go("write", tmp_path, key.secret_text(), size)[0] == 0
    storage = LocalStorage(tmp_path)
    assert check_published(storage, [key.verifier]).findings == []
    policy = Policy.parse(f"log {key.verifier}\nquorum none\n".encode())
    tree = Reader(storage, policy).latest(None).tree
    assert list(tree.entries(0, size)) == [an_entry(n) for n in range(size)]


def judged_by_go(go, command, entries):
    """Ask the judge that was written from the specification alone."""
    told = json.dumps({"Origin": ORIGIN, "Entries": entries})
    code, lines = go("record", command, told=told)
    assert code == 0
    return json.loads(lines[0])


def record(name):
    return json.loads((RECORD / f"{name}.json").read_text())


def test_go_reads_the_payloads_of_the_vectors_and_refuses_the_others(go):
    cases = record("payloads")
    asked = [{"Payload": one["payload"]} for one in cases["valid"] + cases["invalid"]]
    numbers = [one["type"] for one in cases["valid"]] + [0] * len(cases["invalid"])
    assert judged_by_go(go, "payloads", asked) == numbers


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("case", record("histories")["histories"], ids=lambda one: one["name"])
def test_go_comes_to_our_judgements_and_our_register(go, case, reader):
    entries = [
        {"Leaf": one["leaf"], "Content": one["content"] * (one["audience"] in READERS[reader])}
        for one in case["entries"]
    ]
    assert judged_by_go(go, "judge", entries) == case["readers"][reader]


def test_go_judges_a_live_exchange_as_the_exchange_does(go, tmp_path):
    with serving(tmp_path) as place:
        tube, rights = place.join("tube"), place.join("rights", Role.STEWARD, Role.REVIEWER)
        old, new = tube.say(an_item(1, at=now()), an_item(2, at=now(), audience="public"))
        rights.say(Opinion(of=new, opinion=View.DISPUTE, audience="public"))
        tube.say(Supersede(of=old, by=new, reason="better"), Erase(of=old, reason="error"))
        said = RuleSaid(rules=Rules(max_ttl_days=9), reason="short")
        asked = place.exchange.say(said).result()[0].index
        rights.say(Approve(of=asked, audience="public"))
        path = f"000.p/{asked + 2}"
        leaves = decode_bundle(place.client().get(f"/tile/entries/{path}").content, asked + 2)
        contents = place.remote(tube).payloads(0, asked + 2)
        positions = {one: place.exchange.position(one) for one in ("operator", "tube", "rights")}
    pairs = zip(leaves, contents, strict=True)
    entries = [
        {"Leaf": leaf.hex(), "Content": base64.b64encode(content).decode()}
        for leaf, content in pairs
    ]
    told = judged_by_go(go, "judge", entries)
    assert told["judged"] == ["allowed"] * (asked + 2)
    assert told["register"]["positions"] == {
        name: [one.sequence, one.digest.hex()] for name, one in positions.items()
    }
    assert (told["register"]["erased"], told["register"]["rules"]["max_ttl_days"]) == ([old], 9)
