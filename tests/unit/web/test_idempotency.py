import threading

import pytest
from sqlalchemy import select

from clocks import FakeClock
from nodes import bearer
from tocsin.recording import tables
from tocsin.web.idempotency import LEASE_S, Idempotency, _Claim

BODY = {"signals": [{"type": "md5", "signal": "0" * 32}]}


def screen(api, key, body=BODY, **headers):
    return api.post("/v1/screen/hashes", json=body, headers={"Idempotency-Key": key, **headers})


def test_a_repeated_request_gets_the_first_answer_and_is_not_done_again(api, served, seed):
    first, again = screen(api, f"k{seed}"), screen(api, f"k{seed}")
    assert again.json() == first.json()
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert len(served.node.history.page(subject=first.json()["id"])) == 1


def test_the_status_is_repeated_as_well(api, known, seed):
    body, headers = {"name": f"{known}-once"}, {"Idempotency-Key": f"s{seed}"}
    statuses = [api.post("/v1/lists", json=body, headers=headers).status_code for _ in range(2)]
    assert statuses == [201, 201]


def test_a_key_that_belongs_to_another_request_is_refused(api, seed):
    screen(api, f"d{seed}")
    other = {"signals": [{"type": "md5", "signal": "1" * 32}]}
    refused = screen(api, f"d{seed}", other)
    assert (refused.status_code, "another request" in refused.json()["detail"]) == (422, True)


def test_two_callers_may_use_the_same_key(api, served, stranger, seed):
    mine = screen(api, f"c{seed}")
    theirs = screen(stranger, f"c{seed}", **bearer(served.token()))
    assert theirs.json()["id"] != mine.json()["id"]


def test_what_failed_may_be_tried_again_with_the_same_key(api, known, seed):
    body, headers = {"name": known}, {"Idempotency-Key": f"f{seed}"}
    assert api.post("/v1/lists", json=body, headers=headers).status_code == 409
    api.delete(f"/v1/lists/{known}")
    assert api.post("/v1/lists", json=body, headers=headers).status_code == 201


@pytest.mark.parametrize("key", ["", "a b", "x" * 256])
def test_a_key_out_of_form_is_refused(api, key):
    assert screen(api, key).status_code == 422


def test_of_many_at_once_one_is_done_and_the_others_wait_or_repeat_it(api, served, seed):
    answers, barrier = [], threading.Barrier(8)

    def ask():
        with served.stranger() as client:
            barrier.wait()
            answers.append(screen(client, f"m{seed}", **dict(api.headers)))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.status_code for one in answers} <= {200, 409}
    assert len({one.json()["id"] for one in answers if one.status_code == 200}) == 1


def test_an_answer_survives_a_restart(store, clock):
    claim = _Claim("a" * 16, "key", b"digest")
    Idempotency(store, clock)._claim(claim)
    with store.read() as connection:
        assert connection.execute(select(tables.idempotency.c.status)).scalar_one() == 0


def test_a_claim_that_a_dead_process_left_is_free_after_its_lease(store):
    clock = FakeClock()
    idempotency, claim = Idempotency(store, clock), _Claim("a" * 16, "key", b"digest")
    assert idempotency._claim(claim) is None
    clock.advance(LEASE_S + 1)
    assert idempotency._claim(claim) is None
