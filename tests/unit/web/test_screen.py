import hashlib
import json

import pytest
from sqlalchemy import select, update

from nodes import running
from servers import answer, serve
from signals import erase
from tocsin import intake
from tocsin.model import Obstacle, Undecodable
from tocsin.recording import tables
from tocsin.sample import encode, picture
from tocsin.trust.breaker import Breaker
from tocsin.web.answers import Screened, ScreeningOut
from tocsin.web.schemas import MAX_BATCH

JPEG = {"content-type": "image/jpeg"}
MISS = {"code": "no_match", "text": "nothing on the lists in force is like this upload", "list": ""}


def pdq(seed):
    return hashlib.sha256(str(seed).encode()).hexdigest()


def add(api, known, type, signal):
    added = api.post(
        f"/v1/lists/{known}/items", json={"signals": [{"type": type, "signal": signal}]}
    )
    assert added.status_code == 201
    return added.json()["item"]


def by_hash(api, signal, type="pdq", **more):
    return api.post(
        "/v1/screen/hashes", json={"signals": [{"type": type, "signal": signal}], **more}
    )


def test_a_hash_that_nobody_knows_is_allowed_with_a_reason(api, seed):
    found = by_hash(api, pdq(seed)).json()
    assert (found["verdict"], found["hits"], found["reasons"]) == ("allow", [], [MISS])


def test_a_known_hash_is_hit_with_everything_one_needs_to_know_of_it(api, known, seed):
    item = add(api, known, "pdq", pdq(seed))
    (hit,) = by_hash(api, pdq(seed)).json()["hits"]
    assert hit.pop("expires_at") > "2026"
    assert hit == {
        "signal": pdq(seed),
        "type": "pdq",
        "item": item,
        "list": known,
        "distance": 0,
        "view": "given",
        "quality": None,
        "labels": [],
        "stage": "enforced",
        "disputed": False,
    }


def test_upper_case_hex_finds_the_same(api, known, seed):
    add(api, known, "pdq", pdq(seed))
    assert by_hash(api, pdq(seed).upper()).json()["hits"]


def test_the_distance_is_counted_in_bits(api, known, seed):
    add(api, known, "pdq", pdq(seed))
    near = f"{int(pdq(seed), 16) ^ 0b111:064x}"
    assert by_hash(api, near).json()["hits"][0]["distance"] == 3


def test_only_the_lists_that_are_named_are_matched(api, known, seed):
    add(api, known, "pdq", pdq(seed))
    other = f"{known}-other"
    api.post("/v1/lists", json={"name": other})
    assert by_hash(api, pdq(seed), lists=[other]).json()["hits"] == []
    assert by_hash(api, pdq(seed), lists=[known]).json()["hits"]


def test_a_list_that_does_not_exist_is_an_error_and_never_no_match(api, seed):
    assert by_hash(api, pdq(seed), lists=["nowhere"]).status_code == 404


def test_a_list_counts_only_in_its_territories(api, known, seed):
    add(api, known, "pdq", pdq(seed))
    api.patch(f"/v1/lists/{known}", json={"territories": ["DE"]})
    assert by_hash(api, pdq(seed), territory="FR").json()["verdict"] == "allow"
    assert by_hash(api, pdq(seed), territory="DE").json()["verdict"] == "hold"


def test_a_picture_is_recognised_in_another_format_and_size(api, known, seed):
    original, copy = picture(seed, (320, 240)), picture(seed, (320, 240)).resize((200, 150))
    file = {"file": ("known.png", encode(original, "PNG"))}
    item = api.post(f"/v1/lists/{known}/files", files=file).json()["item"]
    body = encode(copy, "JPEG", quality=60)
    found = api.post("/v1/screen/file", content=body, headers=JPEG).json()
    assert (found["verdict"], found["format"]) == ("hold", "jpeg")
    assert found["hits"][0]["item"] == item


def test_a_form_and_a_raw_body_are_answered_alike(api, photo):
    raw = api.post("/v1/screen/file", content=photo, headers=JPEG).json()
    form = api.post("/v1/screen/file", files={"file": ("x.jpg", photo)}).json()
    assert {**raw, "id": "", "at": ""} == {**form, "id": "", "at": ""}


@pytest.mark.parametrize(
    "form",
    [
        {"files": {"photo": ("x.jpg", b"x")}},
        {"files": {"file": ("x.jpg", b"x")}, "data": {"lists": "known"}},
    ],
)
def test_a_form_with_parts_that_mean_nothing_here_is_refused(api, form):
    assert api.post("/v1/screen/file", **form).status_code == 422


