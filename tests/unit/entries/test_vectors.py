"""The test vectors are those that the code makes today, and everything reads them alike."""

import base64
import json
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from logs import Objects
from record import MAKE, VECTORS, followed, view
from tocsin.entries.envelope import Envelope, key_id
from tocsin.entries.parties import is_weak
from tocsin.entries.requests import Received, Unsigned, verify
from tocsin.entries.statements import entry_type, parse
from tocsin.errors import InvalidInput
from tocsin.exchange.bundles import decode_bundle
from tocsin.exchange.fsck import check_published
from tocsin.exchange.keys import PublicKey


def vectors(name):
    return json.loads((VECTORS / f"{name}.json").read_text())


def named(cases, name="fault"):
    return [pytest.param(one, id=one[name]) for one in cases]


@pytest.mark.parametrize("name", sorted(MAKE.ALL))
def test_the_vectors_are_up_to_date(name):
    assert json.loads(json.dumps(MAKE.ALL[name]())) == vectors(name)


def test_no_file_of_vectors_is_left_over():
    assert {path.stem for path in VECTORS.glob("*.json")} == set(MAKE.ALL)


def test_payloads_are_read_or_refused():
    for case in vectors("payloads")["valid"]:
        assert entry_type(parse(base64.b64decode(case["payload"]))) == case["type"]
    for case in vectors("payloads")["invalid"]:
        with pytest.raises(InvalidInput):
            parse(base64.b64decode(case["payload"]))


def test_envelopes_can_be_recomputed_with_nothing_but_sha256():
    case = vectors("envelopes")
    previous = bytes(32)
    for one in case["valid"]:
        leaf, payload = bytes.fromhex(one["leaf"]), base64.b64decode(one["payload"])
        covered = leaf[:4] + leaf[12:100]
        signed = b"tocsin-exchange-entry/v1\0" + case["origin"].encode() + b"\0" + covered
        tagged = b"tocsin-exchange-payload/v1\0" + bytes.fromhex(one["nonce"]) + payload
        assert (signed.hex(), leaf[36:68]) == (one["signed"], previous)
        assert sha256(tagged).digest() == leaf[68:100]
        assert Envelope.parse(leaf).is_signed_by(bytes.fromhex(case["public"]), case["origin"])
        previous = sha256(signed).digest()


def test_leaves_and_keys_that_are_none_are_refused():
    case = vectors("envelopes")
    for one in case["malformed"]:
        with pytest.raises(InvalidInput):
            Envelope.parse(bytes.fromhex(one["leaf"]))
    for one in case["unsigned"]:
        leaf = Envelope.parse(bytes.fromhex(one["leaf"]))
        assert not leaf.is_signed_by(bytes.fromhex(case["public"]), case["origin"])
    assert all(is_weak(bytes.fromhex(key)) for key in case["weak_keys"])


@pytest.mark.parametrize("case", named(vectors("histories")["histories"], "name"))
@pytest.mark.parametrize("reader", ["all", "members", "public"])
def test_a_follower_comes_to_the_same_judgements(case, reader):
    origin = vectors("histories")["origin"]
    leaves = [bytes.fromhex(one["leaf"]) for one in case["entries"]]
    contents = [
        base64.b64decode(one["content"]) if one["audience"] in MAKE.READERS[reader] else b""
        for one in case["entries"]
    ]
    assert view(*followed(origin, leaves, contents)) == case["readers"][reader]


class Fresh:
    """Nonces of a place where none was used before."""

    def __init__(self):
        self.used = set()

    def use(self, key, nonce, until):
        fresh = (key, nonce) not in self.used
        self.used.add((key, nonce))
        return fresh


def asked(case, nonces):
    """Verify a request as the exchange of the vectors does."""
    told = vectors("requests")
    public = bytes.fromhex(told["key"])

    def key_of(claimed):
        if claimed != key_id(public).hex():
            raise Unsigned("nobody's", code="unknown_key")
        return public

    received = Received(case["method"], told["url"] + case["path"], list(case["headers"].items()))
    now = datetime.fromtimestamp(told["at"], UTC)
    found = verify(received, key_of=key_of, nonces=nonces, now=now)
    found.check_body(base64.b64decode(case["body"]))
    return found


@pytest.mark.parametrize("number", range(len(vectors("requests")["valid"])))
def test_a_signed_request_is_taken_once(number):
    case, nonces = vectors("requests")["valid"][number], Fresh()
    assert asked(case, nonces).key
    with pytest.raises(Unsigned) as caught:
        asked(case, nonces)
    assert caught.value.code == "replayed_request"


@pytest.mark.parametrize("case", named(vectors("requests")["invalid"]))
def test_an_altered_request_is_refused(case):
    with pytest.raises(Unsigned) as caught:
        asked(case, Fresh())
    assert caught.value.code == case["code"]


def test_the_example_is_a_log_that_verifies():
    case = vectors("example")
    objects = {path: base64.b64decode(data) for path, data in case["objects"].items()}
    report = check_published(Objects(objects), [PublicKey.parse(case["vkey"])])
    assert (report.findings, report.size) == ([], 3)
    leaves = decode_bundle(objects["tile/entries/000.p/3"], 3)
    for reader, blank in (("member", []), ("public", [2])):
        contents = decode_bundle(base64.b64decode(case["payload/000.p/3"][reader]), 3)
        for index, (leaf, content) in enumerate(zip(leaves, contents, strict=True)):
            assert (content == b"") is (index in blank)
            assert not content or Envelope.parse(leaf).opens(content[:32], content[32:])
