"""A webhook reaches its receiver signed, and says truly whether it arrived."""

import base64
import json
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook as Receiver
from standardwebhooks.webhooks import WebhookVerificationError

from servers import answer, raw, serve
from tocsin.acting.base import Delivered, Failed
from tocsin.acting.signing import parse_keys
from tocsin.acting.webhook import Webhook
from tocsin.model import Action
from tocsin.safehttp import SafeClient

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OLD_SECRET = "whsec_" + base64.b64encode(bytes(range(1, 33))).decode()
PRIVATE = "whsk_" + base64.b64encode(bytes(range(32))).decode()
ACTION = Action("a" * 32, "b" * 32, "webhook", {"type": "upload.hold", "data": {"n": "Zürich\0"}})


@pytest.fixture
def server():
    with serve(answer(204)) as running:
        yield running


@pytest.fixture
def client():
    return SafeClient(local=True, any_port=True)


def webhook(server, client, secret=SECRET, clock=lambda: datetime.now(UTC)):
    return Webhook(server.url("/hook"), parse_keys(secret), client, clock)


def test_an_independent_receiver_verifies_the_message(server, client):
    assert isinstance(webhook(server, client).deliver(ACTION), Delivered)
    (asked,) = server.asked
    assert Receiver(SECRET).verify(asked.body, asked.headers) == ACTION.body
    assert asked.headers["content-type"] == "application/json"


def test_a_receiver_with_another_secret_refuses_the_message(server, client):
    webhook(server, client).deliver(ACTION)
    (asked,) = server.asked
    with pytest.raises(WebhookVerificationError):
        Receiver(OLD_SECRET).verify(asked.body, asked.headers)


def test_while_secrets_change_receivers_with_either_verify(server, client):
    webhook(server, client, f"{SECRET}\n{OLD_SECRET}").deliver(ACTION)
    (asked,) = server.asked
    for secret in (SECRET, OLD_SECRET):
        assert Receiver(secret).verify(asked.body, asked.headers) == ACTION.body


def test_a_receiver_with_the_public_key_alone_verifies_the_message(server, client):
    webhook(server, client, PRIVATE).deliver(ACTION)
    (asked,) = server.asked
    headers = asked.headers
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + asked.body
    version, signature = headers["webhook-signature"].split(",")
    (key,) = parse_keys(PRIVATE)
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key.public_text[5:]))
    public.verify(base64.b64decode(signature), signed)
    assert version == "v1a"


def test_the_id_stays_and_the_time_moves_from_attempt_to_attempt(server, client, clock):
    hook = webhook(server, client, clock=clock)
    hook.deliver(ACTION)
    clock.advance(60)
    hook.deliver(ACTION)
    first, second = (asked.headers for asked in server.asked)
    assert first["webhook-id"] == second["webhook-id"] == ACTION.id
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 60
    assert first["webhook-signature"] != second["webhook-signature"]


def test_the_same_action_is_sent_with_the_same_bytes(server, client):
    hook = webhook(server, client)
    hook.deliver(ACTION)
    hook.deliver(ACTION)
    first, second = (asked.body for asked in server.asked)
    assert first == second == json.dumps(ACTION.body, separators=(",", ":")).encode()


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_2xx_is_delivered(server, client, status):
    server.reply = answer(status)
    assert isinstance(webhook(server, client).deliver(ACTION), Delivered)


@pytest.mark.parametrize("status", [301, 308, 400, 401, 403, 404, 410, 413, 422])
def test_a_refusal_is_permanent(server, client, status):
    server.reply = answer(status, location="/elsewhere")
    outcome = webhook(server, client).deliver(ACTION)
    assert isinstance(outcome, Failed)
    assert outcome.permanent
    assert str(status) in outcome.reason


@pytest.mark.parametrize("status", [302, 303, 307, 408, 425, 429, 500, 502, 503, 504])
def test_a_trouble_of_the_moment_is_not_permanent(server, client, status):
    server.reply = answer(status, location="/elsewhere")
    outcome = webhook(server, client).deliver(ACTION)
    assert isinstance(outcome, Failed)
    assert not outcome.permanent


def test_a_receiver_that_hangs_up_may_be_tried_again(server, client):
    server.reply = raw(b"")
    outcome = webhook(server, client).deliver(ACTION)
    assert isinstance(outcome, Failed)
    assert not outcome.permanent


def test_a_private_address_is_refused_for_good_unless_the_operator_allows_it(server):
    outcome = webhook(server, SafeClient(any_port=True)).deliver(ACTION)
    assert isinstance(outcome, Failed)
    assert outcome.permanent
    assert server.asked == []


def test_neither_webhook_nor_outcome_shows_the_secret(server, client):
    hook = webhook(server, client)
    server.reply = answer(500)
    shown = f"{hook!r} {hook.deliver(ACTION)!r}"
    assert SECRET[6:] not in shown
