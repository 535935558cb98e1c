"""Software that knows nothing of us verifies our logs, and we verify theirs."""

import base64
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from logs import ORIGIN, WatchedLog, an_entry, cosigner, log_in_memory, signed
from tocsin.exchange.fsck import check_published
from tocsin.exchange.keys import SigningKey, encode_base64
from tocsin.exchange.merkle import leaf_hash
from tocsin.exchange.note import Note, sign_note
from tocsin.exchange.policy import Policy
from tocsin.exchange.reading import Forked, Reader
from tocsin.exchange.storage import LocalStorage

PROGRAMS = Path(__file__).parents[2] / "go"
GO_LIBRARIES = Path("/usr/share/gocode")
SIZES = [0, 1, 2, 255, 256, 257, 300, 511, 512, 65_535, 65_536, 65_537, 69_999, 70_000]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def go(tmp_path_factory):
    """Build the programs offline, against Debian's x/mod; return how to run them."""
    if shutil.which("go") is None or not (GO_LIBRARIES / "src/golang.org/x/mod/sumdb").exists():
        pytest.skip("no Go verifier here: apt install golang-go golang-golang-x-mod-dev")
    folder = tmp_path_factory.mktemp("go")
    where = {"GO111MODULE": "off", "GOFLAGS": "", "GOPATH": str(GO_LIBRARIES)}
    environment = os.environ | where | {"GOCACHE": str(folder / "cache")}
    for name in ("verify", "write"):
        command = ["go", "build", "-o", folder / name, PROGRAMS / f"{name}.go"]
        subprocess.run(command, check=True, env=environment, capture_output=True)

    def run(name, *arguments):
        ran = subprocess.run(
            [folder / name, *map(str, arguments)], capture_output=True, text=True, check=False
        )
        return ran.returncode, ran.stdout.splitlines()

    return run


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
