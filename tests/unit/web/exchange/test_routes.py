"""What members send and ask, by the real client and by hand."""

import base64
import json
import secrets

import pytest

from exchanges import Person, an_item
from served import a_key, now
from tocsin.entries.envelope import Position
from tocsin.entries.parties import Role
from tocsin.entries.requests import sign
from tocsin.entries.statements import KeySaid, MemberSaid
from tocsin.errors import Conflict, InvalidInput, Refused
from tocsin.exchange.policy import Policy
from tocsin.exchange.proof import Proof
from tocsin.operating.invitations import Terms

ENTRIES = "/v1/entries"


def signed(served, client, path, content, key, **more):
    """Post JSON that is signed by hand."""
    body = json.dumps(content).encode()
    headers = sign(
        "POST", served.url + path, key=key, at=now(), nonce=secrets.token_hex(16), body=body
    )
    return client.post(path, content=body, headers=headers | more)


def rows(*parcels):
    def text(data):
        return base64.b64encode(data).decode()

    return {
        "entries": [
            {
                "leaf": text(one.envelope.encode()),
                "nonce": text(one.nonce),
                "payload": text(one.payload),
            }
            for one in parcels
        ]
    }


def test_entries_are_in_the_log_when_the_answer_comes(served, alice, remote):
    parcels = alice.chain(an_item(1, at=now()), an_item(2, at=now()))
    indices = remote.submit(parcels)
    last = served.exchange.head.checkpoint.size
    assert indices == [last - 2, last - 1]
    assert remote.position() == Position(2, parcels[-1].envelope.digest(served.exchange.origin))


def test_the_same_entries_sent_again_are_the_same_entries(alice, remote):
    parcels = alice.chain(an_item(3, at=now()))
    assert remote.submit(parcels) == remote.submit(parcels)


def test_the_leaf_in_the_answer_is_the_one_in_the_log(served, alice, stranger):
    parcels = alice.chain(an_item(4, at=now()))
    answer = signed(served, stranger, ENTRIES, rows(*parcels), alice.key)
    (entry,) = answer.json()["entries"]
    assert answer.status_code == 201
    bundle = served.remote().get(f"tile/entries/000.p/{entry['index'] + 1}")
    assert bundle.endswith(base64.b64decode(entry["leaf"]))


def test_a_gap_in_the_chain_is_a_conflict_with_a_code(alice, remote):
    with pytest.raises(Conflict) as caught:
        remote.submit([alice.seal(an_item(5, at=now()), after=Position(9, bytes(32)))])
    assert caught.value.code == "gap"


def test_what_a_role_may_not_say_is_refused_with_a_code(served, dana):
    reader = served.join(f"reader-of-{dana.name}", Role.READER)
    with pytest.raises(Refused) as caught:
        served.remote(reader).submit(reader.chain(an_item(6, at=now())))
    assert caught.value.code == "not_permitted"


def test_nobody_submits_in_the_name_of_another(served, alice, dana):
    with pytest.raises(Refused) as caught:
        served.remote(dana).submit(alice.chain(an_item(7, at=now())))
    assert caught.value.code


def test_all_entries_of_a_submission_are_taken_or_none(served, alice, remote):
    size = served.exchange.head.checkpoint.size
    good, bad = alice.chain(an_item(8, at=now()), an_item(9, at=now(), audience="nowhere"))
    with pytest.raises(Refused):
        remote.submit([good, bad])
    assert served.exchange.head.checkpoint.size == size


def test_a_second_key_works_from_the_entry_that_adds_it_and_a_revoked_one_no_more(
    served, alice, remote
):
    second = a_key()
    added = second.public_key().public_bytes_raw().hex()
    twin = Person(served.running, alice.name, second)
    with pytest.raises(Refused, match="no member has this key"):
        served.remote(twin).position()
    alice.say(KeySaid(action="add", member=alice.name, key=added))
    assert served.remote(twin).position() == remote.position()
    alice.say(KeySaid(action="revoke", member=alice.name, key=added))
    with pytest.raises(Refused) as caught:
        served.remote(twin).position()
    assert caught.value.code == "revoked_key"


def test_a_suspended_member_says_nothing_and_reads_only_what_is_public(served, alice, remote):
    (index,) = alice.say(an_item(10, at=now()))
    served.exchange.say(MemberSaid(action="suspend", member=alice.name)).result()
    assert remote.payloads(0, index + 1)[index] == b""
    with pytest.raises(Refused) as caught:
        remote.submit(alice.chain(an_item(11, at=now())))
    assert caught.value.code == "suspended"


def test_a_receipt_verifies_with_the_logs_key_alone(served, alice, remote):
    (index,) = alice.say(an_item(12, at=now()))
    receipt = Proof.parse(remote.proof(index))
    leaf = remote.get(f"tile/entries/000.p/{index + 1}")[-164:]
    policy = Policy.parse(f"log {served.exchange.verifier}\nquorum none\n".encode())
    assert receipt.verify(leaf, policy).size > index


def test_an_exchange_says_which_one_it_is(served, remote):
    about = remote.about()
    assert (about.origin, about.url) == (served.exchange.origin, served.url)
    assert (about.key, about.witnesses) == (str(served.exchange.verifier), ())


@pytest.mark.parametrize("path", ["/v1/about", "/v1/proof/0"])
def test_a_query_is_refused_where_none_is_taken(stranger, path):
    assert stranger.get(path).status_code == 200
    answer = stranger.get(path, params={"x": 1})
    assert (answer.status_code, "query.x" in answer.text) == (422, True)


@pytest.mark.parametrize("path", ["/health", "/ready", "/checkpoint"])
def test_probes_and_caches_may_add_a_query(stranger, path):
    assert stranger.get(path, params={"at": 1}).status_code == 200


def invited(served, name):
    return served.exchange.invite(Terms(member=name)).token


def test_who_is_invited_joins_with_a_key_of_its_own_once(served, dana):
    token = invited(served, f"new-{dana.name}")
    person = Person(served.running, f"new-{dana.name}")
    index = served.remote(person).join(token)
    assert served.exchange.register().members[person.name].joined == index
    assert served.remote(person).join(token) == index
    assert served.remote(person).position() == Position()
    with pytest.raises(Conflict) as caught:
        served.remote(Person(served.running, "thief")).join(token)
    assert caught.value.code == "invitation_used"


def test_a_key_is_not_joined_by_somebody_who_does_not_hold_it(served, stranger, dana):
    token, stolen, own = invited(served, f"not-{dana.name}"), a_key(), a_key()
    wanted = {"token": token, "key": stolen.public_key().public_bytes_raw().hex()}
    answer = signed(served, stranger, "/v1/join", wanted, own)
    assert (answer.status_code, answer.json()["code"]) == (401, "unknown_key")
    assert f"not-{dana.name}" not in served.exchange.register().members


def test_joining_takes_a_key_and_a_token_that_exists(served):
    with pytest.raises(InvalidInput, match="key"):
        served.remote().join("x")
    with pytest.raises(Refused) as caught:
        served.remote(Person(served.running, "x")).join("x" * 20)
    assert caught.value.code == "no_invitation"


def test_the_exchange_says_that_it_lives_and_is_ready(served, stranger):
    assert stranger.get("/health").json() == {"status": "alive"}
    ready = stranger.get("/ready").json()
    assert ready == {"status": "ready", "size": served.exchange.head.checkpoint.size}
