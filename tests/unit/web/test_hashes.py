import hashlib

from nodes import running
from tocsin.recording.events import Tag
from tocsin.sample import encode, picture


def test_a_file_is_hashed_to_every_view_of_a_screening(api, photo):
    found = api.post("/v1/hash", files={"file": ("x.jpg", photo)}).json()
    views = {one["view"]: one for one in found["signals"] if one["type"] == "pdq"}
    assert (found["format"], found["obstacle"]) == ("jpeg", "")
    assert {"image native", "image 512", "image 512 mirrored"} <= set(views)
    assert all(one["quality"] >= 50 for one in views.values())


def test_the_hashes_of_the_file_are_among_them(api, photo):
    found = api.post("/v1/hash", content=photo, headers={"content-type": "image/jpeg"}).json()
    file = {one["type"]: one["signal"] for one in found["signals"] if one["view"] == "file"}
    assert file == {
        "sha256": hashlib.sha256(photo).hexdigest(),
        "sha1": hashlib.sha1(photo).hexdigest(),
        "md5": hashlib.md5(photo).hexdigest(),
    }


def test_a_file_that_is_no_picture_has_file_hashes_and_an_obstacle(api):
    body = {"content": b"text", "headers": {"content-type": "application/octet-stream"}}
    found = api.post("/v1/hash", **body).json()
    assert {one["view"] for one in found["signals"]} == {"file"}
    assert found["obstacle"]


def test_hashing_is_not_recorded_as_a_screening(tmp_path, photo):
    with running(tmp_path) as node, node.client() as client:
        client.post("/v1/hash", files={"file": ("x.jpg", photo)})
        assert node.node.history.page(tags=[Tag.SCREENED]) == []


def test_two_pictures_are_compared_by_the_bits_between_them(api, seed):
    hashes = []
    for quality in (95, 20):
        body = encode(picture(seed, (320, 240)), "JPEG", quality=quality)
        found = api.post("/v1/hash", files={"file": ("x.jpg", body)}).json()["signals"]
        hashes += [one["signal"] for one in found if one["view"] == "image 512"]
    left, right = hashes
    compared = api.post("/v1/compare", json={"left": left, "right": right}).json()
    assert 0 <= compared["distance"] <= compared["radius"] == 31
    assert compared["match"] is True


def test_hashes_far_apart_do_not_match(api):
    body = {"left": "0" * 64, "right": "f" * 64}
    assert api.post("/v1/compare", json=body).json() == {
        "distance": 256,
        "radius": 31,
        "match": False,
    }
