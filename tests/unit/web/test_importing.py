import json
import socket
from contextlib import ExitStack

import pytest

from nodes import running
from tocsin.lists import importing
from tocsin.lists.rules import ListDraft
from tocsin.web import listening, wire
from tocsin.web.importing import MAX_FAULTS
from waiting import wait_until

JSONL = {"content-type": "application/jsonl"}


def send(api, known, content):
    return api.post(f"/v1/lists/{known}/import", content=content, headers=JSONL)


def rows(count, start=0):
    return b"".join(b'{"md5":"%032x"}\n' % number for number in range(start, start + count))


def test_a_body_larger_than_any_other_limit_is_imported_while_it_arrives(api, known):
    note = "x" * 2000
    line = json.dumps({"md5": "%s", "note": note}).encode() + b"\n"
    pieces = (line.replace(b"%s", b"%032x" % number) for number in range(3000))
    sent = send(api, known, pieces)  # 6 MB, without saying how much there will be.
    assert sent.json()["added"] == 3000


def test_lines_are_put_together_across_pieces(api, known):
    body = rows(10)
    sent = send(api, known, iter([body[n : n + 7] for n in range(0, len(body), 7)]))
    assert (sent.json()["added"], sent.json()["refused"]) == (10, 0)


def test_faults_beyond_the_first_are_counted_not_told(api, known):
    sent = send(api, known, b'{"md5":"x"}\n' * (MAX_FAULTS + 5)).json()
    assert (sent["refused"], len(sent["faults"])) == (MAX_FAULTS + 5, MAX_FAULTS)


def test_an_empty_body_adds_nothing(api, known):
    assert send(api, known, b"").json() == {"added": 0, "known": 0, "refused": 0, "faults": []}


def test_a_node_that_is_told_to_stop_does_not_wait_for_an_import_that_stands_still(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(listening, "STOP_S", 1)
    monkeypatch.setattr(wire, "PAUSE_S", 3600)
    monkeypatch.setattr(importing, "BATCH", 1)
    with ExitStack() as later, running(tmp_path) as node:
        node.node.rules.create(ListDraft("known"), actor="alice")
        connection = socket.create_connection(("127.0.0.1", node.port))
        later.callback(connection.close)  # After the node has stopped.
        connection.sendall(
            b"POST /v1/lists/known/import HTTP/1.1\r\nHost: x\r\nX-API-Key: "
            + node.token().encode()
            + b"\r\nContent-Type: text/csv\r\nContent-Length: 1000\r\n\r\ntype,signal\n"
            + b"md5,%032x\n" % 1
        )
        wait_until(lambda: node.node.items.count("known")["items"])
    # `running` has seen that it came to its end.


def test_an_import_that_is_cut_off_has_stored_whole_batches_and_goes_on_later(
    api, known, monkeypatch
):
    monkeypatch.setattr(importing, "BATCH", 50)

    def breaking_off():
        yield rows(60)
        raise ConnectionError("the line is dead")

    with pytest.raises(ConnectionError):
        send(api, known, breaking_off())
    again = send(api, known, rows(60)).json()
    assert again["added"] + again["known"] == 60
    assert api.get(f"/v1/lists/{known}").json()["counts"]["items"] == 60
