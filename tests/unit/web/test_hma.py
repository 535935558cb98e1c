"""Sequences that a client of Meta's HMA 1.1.7 makes, with the shapes that it answers."""

import hashlib
import io

import numpy as np
import pdqhash
import pytest
from PIL import Image
from threatexchange.signal_type.pdq.signal import PdqSignal

from nodes import running
from servers import answer, serve
from tocsin.recording.events import Tag
from tocsin.sample import encode, picture


def add(api, bank, **signals):
    added = api.post(f"/c/bank/{bank}/signal", json=signals)
    assert added.status_code == 200
    return added.json()["id"]


def pdq(seed, flips=0):
    value = int(hashlib.sha256(str(seed).encode()).hexdigest(), 16)
    return f"{value ^ ((1 << flips) - 1):064x}"


def look_up(api, path, signal, type="pdq", **more):
    asked = {"signal": signal, "signal_type": type, **more}
    return api.get(f"/m/{path}", params=asked).json()


def test_a_photo_has_the_hash_that_hma_gives_it(api, seed):
    body = encode(picture(seed, (1500, 1000)), "JPEG", quality=90)
    hashed = api.post("/h/hash", files={"photo": ("x.jpg", body)}).json()
    assert hashed == {"pdq": PdqSignal.hash_from_bytes(body)}
    bits, _ = pdqhash.compute(np.asarray(Image.open(io.BytesIO(body)).convert("RGB")))
    assert hashed["pdq"] == np.packbits(bits).tobytes().hex()


def test_a_video_has_its_md5(api):
    hashed = api.post("/h/hash", files={"video": ("x.mp4", b"no real video")}).json()
    assert hashed == {"video_md5": hashlib.md5(b"no real video").hexdigest()}


def test_a_picture_that_says_too_little_has_an_empty_hash_and_no_match(api):
    grey = encode(Image.new("RGB", (200, 200), (128, 128, 128)), "PNG")
    form = {"files": {"photo": ("x.png", grey)}}
    assert api.post("/h/hash", **form).json() == {"pdq": ""}
    looked = api.post("/m/lookup", **form)
    assert (looked.status_code, looked.json()) == (200, {"pdq": {}})


@pytest.mark.parametrize(
    ("files", "query", "message"),
    [
        ({"file": b"x"}, "", "no such content_type: 'file'"),
        ({"photo": b"x"}, "?types=tmk", "signal type 'tmk' doesn't exist or is disabled"),
        ({"photo": b"x"}, "", "the file cannot be hashed"),
    ],
)
def test_a_form_that_cannot_be_hashed_says_why_as_hma_does(api, files, query, message):
    refused = api.post(f"/h/hash{query}", files=files)
    assert refused.status_code == 400
    assert refused.json()["message"].startswith(message)


def test_a_raw_look_up_gives_ids_or_ids_with_distances_as_text(api, bank, seed):
    content = add(api, bank, pdq=pdq(seed))
    near = pdq(seed, flips=5)
    assert look_up(api, "raw_lookup", near) == {"matches": [content]}
    assert look_up(api, "raw_lookup", near, include_distance="true") == {
        "matches": [{"bank_content_id": content, "distance": "5"}]
    }


def test_an_exact_signal_has_hmas_sign_for_no_distance(api, bank, seed):
    content = add(api, bank, video_md5=f"{seed:032x}")
    found = look_up(api, "raw_lookup", f"{seed:032x}", "video_md5", include_distance="true")
    assert found == {"matches": [{"bank_content_id": content, "distance": "-"}]}


def test_a_lone_hash_is_found_and_so_are_two_four_and_eight_alike(api, bank, seed):
    for count in (1, 2, 4, 8):
        hashes = [pdq(f"{seed} {count}", flips=n) for n in range(count)]
        ids = [add(api, bank, pdq=one) for one in hashes]
        assert sorted(look_up(api, "raw_lookup", hashes[0])["matches"]) == sorted(ids)


def test_a_look_up_groups_matches_by_bank(api, bank, seed):
    other = f"{bank}_B"
    api.post("/c/banks", json={"name": other})
    here, there = add(api, bank, pdq=pdq(seed)), add(api, other, pdq=pdq(seed, flips=1))
    both = {
        bank: [{"bank_content_id": here, "distance": "0"}],
        other: [{"bank_content_id": there, "distance": "1"}],
    }
    assert look_up(api, "lookup", pdq(seed)) == both
    assert look_up(api, "lookup", pdq(seed), banks=other) == {other: both[other]}
    assert look_up(api, "raw_lookup", pdq(seed), banks=f"{bank},x") == {"matches": [here]}


def test_upper_case_is_taken_where_hma_refuses_it(api, bank, seed):
    content = add(api, bank, pdq=pdq(seed).upper())
    assert look_up(api, "raw_lookup", pdq(seed).upper()) == {"matches": [content]}


def test_a_hash_is_matchable_at_once_and_gone_at_once(api, bank, seed):
    content = add(api, bank, pdq=pdq(seed))
    assert look_up(api, "lookup", pdq(seed))
    assert api.delete(f"/c/bank/{bank}/content/{content}").json() == {"deleted": 1}
    assert look_up(api, "lookup", pdq(seed)) == {}
    assert look_up(api, "raw_lookup", pdq(seed)) == {"matches": []}


