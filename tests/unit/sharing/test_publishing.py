"""A statement that is to be published is in the log once, whatever happens in between."""

from threading import Event, Thread

import pytest

from exchanges import an_item
from shares import NearPlace
from tocsin.entries.parties import Role
from tocsin.entries.statements import MemberSaid, Opinion
from tocsin.errors import Conflict, InvalidInput, Refused, Unavailable
from tocsin.sharing.publishing import Publisher


class Fickle(NearPlace):
    """A place that fails before or after a submission was taken, as often as it is told."""

    def __init__(self, running, member):
        super().__init__(running, member)
        self.before = self.after = 0

    def submit(self, parcels):
        if self.before:
            self.before -= 1
            raise Unavailable("the line broke before it was taken")
        answer = super().submit(parcels)
        if self.after:
            self.after -= 1
            raise Unavailable("the line broke before the answer came")
        return answer


@pytest.fixture
def place(running):
    return Fickle(running, "alice")


@pytest.fixture
def publisher(following, running, place, store):
    followed = following.get("hub")
    return Publisher(store, place, followed, running.alice.key, running.clock)


def notes(running):
    """What the log holds of alice's items, in order."""
    size = running.exchange.head.checkpoint.size
    contents = running.exchange.payloads(0, size, member="alice")
    return [one.partition(b'"note":"')[2][:6].decode() for one in contents if b'"note":"' in one]


def test_a_statement_is_published_and_its_index_returned(publisher, running):
    index = publisher.publish(an_item(1, note="the 1st"))
    assert index == running.exchange.head.checkpoint.size - 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_what_was_cut_off_is_sent_again_and_logged_once(publisher, place, running, when):
    setattr(place, when, 1)
    with pytest.raises(Unavailable):
        publisher.publish(an_item(1, note="item 1"))
    assert publisher.send() == 1
    assert notes(running) == ["item 1"]


def test_a_restart_sends_what_was_sealed_but_not_answered(
    publisher, place, running, store, following
):
    place.after = 1
    publisher.put([an_item(n, note=f"item {n}") for n in range(3)])
    with pytest.raises(Unavailable):
        publisher.send()
    later = Publisher(store, place, following.get("hub"), running.alice.key, running.clock)
    assert later.send() == 3
    assert notes(running) == ["item 0", "item 1", "item 2"]


def test_who_publishes_beside_a_node_that_serves_learns_the_index(
    publisher, place, running, following, store
):
    """Both seal the statement; the one that stored its seal first sends it, the other waits."""
    other_place, sealed, refused = NearPlace(running, "alice"), Event(), Event()
    followed = following.get("hub")
    other = Publisher(store, other_place, followed, running.alice.key, running.clock)
    submit, position, keep = other_place.submit, place.position, publisher._keep

    def submit_late(parcels):
        sealed.set()
        refused.wait(30)
        return submit(parcels)

    def position_of_both():
        serving.start()
        sealed.wait(30)
        place.position = position
        return position()

    def keep_and_tell(*args):
        try:
            return keep(*args)
        except Conflict:
            refused.set()
            raise

    serving = Thread(target=other.send)
    other_place.submit, place.position, publisher._keep = (
        submit_late,
        position_of_both,
        keep_and_tell,
    )
    assert publisher.publish(an_item(1, note="item 1")) == running.exchange.register().size - 1
    serving.join()
    assert refused.is_set()
    assert notes(running) == ["item 1"]


def test_others_of_the_same_member_coming_between_is_no_harm(publisher, place, running):
    place.before = 1
    with pytest.raises(Unavailable):
        publisher.publish(an_item(1, note="item 1"))
    running.alice.say(an_item(2, note="item 2"))
    assert publisher.send() == 1
    assert notes(running) == ["item 2", "item 1"]


def test_what_the_exchange_refuses_is_said_and_not_sent_again(publisher, running):
    with pytest.raises(Refused) as caught:
        publisher.publish(an_item(1, expires_at=1))
    assert caught.value.code == "bad_end"
    assert publisher.send() == 0


def test_a_bad_statement_among_good_ones_stops_none_of_them(publisher, running):
    good = [an_item(n, note=f"item {n}") for n in range(2)]
    publisher.put([good[0], an_item(9, expires_at=1), good[1]])
    publisher.send()
    assert notes(running) == ["item 0", "item 1"]


def test_what_cannot_be_a_payload_is_refused_before_it_is_stored(publisher):
    said = an_item(1).model_copy(update={"note": "x" * 40_000})
    with pytest.raises(InvalidInput):
        publisher.put([said])
    assert publisher.send() == 0


def test_many_statements_go_out_together(publisher, running):
    publisher.put([an_item(n) for n in range(250)])
    assert publisher.send() == 250


def test_a_decision_becomes_an_opinion_only_where_the_terms_say_so(following, place, running):
    place._member = "dana"
    (first,) = running.alice.say(an_item(1))
    following.catch_up("hub")
    assert following.reply(1, "confirm") == 0
    assert following.reply(1, "flood", reason="matches everything") == 1
    assert following.publisher("hub").send() == 1
    (said,) = running.exchange.payloads(first + 1, first + 2, member="dana")
    assert Opinion.model_validate_json(said[32:]).opinion == "flood"


def test_nobody_has_an_opinion_on_its_own_item(following, place, running):
    place._member = "dana"
    roles = (Role.CONTRIBUTOR, Role.REVIEWER)
    running.exchange.say(MemberSaid(action="role", member="dana", roles=roles)).result()
    running.dana.say(an_item(1))
    following.catch_up("hub")
    assert following.reply(1, "flood") == 0
