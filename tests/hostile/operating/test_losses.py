"""Files of the exchange that are lost, damaged or old: rebuilt from the log, or named."""

import shutil

import pytest

from exchanges import Running, an_item
from tocsin.entries.statements import GroupSaid, Retract
from tocsin.errors import Conflict, Damaged, TocsinError
from tocsin.operating.checking import check_folder


def remove_database(path):
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


@pytest.fixture
def history(running, alice):
    """An exchange with a group and some items."""
    running.exchange.say(GroupSaid(audience="few", members=("alice",))).result()
    alice.say(an_item(1), an_item(2, audience="few"))
    return running


def test_a_lost_register_is_replayed_to_the_same(history, alice):
    before = history.exchange.register().dump()
    history.close()
    history.folder.register.unlink()
    assert history.open().register().dump() == before
    assert alice.say(an_item(3)) == [5]


@pytest.mark.parametrize("damage", [b"", b"{}\n{}\n", b"not json", b"\xff" * 100])
def test_a_damaged_register_is_as_good_as_none(history, damage):
    before = history.exchange.register().dump()
    history.close()
    history.folder.register.write_bytes(damage)
    assert history.open().register().dump() == before


def test_a_register_in_which_a_bit_flipped_is_not_believed(history):
    before = history.exchange.register().dump()
    history.close()
    text = history.folder.register.read_bytes().replace(b'"reader"', b'"steward"')
    history.folder.register.write_bytes(text.replace(b"contributor", b"contributoR"))
    assert history.open().register().dump() == before


def test_a_register_of_another_exchange_is_not_believed(history, tmp_path):
    other = Running(tmp_path / "other")
    other.close()
    before = history.exchange.register().dump()
    history.close()
    shutil.copy(other.folder.register, history.folder.register)
    assert history.open().register().dump() == before


def test_with_the_contents_lost_members_are_known_and_every_missing_content_is_named(
    history, alice
):
    before = history.exchange.register().dump()
    history.close()
    remove_database(history.folder.contents)
    assert history.open().register().dump() == before
    assert history.exchange.payloads(0, 5, member="alice") == [b""] * 5
    # The exchange goes on, and an item whose content is lost can be withdrawn.
    assert alice.say(Retract(of=3, reason="wrong"), an_item(9)) == [5, 6]
    history.close()
    found = check_folder(history.folder, clock=history.clock)
    missing = [one.index for one in found.entries.findings if one.code == "missing"]
    assert not found.clean
    assert missing == [0, 1, 2, 3, 4]
    history.open()


def test_contents_and_register_both_lost_are_not_made_up(history):
    history.close()
    remove_database(history.folder.contents)
    history.folder.register.unlink()
    with pytest.raises(Damaged, match="entry 0"):
        history.open()


def test_a_lost_lock_record_is_what_the_signer_signed_last(history, alice):
    history.close()
    remove_database(history.folder.lock)
    history.open()
    assert alice.say(an_item(5)) == [5]
    history.close()
    assert check_folder(history.folder, clock=history.clock).clean
    history.open()


def test_without_lock_record_and_memory_of_the_signer_nothing_is_signed(history):
    history.close()
    remove_database(history.folder.lock)
    shutil.rmtree(history.folder.signer_memory)
    with pytest.raises(Damaged):
        history.open()


def test_a_log_from_an_old_backup_is_not_signed_on_from(history, alice, tmp_path):
    """The signer remembers more than the folder has."""
    history.close()
    shutil.copytree(history.folder.log, tmp_path / "old")
    shutil.copy(history.folder.lock, tmp_path / "old.db")
    history.open()
    alice.say(an_item(7))
    history.close()
    shutil.rmtree(history.folder.log)
    shutil.copytree(tmp_path / "old", history.folder.log)
    remove_database(history.folder.lock)
    shutil.copy(tmp_path / "old.db", history.folder.lock)
    with pytest.raises(TocsinError):
        history.open()


def test_a_second_exchange_on_the_same_folder_refuses_to_start(history):
    with pytest.raises(Conflict) as caught:
        type(history.exchange).open(history.folder.path, clock=history.clock, signer=history.signer)
    assert caught.value.code == "in_use"


def test_a_database_that_is_deleted_under_a_running_exchange_stops_writing(history, alice):
    history.folder.contents.unlink()
    with pytest.raises(TocsinError) as caught:
        alice.say(an_item(8))
    assert caught.value.retry
    assert history.exchange.register().size == 5


def test_contents_of_another_exchange_are_refused(history, tmp_path):
    other = Running(tmp_path / "other")
    for name in ("bob", "carol", "dave", "erin"):
        other.join(name)
    other.close()
    history.close()
    remove_database(history.folder.contents)
    shutil.copy(other.folder.contents, history.folder.contents)
    with pytest.raises(Damaged, match="another"):
        history.open()


def test_a_bit_that_flipped_in_a_content_is_found(history):
    history.close()
    raw = bytearray(history.folder.contents.read_bytes())
    at = raw.index(b"item number 1")
    raw[at] ^= 1
    history.folder.contents.write_bytes(raw)
    found = check_folder(history.folder, clock=history.clock)
    assert [one.code for one in found.entries.findings] == ["not_opening"]
    history.open()