def test_a_bank_that_acts_on_nothing_is_left_out_of_a_look_up_but_not_of_a_raw_one(api, bank, seed):
    content = add(api, bank, pdq=pdq(seed))
    api.put(f"/c/bank/{bank}", json={"enabled": False})
    assert look_up(api, "lookup", pdq(seed)) == {}
    assert look_up(api, "raw_lookup", pdq(seed)) == {"matches": [content]}
    assert look_up(api, "lookup", pdq(seed), bypass_coinflip="true").keys() == {bank}


def test_a_seed_gives_the_same_draw_each_time(api, bank, seed):
    add(api, bank, pdq=pdq(seed))
    api.put(f"/c/bank/{bank}", json={"enabled_ratio": 0.5})
    for word in ("a", "b", "c", "d"):
        drawn = [bool(look_up(api, "lookup", pdq(seed), seed=word)) for _ in range(3)]
        assert len(set(drawn)) == 1
    # Python's draws for these two seeds lie on either side of one half, as HMA's do.
    assert bool(look_up(api, "lookup", pdq(seed), seed="b")) != bool(
        look_up(api, "lookup", pdq(seed), seed="a")
    )


def test_an_item_of_an_allow_list_takes_the_match_away(api, bank, known, seed):
    add(api, bank, pdq=pdq(seed))
    allow = f"{known}-allow"
    api.post("/v1/lists", json={"name": allow, "kind": "allow", "ttl_days": 0})
    signal = {"type": "pdq", "signal": pdq(seed)}
    api.post(f"/v1/lists/{allow}/items", json={"signals": [signal]})
    assert look_up(api, "lookup", pdq(seed)) == {}


def test_a_file_is_looked_up_by_signal_type_and_bank(api, bank, seed):
    image = picture(seed, (400, 300))
    form = {"files": {"photo": ("x.png", encode(image, "PNG"))}}
    content = api.post(f"/c/bank/{bank}/content", **form).json()["id"]
    copy = encode(image, "JPEG", quality=50)
    found = api.post("/m/lookup", files={"photo": ("y.jpg", copy)}).json()
    (match,) = found["pdq"][bank]
    assert match["bank_content_id"] == content
    assert int(match["distance"]) <= 31


def test_a_look_up_is_recorded_like_any_screening(api, served, bank, seed):
    every = {"tags": [Tag.SCREENED], "limit": 1_000_000}
    before = served.node.history.page(**every)
    look_up(api, "raw_lookup", pdq(seed))
    assert len(served.node.history.page(**every)) == len(before) + 1


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("signal=ab&signal_type=pdq", "a pdq hash has 64 hex digits, not 2"),
        ("signal=ab&signal_type=vpdq", "No such SignalType 'vpdq'"),
        ("signal_type=pdq", "query.signal: Field required"),
    ],
)
def test_a_question_out_of_form_is_refused_in_hmas_shape(api, query, message):
    refused = api.get(f"/m/raw_lookup?{query}")
    assert (refused.status_code, refused.json()) == (400, {"message": message})


def test_a_look_up_needs_an_address_or_a_signal_with_its_type(api):
    refused = api.get("/m/lookup?signal=ab")
    wanted = {"message": "Either url or both signal and signal_type are required"}
    assert (refused.status_code, refused.json()) == (400, wanted)


def test_an_address_is_fetched_only_where_the_operator_allows_it(api, tmp_path, photo):
    asked = {"url": "http://127.0.0.1/x.jpg"}
    assert api.get("/h/hash", params=asked).status_code == 403
    with (
        running(tmp_path, fetch_urls=True) as node,
        node.client() as client,
        serve(answer(200, photo)) as inside,
    ):
        for path in ("/h/hash", "/m/lookup"):
            refused = client.get(path, params={"url": inside.url("/x.jpg")})
            assert (refused.status_code, "message" in refused.json()) == (400, True)
        assert inside.asked == []


def test_pairs_of_hashes_are_compared(api, seed):
    body = {"pdq": [pdq(seed), pdq(seed, flips=9)], "video_md5": ["0" * 32, "0" * 32]}
    compared = api.post("/m/compare", json=body).json()
    assert compared == {"pdq": [True, {"distance": 9}], "video_md5": [True, {}]}
    expected = PdqSignal.compare_hash(*body["pdq"])
    assert compared["pdq"][0] == expected.match


@pytest.mark.parametrize(
    "body", [[], {"pdq": "x"}, {"pdq": ["0" * 64]}, {"pdq": [1, 2]}, {"tmk": ["a", "b"]}]
)
def test_what_cannot_be_compared_is_refused(api, body):
    assert api.post("/m/compare", json=body).status_code == 400


def test_the_index_is_always_there_and_up_to_date(api, bank, seed):
    before = api.get("/m/index/status").json()
    assert {name for name, one in before.items() if one["present"]} == {"pdq", "video_md5"}
    add(api, bank, pdq=pdq(seed))
    after = api.get("/m/index/status", params={"signal_type": "pdq"}).json()
    assert after["pdq"]["size"] == before["pdq"]["size"] + 1
    assert api.get("/m/index/status", params={"signal_type": "x"}).status_code == 400


def test_status_speaks_hmas_words_without_a_key(stranger):
    for path in ("/status", "/status/live"):
        answered = stranger.get(path)
        assert (answered.status_code, answered.text) == (200, "I-AM-ALIVE")
    assert {"/m/raw_lookup", "/c/banks"} <= set(stranger.get("/site-map").json())


def test_the_routes_can_be_turned_off(tmp_path):
    with running(tmp_path, hma_routes=False) as node, node.client() as client:
        for path in ("/status", "/c/banks", "/m/raw_lookup?signal=ab&signal_type=pdq"):
            assert client.get(path).status_code == 404