def test_a_file_that_cannot_be_decoded_is_not_inspectable_and_still_matched_by_its_hash(api, known):
    body = b"\xff\xd8\xff\xe0 no picture"
    read = api.post("/v1/screen/file", content=body, headers=JPEG).json()
    assert read["verdict"] == "not_inspectable"
    add(api, known, "sha256", hashlib.sha256(body).hexdigest())
    assert api.post("/v1/screen/file", content=body, headers=JPEG).json()["verdict"] == "hold"


def test_a_link_is_recognised_in_another_spelling(api, known, seed):
    add(api, known, "url", f"https://www.example.org/{seed}/a?utm_source=x")
    found = api.post("/v1/screen/link", json={"link": f"HTTP://EXAMPLE.org/{seed}/a"}).json()
    assert found["hits"][0]["list"] == known


def test_a_listed_folder_covers_the_links_below_it_but_not_above(api, known, seed):
    add(api, known, "url", f"https://example.net/{seed}/folder/")
    below, above = f"https://example.net/{seed}/folder/page", f"https://example.net/{seed}/"
    assert api.post("/v1/screen/link", json={"link": below}).json()["hits"]
    assert not api.post("/v1/screen/link", json={"link": above}).json()["hits"]


def test_a_link_among_hashes_is_matched_like_a_link(api, known, seed):
    add(api, known, "url", f"https://example.com/{seed}/")
    assert by_hash(api, f"https://example.com/{seed}/x", type="url").json()["hits"]


def test_what_is_no_link_is_refused(api):
    assert by_hash(api, "\x01", type="url").status_code == 422


def test_addresses_are_not_fetched_unless_the_operator_allows_it(api):
    refused = api.post("/v1/screen/url", json={"url": "https://example.org/"})
    assert refused.status_code == 403
    assert "fetch_urls" in refused.json()["advice"]


def test_an_address_inside_the_operators_network_is_never_fetched(tmp_path, photo):
    with (
        running(tmp_path, fetch_urls=True) as node,
        node.client() as client,
        serve(answer(200, photo)) as inside,
    ):
        refused = client.post("/v1/screen/url", json={"url": inside.url("/secret")})
        assert (refused.status_code, inside.asked) == (422, [])


def test_a_batch_is_answered_for_each_of_its_hashes(api, known, seed):
    item = add(api, known, "pdq", pdq(seed))
    signals = [pdq(f"{seed} {n}") for n in range(50)]
    signals[17] = pdq(seed)
    found = api.post("/v1/screen/batch", json={"type": "pdq", "signals": signals}).json()
    hits = {
        place: [hit["item"] for hit in one["hits"]]
        for one in found["screenings"]
        for place in one["places"]
    }
    assert hits == {n: [item] if n == 17 else [] for n in range(50)}


def test_a_batch_names_the_one_signal_that_is_wrong(api, seed):
    wrong = {"type": "pdq", "signals": [pdq(seed), "abc"]}
    refused = api.post("/v1/screen/batch", json=wrong)
    assert refused.status_code == 422
    assert "signals.1" in refused.json()["detail"]


def test_a_batch_that_is_too_long_is_refused(api, seed):
    body = {"type": "md5", "signals": ["0" * 32] * (MAX_BATCH + 1)}
    assert api.post("/v1/screen/batch", json=body).status_code == 422


def test_a_screening_can_be_read_as_it_was_recorded(api, served, known, seed):
    add(api, known, "pdq", pdq(seed))
    answered = by_hash(api, pdq(seed), territory="DE").json()
    recorded = api.get(f"/v1/screenings/{answered['id']}").json()
    assert {key: recorded[key] for key in answered} == answered
    assert (recorded["kind"], recorded["territory"], recorded["views"]) == ("hashes", "DE", 1)


def test_the_record_of_a_screening_holds_no_signal_that_an_erasure_would_miss(
    api, served, known, seed
):
    item = add(api, known, "pdq", pdq(seed))
    answered = by_hash(api, pdq(seed)).json()
    events = api.get("/v1/events", params={"subject": answered["id"]}).text
    assert '"distance":0' in events.replace(" ", "")
    assert pdq(seed) not in events
    erase(served.node.store, item)
    (hit,) = api.get(f"/v1/screenings/{answered['id']}").json()["hits"]
    assert (hit["item"], hit["signal"]) == (item, "")


def test_an_early_record_that_holds_its_signals_can_still_be_read(api, served, known, seed):
    add(api, known, "pdq", pdq(seed))
    answered = by_hash(api, pdq(seed)).json()
    event = tables.events

    def age(connection):
        of_upload = event.c.subject == answered["id"]
        (body,) = connection.execute(select(event.c.body).where(of_upload)).scalars()
        early = [{**hit, "signal": "ab" * 32} for hit in body["hits"]]
        for hit in early:
            del hit["signal_id"]
        connection.execute(update(event).where(of_upload).values(body=body | {"hits": early}))

    served.node.store.write(age).result()
    (hit,) = api.get(f"/v1/screenings/{answered['id']}").json()["hits"]
    assert hit["signal"] == "ab" * 32


