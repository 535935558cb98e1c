import re


def test_a_token_is_printed_alone_on_stdout(tocsin):
    answer = tocsin("keys", "create", "upload-service")
    assert re.fullmatch(r"tocsin_[0-9a-f]{16}_[\w-]{43}\n", answer.out)


def test_a_token_is_shown_once_and_stored_nowhere(tocsin, data):
    token = tocsin("keys", "create", "upload-service").out.strip()
    secret = token.rpartition("_")[2]
    assert secret not in tocsin("keys", "list", "--json").out
    assert all(secret.encode() not in path.read_bytes() for path in data.glob("tocsin.db*"))


def test_a_key_may_only_screen_unless_told_otherwise(tocsin):
    (first,) = tocsin("keys", "create", "one", "--json").lines
    (second,) = tocsin("keys", "create", "two", "--scope=admin", "--scope=actions", "--json").lines
    assert (first["scopes"], second["scopes"]) == (["screen"], ["actions", "admin"])


def test_a_key_can_have_an_end(tocsin):
    (key,) = tocsin("keys", "create", "one", "--days=2", "--json").lines
    assert key["expires_at"] > key["created_at"]


def test_a_revoked_key_stays_on_the_list_as_such(tocsin):
    (key,) = tocsin("keys", "create", "one", "--json").lines
    assert tocsin("keys", "revoke", key["key"]).code == 0
    assert "revoked" in tocsin("keys", "list").out
    assert tocsin("keys", "list", "--json").lines[0]["revoked_at"]


def test_an_unknown_key_cannot_be_revoked(tocsin):
    assert tocsin("keys", "revoke", "0" * 16).code == 1
