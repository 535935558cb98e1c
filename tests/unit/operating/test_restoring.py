"""A lost exchange goes on from a mirror of its log, and never from less than was seen of it."""

import shutil

import pytest

from exchanges import Running, an_item, own_signer
from tocsin.errors import Conflict, Damaged
from tocsin.exchange.errors import Absent
from tocsin.exchange.storage import LocalStorage
from tocsin.operating.checking import check_folder
from tocsin.operating.folder import Folder
from tocsin.operating.restoring import restore_log

BACKED_UP = ("exchange.toml", "operator.key", "payloads.db", "signer/key")


def restored(folder, mirror, agree=lambda _: None):
    fetch = LocalStorage(mirror)
    return restore_log(folder, fetch, agree=agree, progress=lambda _done, _total: None)


def mirrored(running, path):
    shutil.copytree(running.folder.log, path)
    return path


@pytest.fixture
def lost(running, tmp_path):
    """What is left of an exchange: its backup, and a mirror of its log."""
    alice = running.join("alice")
    for _ in range(2):
        alice.say(*(an_item(number) for number in range(300)))
    running.close()
    mirrored(running, tmp_path / "mirror")
    left = Folder(tmp_path / "left")
    for name in BACKED_UP:
        (left.path / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copy(running.folder.path / name, left.path / name)
    return left


def test_a_lost_exchange_goes_on_where_the_mirror_ends(running, lost, tmp_path):
    assert restored(lost, tmp_path / "mirror") == 602
    anew = Running(lost.path, clock=running.clock)
    assert anew.exchange.register().size == 602
    anew.join("bob")
    anew.close()
    assert check_folder(lost, clock=running.clock).clean


def test_what_was_restored_is_byte_for_byte_what_the_mirror_has(lost, tmp_path):
    restored(lost, tmp_path / "mirror")
    mirror, anew = LocalStorage(tmp_path / "mirror"), LocalStorage(lost.log)
    for path in anew.names(""):
        assert anew.get(path) == mirror.get(path), path


def test_a_mirror_that_is_behind_what_the_signer_remembers_is_refused(running, tmp_path):
    old = mirrored(running, tmp_path / "old")
    running.join("alice")
    running.close()
    for again in range(2):
        with pytest.raises(Conflict) as caught:
            restored(running.folder, old)
        assert caught.value.code == "behind", again
    assert running.open().register().size == 2


def test_a_signer_that_forgot_goes_on_from_the_mirror(running, tmp_path):
    running.join("alice")
    running.close()
    mirror = mirrored(running, tmp_path / "mirror")
    shutil.rmtree(running.folder.signer_memory)
    running.folder.lock.unlink()
    with pytest.raises(Damaged):
        running.open()
    assert restored(running.folder, mirror) == 2
    assert running.open().register().size == 2
    running.join("bob")


def test_an_older_folder_catches_up_with_the_mirror(running, tmp_path):
    running.close()
    old = tmp_path / "old"
    shutil.copytree(running.folder.path, old)
    running.open()
    running.join("alice").say(an_item())
    running.close()
    mirror = mirrored(running, tmp_path / "mirror")
    shutil.copy(running.folder.contents, old / "payloads.db")
    assert restored(Folder(old), mirror) == 3
    anew = Running(old, clock=running.clock)
    assert "alice" in anew.exchange.register().members
    anew.close()


def test_a_mirror_in_which_a_bit_flipped_restores_nothing(lost, tmp_path):
    bundle = tmp_path / "mirror" / "tile" / "entries" / "001"
    raw = bytearray(bundle.read_bytes())
    raw[500] ^= 1
    bundle.write_bytes(raw)
    with pytest.raises(Damaged):
        restored(lost, tmp_path / "mirror")
    with pytest.raises(Absent):
        own_signer(lost).last()
    assert not (lost.log / "checkpoint").exists()


def test_nothing_is_changed_where_nobody_answers_for_it(lost, tmp_path):
    def decline(size):
        raise Conflict(f"somebody has seen more than {size}")

    with pytest.raises(Conflict, match="more than 602"):
        restored(lost, tmp_path / "mirror", decline)
    assert not list(LocalStorage(lost.log).names(""))