def test_each_upload_of_a_batch_can_be_read_as_well(api, seed):
    body = {"type": "pdq", "signals": [pdq(seed), pdq(f"{seed}b")]}
    for one in api.post("/v1/screen/batch", json=body).json()["screenings"]:
        recorded = api.get(f"/v1/screenings/{one['id']}").json()
        assert {key: recorded[key] for key in one if key != "places"} == {
            key: value for key, value in one.items() if key != "places"
        }


def test_a_screening_that_never_was_is_not_found(api):
    assert api.get(f"/v1/screenings/{'0' * 32}").status_code == 404


def test_the_name_of_an_upload_is_kept_only_if_the_operator_wants_it(tmp_path, api, seed):
    answered = by_hash(api, pdq(seed), name="holiday.jpg").json()
    assert api.get(f"/v1/screenings/{answered['id']}").json()["name"] is None
    with running(tmp_path, record_names=True) as node, node.client() as client:
        answered = by_hash(client, pdq(seed), name="holiday.jpg").json()
        assert client.get(f"/v1/screenings/{answered['id']}").json()["name"] == "holiday.jpg"


def test_both_answers_have_the_shape_that_the_document_shows(api, known, seed):
    add(api, known, "pdq", pdq(seed))
    answered = by_hash(api, pdq(seed)).json()
    assert json.loads(Screened(**answered).model_dump_json()) == answered
    recorded = api.get(f"/v1/screenings/{answered['id']}").json()
    assert json.loads(ScreeningOut(**recorded).model_dump_json()) == recorded


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"signals": []},
        {"signals": [{"type": "pdq"}]},
        {"signals": [{"type": "pdq", "signal": "ab"}]},
        {"signals": [{"type": "phash", "signal": "ab" * 32}]},
        {"signals": [{"type": "pdq", "signal": "ab" * 32, "quality": "50"}]},
        {"signals": [{"type": "pdq", "signal": "ab" * 32, "quality": 101}]},
        {"signals": [{"type": "md5", "signal": "ab" * 16, "quality": 50}]},
        {"signals": [{"type": "pdq", "signal": "ab" * 32}], "territory": "Germany"},
        {"signals": [{"type": "pdq", "signal": "ab" * 32}], "lists": ["../x"]},
        {"signals": [{"type": "pdq", "signal": "ab" * 32}], "more": 1},
        {"signals": [{"type": "pdq", "signal": "ab" * 32}], "name": "a\0b"},
        [],
        "text",
    ],
)
def test_a_question_out_of_form_is_refused_and_the_place_named(api, body):
    refused = api.post("/v1/screen/hashes", json=body)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["at"].startswith("body")


def test_where_an_upload_came_from_reaches_the_breaker_and_is_stored_nowhere(
    tmp_path, photo, monkeypatch
):
    told = []
    seen = Breaker.seen
    monkeypatch.setattr(Breaker, "seen", lambda one, found: (told.extend(found), seen(one, found)))
    tag, md5 = "pseudonym-4711", "0" * 32
    with running(tmp_path, fetch_urls=True) as node, node.client() as api:
        api.post("/v1/screen/file", content=photo, headers=JPEG, params={"source": tag})
        api.post("/v1/screen/link", json={"link": "https://example.org/x", "source": tag})
        by_hash(api, md5, type="md5", source=tag)
        api.post("/v1/screen/batch", json={"type": "md5", "signals": [md5], "source": tag})
    assert [one.upload.source for one in told] == [tag] * 4
    stored = b"".join(one.read_bytes() for one in tmp_path.rglob("*") if one.is_file())
    assert tag.encode() not in stored


def test_an_address_is_fetched_for_the_source_and_the_territory_that_were_named(
    tmp_path, monkeypatch
):
    told = []
    monkeypatch.setattr(Breaker, "seen", lambda _, found: told.extend(found))
    monkeypatch.setattr(intake, "fetch", lambda *_, **__: Undecodable(Obstacle.EMPTY, "nothing"))
    asked = {"url": "https://example.org/x", "source": "account 7", "territory": "DE"}
    with running(tmp_path, fetch_urls=True) as node, node.client() as api:
        assert api.post("/v1/screen/url", json=asked).status_code == 200
    (screening,) = told
    assert (screening.upload.source, screening.upload.territory) == ("account 7", "DE")


@pytest.mark.parametrize("source", ["x" * 201, "a\0b", 7])
def test_a_source_out_of_form_is_refused(api, seed, source):
    assert by_hash(api, pdq(seed), source=source).status_code == 422
