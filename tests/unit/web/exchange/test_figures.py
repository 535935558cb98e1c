"""What an exchange tells Prometheus is explained in the manual, and counts what it says."""

import re
from pathlib import Path

import httpx

from waiting import WAIT_S, wait_until

MANUAL = (Path(__file__).parents[4] / "docs" / "exchange.md").read_text()


def scraped(served):
    text = httpx.get(served.metrics, timeout=WAIT_S).text
    rows = re.findall(r"^(tocsin_\w+)(\{.*\})? (\S+)$", text, flags=re.MULTILINE)
    return {(name, labels): float(value) for name, labels, value in rows}


def test_every_metric_is_in_the_manual_and_no_other(served, stranger):
    stranger.get("/health")  # Counted once it is answered.
    wait_until(lambda: any(name == "tocsin_exchange_requests_total" for name, _ in scraped(served)))
    shown = {name for name, _ in scraped(served) if not name.endswith("_created")}
    assert shown == set(re.findall(r"^\| `(tocsin_exchange_\w+)` \|", MANUAL, flags=re.MULTILINE))


def test_requests_are_counted_by_their_route_and_not_by_their_path(served, stranger):
    label = '{method="GET",route="/tile/{rest:path}",status="404"}'
    key = ("tocsin_exchange_requests_total", label)
    before = scraped(served).get(key, 0)
    for number in range(5):
        stranger.get(f"/tile/0/99{number}")
    wait_until(lambda: scraped(served).get(key) == before + 5)


def test_the_state_of_the_exchange_is_read_at_each_scrape(served, dana):
    found = scraped(served)
    assert found[("tocsin_exchange_entries", "")] == served.exchange.head.checkpoint.size
    assert found[("tocsin_exchange_up", "")] == 1
