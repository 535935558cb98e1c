import pytest

from servers import answer, serve


@pytest.fixture
def receiver(tmp_path, monkeypatch):
    """A receiver of webhooks which the node is set up to call."""
    secret = tmp_path / "secret"
    secret.write_text("whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    secret.chmod(0o600)
    with serve(answer(200)) as server:
        monkeypatch.setenv("TOCSIN_WEBHOOK_URL", server.url("/hook"))
        monkeypatch.setenv("TOCSIN_WEBHOOK_SECRET_FILE", str(secret))
        monkeypatch.setenv("TOCSIN_WEBHOOK_LOCAL", "true")
        yield server


@pytest.fixture
def held(tocsin, known, media, receiver):
    """Screen an upload that is held."""

    def call():
        tocsin("lists", "add", known, media.known[0])
        done = tocsin("screen", media.known[0])
        assert done.code == 0, done.err

    return call


def test_a_command_carries_out_what_it_intended(held, receiver):
    held()
    assert [one.path for one in receiver.asked] == ["/hook"]


def test_an_action_that_was_refused_for_good_is_listed_with_its_reason(tocsin, held, receiver):
    receiver.reply = answer(400)
    held()
    (dead,) = tocsin("actions", "list", "--json").lines
    assert (dead["connector"], dead["state"]) == ("webhook", "dead")
    assert dead["action"] in tocsin("actions", "list").out


def test_a_failed_action_can_be_tried_again(tocsin, held, receiver):
    receiver.reply = answer(400)
    held()
    (dead,) = tocsin("actions", "list", "--json").lines
    receiver.reply = answer(200)
    assert tocsin("actions", "retry", dead["action"]).code == 0
    assert tocsin("actions", "list", "--json").lines == []


def test_a_command_without_the_connector_leaves_the_action_to_the_server(
    tocsin, held, receiver, monkeypatch
):
    receiver.reply = answer(503)
    held()
    monkeypatch.delenv("TOCSIN_WEBHOOK_URL")
    tocsin("lookback")
    assert tocsin("actions", "list", "--json").lines == []


def test_an_unknown_action_cannot_be_tried_again(tocsin):
    assert tocsin("actions", "retry", "0" * 32).code == 1
