from nodes import bearer


def test_a_key_is_shown_with_its_token_once_and_works(api, stranger):
    made = api.post("/v1/keys", json={"name": "uploader", "scopes": ["screen"]})
    assert made.status_code == 201
    token, key = made.json()["token"], made.json()["key"]
    assert stranger.get("/v1/labels", headers=bearer(token)).status_code == 200
    listed = api.get("/v1/keys")
    assert key in listed.json()["keys"]
    assert token not in listed.text


def test_a_key_does_no_more_than_its_scopes(api, stranger):
    made = api.post("/v1/keys", json={"name": "reader", "scopes": ["lists:read"]}).json()
    headers = bearer(made["token"])
    assert stranger.get("/v1/lists", headers=headers).status_code == 200
    refused = stranger.post("/v1/lists", json={"name": "x"}, headers=headers)
    assert (refused.status_code, "lists:write" in refused.json()["detail"]) == (403, True)


def test_a_revoked_key_opens_nothing(api, stranger):
    made = api.post("/v1/keys", json={"name": "short", "scopes": ["screen"]}).json()
    assert api.delete(f"/v1/keys/{made['key']['id']}").status_code == 204
    assert stranger.get("/v1/labels", headers=bearer(made["token"])).status_code == 401


def test_a_key_that_never_was_cannot_be_revoked(api):
    assert api.delete("/v1/keys/0123456789abcdef").status_code == 404


def test_a_token_is_never_kept_for_a_repetition(api, served):
    headers = {"Idempotency-Key": "once"}
    body = {"name": "twice", "scopes": ["screen"]}
    tokens = {api.post("/v1/keys", json=body, headers=headers).json()["token"] for _ in range(2)}
    assert len(tokens) == 2


def test_a_key_without_a_scope_or_past_its_end_is_refused(api):
    past = {"name": "x", "scopes": ["screen"], "expires_at": "2020-01-01T00:00:00Z"}
    for body in ({"name": "x", "scopes": []}, {"name": "x", "scopes": ["root"]}, past):
        assert api.post("/v1/keys", json=body).status_code == 422
