import pytest

from nodes import running
from servers import answer, serve


@pytest.fixture
def three(api, known):
    """A list that was changed twice: three events of one subject."""
    for radius in (10, 20):
        api.patch(f"/v1/lists/{known}", json={"radius": radius})
    return known


def test_events_are_told_oldest_first_with_who_did_what(api, three):
    found = api.get("/v1/events", params={"subject": three}).json()["events"]
    assert [one["tag"] for one in found] == ["list:rule:created"] + ["list:rule:changed"] * 2
    assert {one["actor"] for one in found} == {api.headers["authorization"].split("_")[1]}
    assert [one["body"].get("radius") for one in found] == [31, 10, 20]


def test_events_are_followed_by_the_cursor_of_the_last_page(api, three):
    page = api.get("/v1/events", params={"subject": three, "limit": 2}).json()
    rest = api.get(page["next"]).json()
    assert len(rest["events"]) == 1
    assert rest["next"] is None
    asked = {"subject": three, "cursor": rest["cursor"]}
    assert api.get("/v1/events", params=asked).json()["events"] == []
    api.patch(f"/v1/lists/{three}", json={"radius": 30})
    assert len(api.get("/v1/events", params=asked).json()["events"]) == 1


def test_events_are_chosen_by_tag(api, three):
    asked = {"subject": three, "tag": ["list:rule:changed"]}
    assert len(api.get("/v1/events", params=asked).json()["events"]) == 2


def test_a_tag_that_does_not_exist_is_refused(api):
    assert api.get("/v1/events", params={"tag": "list:rule:invented"}).status_code == 422


def test_reading_events_is_an_event(api, served):
    before = len(served.node.history.page(subject="events", limit=1000))
    api.get("/v1/events", params={"limit": 1})
    assert len(served.node.history.page(subject="events", limit=1000)) == before + 1


def test_an_action_that_cannot_be_carried_out_is_shown_and_tried_again(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("whsec_" + "A" * 44)
    secret.chmod(0o600)
    with (
        serve(answer(410)) as gone,
        running(
            tmp_path / "node",
            webhook_url=gone.url(),
            webhook_secret_file=secret,
            webhook_local=True,
        ) as node,
        node.client() as client,
    ):
        client.post("/v1/lists", json={"name": "known"})
        signal = {"type": "md5", "signal": "0" * 32}
        client.post("/v1/lists/known/items", json={"signals": [signal]})
        client.post("/v1/screen/hashes", json={"signals": [signal]})
        node.node.dispatcher.run_due()
        while not (found := client.get("/v1/actions").json())["actions"]:
            node.node.dispatcher.run_due()
        assert found["counts"]["dead"] == 1
        (dead,) = found["actions"]
        retried = client.post(f"/v1/actions/{dead['id']}/retry").json()
        assert (retried["state"], retried["attempts"]) == ("intended", 0)


def test_an_action_that_never_was_is_not_found(api):
    assert api.post(f"/v1/actions/{'0' * 32}/retry").status_code == 404


def test_a_look_back_over_nothing_new_finds_nothing(api):
    api.post("/v1/lookback", json={})
    assert api.post("/v1/lookback", json={}).json() == {"done": 0, "matched": 0}


def test_a_look_back_over_everything_goes_through_all_uploads(api, known, seed):
    signal = {"type": "md5", "signal": "2" * 32}
    api.post(f"/v1/lists/{known}/items", json={"signals": [signal]})
    api.post("/v1/lookback", json={})
    api.post("/v1/screen/hashes", json={"signals": [{"type": "md5", "signal": f"{seed:032x}"}]})
    assert api.post("/v1/lookback", json={"everything": True}).json()["done"] > 0
