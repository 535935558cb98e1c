"""What contradicts the log freezes its exchange; what concerns one entry concerns it alone."""

from dataclasses import replace

import pytest

from ledger import ORIGIN, Ledger, item, join
from shares import LedgerPlace, PlainTrust
from tocsin.entries.statements import KeySaid, MemberSaid
from tocsin.exchange.keys import SigningKey
from tocsin.exchange.note import sign_note
from tocsin.lists.items import Items
from tocsin.sharing.answers import Ring
from tocsin.sharing.follower import Frozen
from tocsin.sharing.following import Following


@pytest.fixture
def ledger():
    return Ledger("industry", "tube", "chat", "rights")


@pytest.fixture
def place(ledger):
    place = LedgerPlace(ledger, "rights")
    place.publish()
    return place


@pytest.fixture
def trust():
    return PlainTrust()


@pytest.fixture
def following(sqlite_store, ledger, place, trust, tmp_path):
    following = Following(
        sqlite_store,
        trust,
        lambda: ledger.at,
        tmp_path / "keys",
        connect=lambda *_: place,
        changed=lambda: None,
        processes=1,
    )
    about = {"origin": ORIGIN, "url": "https://exchange.example", "actor": "cli"}
    following.add("hub", policy=place.policy, member="rights", **about)
    return following


@pytest.fixture
def follower(following, place):
    return following._follower(following.get("hub"), place)


@pytest.fixture
def items(sqlite_store, ledger):
    return Items(sqlite_store, lambda: ledger.at)


def notes(items):
    return [one.note for one in items.page("hub")]


def fault_codes(following):
    return [one.code for one in following.dossier.faults("hub")]


def test_a_ring_brings_an_item_without_anything_being_fetched(ledger, place, follower, items):
    follower.catch_up()
    ledger.say("tube", item(note="one"))
    ring = place.publish()
    place.objects.clear()
    follower.ring(ring)
    assert notes(items) == ["one"]


def test_rings_that_come_twice_late_or_out_of_order_change_nothing(ledger, place, follower, items):
    follower.catch_up()
    rings = []
    for number in range(4):
        ledger.say("tube", item(note=f"n{number}"))
        rings.append(place.publish())
    for number in (0, 2, 1, 3, 3, 0):
        follower.ring(rings[number])
    assert notes(items) == ["n0", "n1", "n2", "n3"]


def test_a_ring_without_leaves_has_them_fetched(ledger, place, follower, items):
    follower.catch_up()
    ledger.say("tube", item(note="one"))
    ring = place.publish()
    follower.ring(Ring(ring.old, ring.size, ring.checkpoint))
    assert notes(items) == ["one"]


def test_contents_that_a_ring_leaves_out_are_fetched(ledger, place, follower, items):
    follower.catch_up()
    ledger.say("tube", item(note="one"))
    follower.ring(replace(place.publish(), contents=(b"",)))
    assert notes(items) == ["one"]


def test_an_altered_leaf_in_a_ring_is_not_believed(ledger, place, follower, items):
    follower.catch_up()
    ledger.say("tube", item(note="one"))
    ring = place.publish()
    leaf = bytearray(ring.leaves[0])
    leaf[4] ^= 1
    follower.ring(replace(ring, leaves=(bytes(leaf),)))
    assert notes(items) == ["one"]


def frozen_by(follower, following, act):
    with pytest.raises(Frozen):
        act()
    (status,) = following.status()
    assert status.standing == "frozen"
    (exhibit,) = following.dossier.evidence("hub")
    return exhibit


def test_a_fork_freezes_and_the_two_notes_are_kept(ledger, place, follower, following, items):
    ledger.say("tube", item(note="one"))
    place.publish()
    follower.catch_up()
    seen = place.objects["checkpoint"]
    other = LedgerPlace(Ledger("industry", "tube", "rights", "chat"), "rights")
    other.key = place.key
    other.ledger.say("chat", item(note="two"))
    ring = other.publish()
    follower.reload()
    place.objects = other.objects
    exhibit = frozen_by(follower, following, follower.catch_up)
    assert exhibit.kind == "forked"
    assert {"seen.note": seen, "shown.note": ring.checkpoint}.items() <= exhibit.files.items()
    assert notes(items) == ["one"]


def test_a_fork_in_a_ring_of_the_same_size_freezes(ledger, place, follower, following):
    follower.catch_up()
    other = LedgerPlace(Ledger("industry", "chat", "tube", "rights"), "rights")
    other.key = place.key
    ring = other.publish()
    assert frozen_by(follower, following, lambda: follower.ring(ring)).kind == "forked"


def test_a_rollback_freezes(ledger, place, follower, following):
    early = dict(place.objects)
    ledger.say("tube", item())
    place.publish()
    follower.catch_up()
    place.objects = early
    assert frozen_by(follower, following, follower.catch_up).kind == "rolled_back"


@pytest.mark.parametrize("name", [ORIGIN, "other.example/log"])
def test_a_checkpoint_under_another_key_freezes(place, follower, following, ledger, name):
    follower.catch_up()
    ledger.say("tube", item())
    ring = place.publish()
    text = ring.checkpoint.decode().split("\n\n")[0] + "\n"
    note = sign_note(text, [SigningKey.generate(name)], ledger.at).encode()
    bad = replace(ring, checkpoint=note)
    assert frozen_by(follower, following, lambda: follower.ring(bad)).kind == "unproven"


