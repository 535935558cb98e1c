"""The log's objects are served as any static server would, and contents to whom they are for."""

import pytest

from exchanges import an_item
from served import now
from tocsin.entries.statements import Erase, GroupSaid
from tocsin.exchange.bundles import decode_bundle
from tocsin.exchange.fetching import HttpFetch
from tocsin.exchange.merkle import leaf_hash
from tocsin.exchange.tree import Tree


def items(person, *audiences):
    said = [an_item(at=now(), audience=one, note=f"for {one}") for one in audiences]
    return person.say(*said)


def opened(contents):
    """What the contents say, without their nonces."""
    return [content[32:].decode() for content in contents]


def test_any_reader_verifies_the_log_from_what_is_served(served, alice, stranger):
    indices = items(alice, "members", "members")
    head = served.exchange.head.checkpoint
    tree = Tree(HttpFetch(stranger, served.url), head)
    leaves = list(tree.entries(0, head.size))
    assert len(leaves) == head.size > indices[-1]


def test_what_never_changes_may_be_kept_for_ever_and_the_rest_for_a_moment(stranger):
    note, tile = stranger.get("/checkpoint"), stranger.get("/tile/entries/000.p/1")
    assert note.headers["content-type"] == "text/plain; charset=utf-8"
    assert note.headers["cache-control"] == "public, max-age=2"
    assert tile.headers["content-type"] == "application/octet-stream"
    assert "immutable" in tile.headers["cache-control"]


def test_without_witnesses_the_cosigned_checkpoint_is_the_latest(served, stranger, remote):
    assert stranger.get("/cosigned").content == served.exchange.head.note == remote.cosigned()


def test_a_bundle_of_contents_is_numbered_as_the_bundle_of_leaves(served, alice, remote):
    (index,) = items(alice, "members")
    width = index + 1
    leaves = decode_bundle(remote.get(f"tile/entries/000.p/{width}"), width)
    contents = remote.payloads(0, width)
    assert len(contents) == width
    assert "for members" in opened(contents)[index]
    assert leaf_hash(leaves[index])


def test_each_member_is_given_what_it_may_read(served, alice, dana, remote):
    served.exchange.say(GroupSaid(audience=f"of-{alice.name}", members=(alice.name,))).result()
    closed, everybody, public = items(alice, f"of-{alice.name}", "members", "public")
    readers = {"alice": remote, "dana": served.remote(dana), "stranger": served.remote()}
    read = {who: one.payloads(0, public + 1) for who, one in readers.items()}
    seen = {
        who: [bool(found[at]) for at in (closed, everybody, public)] for who, found in read.items()
    }
    assert seen == {
        "alice": [True, True, True],
        "dana": [False, True, True],
        "stranger": [False, False, True],
    }


def test_what_was_erased_is_served_to_nobody(served, alice, remote):
    (index,) = items(alice, "public")
    alice.say(Erase(of=index, reason="error"))
    assert remote.payloads(0, index + 1)[index] == b""


def test_contents_are_not_to_be_kept_by_anything_in_between(served, alice, stranger):
    items(alice, "public")
    assert stranger.get("/payload/000.p/1").headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["tile/entries/x999/999", "tile/0/999.p/3", "payload/999", "tile/9/000.p/1"]
)
def test_what_is_not_there_yet_is_not_found(stranger, path):
    answer = stranger.get(f"/{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "absent")
