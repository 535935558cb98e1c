"""A log starts from what was signed last, or says why it cannot and signs nothing."""

import shutil

import pytest

from logs import ORIGIN, Faulty, an_entry, log_in_memory, signed
from tocsin.exchange.checkpoint import open_checkpoint
from tocsin.exchange.committing import Parts, commit
from tocsin.exchange.errors import Absent, Damaged, Forged, Refused, Uncertain
from tocsin.exchange.keys import SigningKey
from tocsin.exchange.locking import open_locks
from tocsin.exchange.recovering import recover
from tocsin.exchange.signer import KeySigner
from tocsin.exchange.staging import staging_path
from tocsin.exchange.storage import LocalStorage


def cut_short(watched, *, apply_fails):
    """Leave the log as a crash would: after the signature, or after the swap."""
    broken = (
        {"storage": Faulty(watched.storage, fail_at=4)}
        if apply_fails
        else {"locks": Faulty(watched.locks, fail_at=1)}
    )
    with pytest.raises(Uncertain):
        commit(
            watched.replaced(**broken), recover(watched.parts), [an_entry(n) for n in range(300)]
        )


def backup(watched, name):
    """Copy a part of the log's folder aside, and return how to put it back."""
    source, target = watched.folder / name, watched.folder / f"{name}.old"
    copy, remove = (
        (shutil.copytree, shutil.rmtree) if source.is_dir() else (shutil.copy, lambda p: p.unlink())
    )
    copy(source, target)

    def restore():
        remove(source)
        copy(target, source)

    return restore


def test_a_log_that_was_never_created_is_absent(tmp_path):
    signer = KeySigner(SigningKey.generate(ORIGIN), tmp_path / "signer")
    locks = open_locks(f"sqlite:///{tmp_path / 'lock.db'}")
    with pytest.raises(Absent):
        recover(Parts(LocalStorage(tmp_path / "log"), locks, signer))


def test_recovering_a_sound_log_changes_nothing(watched):
    watched.fill(300)
    before = {name: watched.storage.get(name) for name in watched.storage.names("")}
    recover(watched.parts)
    recover(watched.parts)
    assert before == {name: watched.storage.get(name) for name in watched.storage.names("")}


@pytest.mark.parametrize("apply_fails", [False, True])
def test_a_batch_that_was_signed_is_brought_to_its_end(watched, apply_fails):
    cut_short(watched, apply_fails=apply_fails)
    assert recover(watched.parts).checkpoint.size == 300
    assert len(watched.check()) == 300


@pytest.mark.parametrize(
    "hurt", [lambda d: d[: len(d) // 2], lambda d: bytes(len(d)), lambda _: b""]
)
def test_files_torn_by_a_power_cut_are_repaired_from_the_staged_batch(watched, hurt):
    cut_short(watched, apply_fails=True)
    objects, head = log_in_memory(300)
    batch = watched.storage.get(staging_path(head))
    for kept in range(len(objects)):
        for at, (path, data) in enumerate(objects.items()):
            watched.storage.delete([path])
            if at != kept:
                watched.storage.put({path: hurt(data)})
        watched.storage.put({staging_path(head): batch})
        recover(watched.parts)
    assert len(watched.check()) == 300


@pytest.mark.parametrize("path", ["tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/001.p/44"])
def test_an_edge_that_is_damaged_and_not_staged_stops_the_log(watched, path):
    watched.fill(300)
    data = watched.storage.get(path)
    for other in (bytes([data[0] ^ 1]) + data[1:], data[:-1], None):
        watched.storage.delete([path])
        if other is not None:
            watched.storage.put({path: other})
        with pytest.raises((Damaged, Absent)):
            recover(watched.parts)
    watched.storage.delete([path])
    watched.storage.put({path: data})


def test_a_damaged_staging_file_of_an_applied_batch_is_no_obstacle(watched):
    watched.fill(300)
    watched.storage.put({staging_path(watched.head().checkpoint): b"damaged"})
    assert recover(watched.parts).checkpoint.size == 300


def test_a_batch_that_was_signed_and_then_lost_stops_the_log(watched):
    cut_short(watched, apply_fails=False)
    path = watched.storage.names("staging")[0]
    data = watched.storage.get(path)
    watched.storage.delete([path])
    with pytest.raises(Damaged, match="batch is not here"):
        recover(watched.parts)
    watched.storage.put({path: data})


def test_a_lock_record_from_an_old_backup_stops_the_log(watched, tmp_path):
    watched.fill(100)
    old = watched.locks.read(ORIGIN)
    watched.fill(300)
    new = watched.locks.read(ORIGIN)
    watched.locks.swap(ORIGIN, new, old)
    with pytest.raises(Damaged):
        recover(watched.parts)
    watched.locks.swap(ORIGIN, old, new)


def test_an_altered_lock_record_stops_the_log(watched):
    note = watched.locks.read(ORIGIN)
    altered = note.replace(b"\n0\n47", b"\n1\n47")
    watched.locks.swap(ORIGIN, note, altered)
    with pytest.raises(Forged):
        recover(watched.parts)
    watched.locks.swap(ORIGIN, altered, note)


def test_a_whole_log_restored_from_a_backup_is_stopped_by_what_a_witness_saw(watched, tmp_path):
    watched.fill(100)
    restore = backup(watched, "log")
    lock = watched.locks.read(ORIGIN)
    watched.fill(300)
    seen, notes = watched.head(), list(watched.signer.signed)
    restore()
    watched.locks.swap(ORIGIN, watched.locks.read(ORIGIN), lock)
    fresh = KeySigner(watched.key, tmp_path / "fresh")
    fresh.adopt(lock)
    with pytest.raises(Damaged, match="size 300"):
        recover(watched.replaced(signer=fresh), [seen])
    watched.acknowledged.clear()
    watched.signer.signed[:] = [
        n for n in notes if open_checkpoint(n, [watched.key.verifier]).checkpoint.size <= 100
    ]
    watched.parts = watched.replaced(signer=fresh)


def test_a_checkpoint_of_a_fork_that_somebody_saw_stops_the_log(watched, clock):
    watched.fill(300)
    _, head = log_in_memory(200, start=1000)
    seen = open_checkpoint(signed(head, watched.key, clock()), [watched.key.verifier])
    with pytest.raises(Damaged, match="size 200"):
        recover(watched.parts, [seen])


def test_a_signer_behind_the_log_learns_where_it_is(watched, tmp_path):
    watched.fill(100)
    old = watched.head()
    watched.fill(300)
    restored = KeySigner(watched.key, tmp_path / "restored")
    restored.adopt(old.note)
    recover(watched.replaced(signer=restored))
    assert restored.last() == watched.head().note


def test_a_signer_without_memory_stops_the_log(watched, tmp_path):
    watched.fill(100)
    with pytest.raises(Refused, match="remembers nothing"):
        recover(watched.replaced(signer=KeySigner(watched.key, tmp_path / "new")))


def test_a_checkpoint_file_that_is_garbage_is_written_anew(watched):
    watched.fill(100)
    note = watched.storage.get("checkpoint")
    watched.storage.replace("checkpoint", b"garbage")
    recover(watched.parts)
    assert watched.storage.get("checkpoint") == note