@pytest.mark.parametrize("path", ["tile/0/000.p/5", "tile/entries/000.p/5"])
def test_a_tile_that_does_not_add_up_freezes(ledger, place, follower, following, path):
    ledger.say("tube", item())
    place.publish()
    tile = bytearray(place.objects[path])
    tile[40] ^= 1
    place.objects[path] = bytes(tile)
    assert frozen_by(follower, following, follower.catch_up).kind in {"unproven", "damaged"}


def test_a_frozen_exchange_goes_on_when_a_person_says_so(ledger, place, follower, following, items):
    ledger.say("tube", item(note="one"))
    ring = place.publish()
    text = ring.checkpoint.decode().split("\n\n")[0] + "\n"
    note = sign_note(text, [SigningKey.generate(ORIGIN)], ledger.at)
    place.objects["checkpoint"] = note.encode()
    frozen_by(follower, following, follower.catch_up)
    place.objects["checkpoint"] = ring.checkpoint
    with pytest.raises(Frozen):
        follower.catch_up()
    following.resume("hub", actor="cli")
    follower.catch_up()
    assert notes(items) == ["one"]


def test_a_bad_entry_has_no_effect_and_the_next_one_has(ledger, place, follower, following, items):
    ledger.say("tube", item(note="bad"), signature=bytes(64))
    ledger.say("chat", item(note="good"))
    place.publish()
    follower.catch_up()
    assert notes(items) == ["good"]
    assert fault_codes(following) == ["bad_signature"]
    assert following.status()[0].suspect


def put(place, leaf, content):
    place.put(leaf, content)
    place.commit(len(place.leaves) - 1)


@pytest.mark.parametrize(
    ("change", "code", "suspect"),
    [
        pytest.param(lambda _, content: (b"?", content), "malformed", True, id="no leaf"),
        pytest.param(
            lambda leaf, content: (b"\x02" + leaf[1:], content), "malformed", True, id="version"
        ),
        pytest.param(
            lambda leaf, content: (leaf, content[:32] + b"{}"), "not_opening", True, id="payload"
        ),
        pytest.param(
            lambda leaf, content: (leaf, bytes(32) + content[32:]), "not_opening", True, id="nonce"
        ),
        pytest.param(
            lambda leaf, content: (leaf[:4] + b"\0\0\x02" + leaf[7:], content),
            "from_the_future",
            False,
            id="future",
        ),
    ],
)
def test_faults_are_told_apart(ledger, place, follower, following, items, change, code, suspect):
    parcel = ledger.parcel("tube", item(note="bad", list="allow", expires_at=None))
    leaf, content = parcel.envelope.encode(), parcel.nonce + parcel.payload
    put(place, *change(leaf, content))
    follower.catch_up()
    assert fault_codes(following) == [code]
    assert bool(following.status()[0].suspect) is suspect
    assert items._store.revision() == 0


def test_a_wrong_content_hides_no_revocation(ledger, place, follower, following):
    ledger.say("industry", join("court"))
    place.publish()
    place.contents[-1] = bytes(32) + place.contents[-1][32:]
    follower.catch_up()
    assert fault_codes(following) == ["withheld"]
    assert following.status()[0].suspect


def test_an_entry_that_is_logged_twice_counts_once(ledger, place, follower, following, items):
    ledger.say("tube", item(note="one"))
    place.publish()
    put(place, place.leaves[-1], place.contents[-1])
    follower.catch_up()
    assert (notes(items), fault_codes(following)) == (["one"], ["replayed"])


def test_a_public_entry_that_is_withheld_makes_the_exchange_suspect(
    ledger, place, follower, following
):
    ledger.say("industry", join("court"))
    place.publish()
    place.contents[-1] = b""
    follower.catch_up()
    assert fault_codes(following) == ["withheld"]
    assert following.status()[0].suspect


def test_items_of_a_revoked_key_since_then_are_quarantined(ledger, place, follower, trust):
    early = ledger.said("tube", item(note="early"))
    late = ledger.said("tube", item(note="late"))
    key = next(iter(ledger.register.members["tube"].keys.values())).public.hex()
    revoke = KeySaid(action="revoke", member="tube", key=key, since=late)
    place.publish()
    follower.catch_up()
    ledger.said("industry", revoke)
    place.publish()
    follower.catch_up()
    assert (early, late) == (4, 5)
    assert [one for one in trust.told if one[0] == "quarantined"] == [("quarantined", 2)]


def test_items_of_a_suspended_member_are_quarantined_until_it_is_back(
    ledger, place, follower, trust
):
    ledger.said("tube", item())
    for action in ("suspend", "reinstate"):
        ledger.said("industry", MemberSaid(action=action, member="tube"))
        place.publish()
        follower.catch_up()
    kinds = [one for one in trust.told if one[0] in {"quarantined", "released"}]
    assert kinds == [("quarantined", 1), ("released", 1)]


def test_a_node_that_was_stopped_goes_on_where_it_was(ledger, place, follower, following, items):
    ledger.say("tube", item(note="one"))
    place.publish()
    follower.catch_up()
    ledger.say("tube", item(note="two"))
    ring = place.publish()
    again = following._follower(following.get("hub"), place)
    again.ring(ring)
    assert notes(items) == ["one", "two"]


def test_two_followers_of_one_exchange_apply_each_entry_once(
    ledger, place, follower, following, items
):
    other = following._follower(following.get("hub"), place)
    follower.catch_up()
    other.catch_up()
    ledger.say("tube", item(note="one"))
    ring = place.publish()
    follower.ring(ring)
    with pytest.raises(Exception, match=r"moved on|not at entry"):
        other.ring(ring)
    other.catch_up()
    assert notes(items) == ["one"]
