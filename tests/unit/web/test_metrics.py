import re
from datetime import timedelta

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update

from exchanges import ORIGIN
from nodes import running
from tocsin.app import now
from tocsin.exchange.keys import SigningKey
from tocsin.recording import shared
from tocsin.recording.events import Event, Tag
from tocsin.sharing import line
from tocsin.sharing.outbox import intend_in
from tocsin.web.metrics import Metrics
from waiting import WAIT_S, wait_until


@pytest.fixture
def scrape(served):
    return lambda: scraped(served)


def scraped(served):
    text = httpx.get(served.metrics, timeout=WAIT_S).text
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_have_a_port_of_their_own(served, stranger):
    assert not served.metrics.startswith(served.url)
    assert stranger.get("/metrics").status_code == 404


def test_requests_are_counted_by_route_never_by_path(api, scrape, known):
    key = ("tocsin_http_request_duration_seconds_count", "/v1/lists/{name}", "200", "GET")
    name = (key[0], *sorted(key[1:]))
    before = scrape().get(name, 0)
    api.get(f"/v1/lists/{known}")
    wait_until(lambda: scrape().get(name, 0) == before + 1)  # Counted once it is answered.
    assert not any(known in label for one in scrape() for label in one[1:] if "/" in str(label))


def test_a_path_that_does_not_exist_makes_no_figure_of_its_own(stranger, scrape):
    stranger.get("/v1/random-a")
    assert not any("random-a" in str(one) for one in scrape())


def test_verdicts_are_counted(api, scrape, seed):
    key = ("tocsin_screenings_total", "allow", "hashes")
    before = scrape().get(key, 0)
    api.post("/v1/screen/hashes", json={"signals": [{"type": "md5", "signal": f"{seed:032x}"}]})
    assert scrape()[key] == before + 1


def test_signals_are_told_by_list_and_type(api, scrape, known):
    api.post(f"/v1/lists/{known}/items", json={"signals": [{"type": "md5", "signal": "1" * 32}]})
    api.get("/ready")
    assert scrape()["tocsin_list_signals", *sorted((known, "md5"))] == 1


def test_a_node_that_works_is_up_behind_all_its_walls(scrape):
    found = scrape()
    assert found["tocsin_up",] == 1
    assert found["tocsin_sandbox_wall", "seccomp"] == 1
    assert found["tocsin_node_problems",] == 0


def test_every_name_says_its_unit_or_counts(served):
    for family in Metrics(served.node).registry.collect():
        assert re.fullmatch(r"tocsin_[a-z_]+", family.name)
        assert family.documentation.endswith(".")


def test_commits_are_told_by_the_writes_in_them(served, scrape):
    before = scrape()
    single = ("tocsin_store_commit_jobs_bucket", "1.0")

    def commit_alone():
        served.node.store.record(Event(now(), Tag.EVENTS_READ, "alice", "events")).result()
        return scrape()[single] > before[single]

    wait_until(commit_alone)  # What the node writes by itself may come into the same commit.
    after = scrape()
    assert after["tocsin_store_commit_jobs_sum",] > before["tocsin_store_commit_jobs_sum",]
    assert after["tocsin_store_commit_jobs_count",] > before["tocsin_store_commit_jobs_count",]


def test_the_lag_of_the_look_back_is_told_while_a_change_waits(served, scrape, monkeypatch):
    list(served.node.lookback.run())
    assert scrape()["tocsin_lookback_lag_seconds",] == 0
    monkeypatch.setattr(served.node.lookback, "lag_s", lambda: 7.5)
    assert scrape()["tocsin_lookback_lag_seconds",] == 7.5


def test_the_decoders_are_counted(served, scrape):
    def alive():
        found = scrape()
        return sum(found["tocsin_sandbox_children", state] for state in ("ready", "busy"))

    wait_until(alive)  # The first are born after the start.
    assert alive() <= served.node.settings.children


def test_files_are_counted_by_what_became_of_them(api, scrape, photo):
    before = scrape()
    for content in (photo, photo[:50], b"no picture"):
        api.post("/v1/hash", content=content, headers={"Content-Type": "image/jpeg"})
    outcomes = ("decoded", "broken", "unknown_format")
    grown = [
        scrape()["tocsin_decodes_total", one] - before["tocsin_decodes_total", one]
        for one in outcomes
    ]
    assert grown == [1, 1, 1]


def test_a_followed_exchange_is_told_by_how_it_stands(tmp_path, monkeypatch):
    monkeypatch.setattr(line, "FIRST_WAIT_S", line.LONGEST_WAIT_S)  # It stands still meanwhile.
    with running(tmp_path) as served:
        follow(served.node, "https://127.0.0.1:9")
        wait_until(lambda: served.node.problems())
        found = scraped(served)
        ready = httpx.get(f"{served.url}/ready", timeout=WAIT_S).json()
    assert found["tocsin_exchange_entries", "hub"] == 7
    assert found["tocsin_exchange_faults", "gap", "hub"] == 2
    assert found["tocsin_exchange_age_seconds", "hub"] >= 60
    assert found["tocsin_exchange_standing", "hub", "unreachable"] == 1
    assert found["tocsin_exchange_standing", "following", "hub"] == 0
    assert found["tocsin_outbox", "hub", "waiting"] == 1
    assert found["tocsin_outbox", "hub", "refused"] == 0
    assert found["tocsin_node_problems",] == ready["problems"] == 1


def follow(node, url):
    """Follow an exchange of which something was read a minute ago."""
    policy = f"log {SigningKey.generate(ORIGIN).verifier}\nquorum none\n"
    hub = node.following.add("hub", origin=ORIGIN, url=url, policy=policy, actor="cli")
    values = {"size": 7, "faults": {"gap": 2}, "advanced_at": now() - timedelta(seconds=60)}
    change = update(shared.exchanges).values(values)

    def job(connection):
        connection.execute(change)
        intend_in(connection, hub.id, b"said", now())

    node.store.write(job).result()
