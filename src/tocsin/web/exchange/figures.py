"""What an exchange tells Prometheus. docs/exchange.md explains each name.

What belongs to others (the log, the bell) is read from them at each scrape.
"""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tocsin.operating.exchange import Exchange
from tocsin.web.exchange.ringing import Hub


class Figures:
    """The figures of one application. Thread-safe."""

    def __init__(self, exchange: Exchange, hub: Hub) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self._requests = Counter(
            "tocsin_exchange_requests_total",
            "Requests answered; a follower's stream counts when it ends.",
            labels,
            registry=self.registry,
        )
        self._seconds = Counter(
            "tocsin_exchange_request_seconds_total",
            "Time from the first byte of a request to the last of its answer.",
            labels,
            registry=self.registry,
        )
        self.registry.register(_State(exchange, hub))

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        labels = (method, route, str(status))
        self._requests.labels(*labels).inc()
        self._seconds.labels(*labels).inc(seconds)


class _State(Collector):
    """Reads the exchange at each scrape."""

    def __init__(self, exchange: Exchange, hub: Hub) -> None:
        self._exchange = exchange
        self._hub = hub

    def collect(self) -> Iterator[Metric]:
        """Yield the figures of this moment."""
        health = self._exchange.health()
        told = (
            ("up", "1 while entries are admitted.", not health.trouble),
            ("entries", "Entries in the log.", health.size),
            ("cosigned_entries", "Entries that the quorum has cosigned.", health.cosigned_size),
            ("waiting_entries", "Entries that wait for admission.", health.waiting),
            ("erasing_contents", "Contents still to be destroyed.", health.erasing),
            ("committed_age_seconds", "Time since the last commit.", health.committed_age_s),
            ("quorum_behind_seconds", "How long the quorum is behind.", health.quorum_behind_s),
            ("quorum_late", "1 when that is too long.", health.quorum_late),
            ("clock_behind_seconds", "Clock behind the latest leaf.", health.clock_behind_s),
        )
        for name, text, value in told:
            yield GaugeMetricFamily(f"tocsin_exchange_{name}", text, value=float(value))
        yield GaugeMetricFamily(
            "tocsin_exchange_listening", "Followers who listen to the bell.", value=len(self._hub)
        )
        yield CounterMetricFamily(
            "tocsin_exchange_rings", "Rings told to followers.", value=self._hub.rung
        )
        yield CounterMetricFamily(
            "tocsin_exchange_hung_up",
            "Followers that this process hung up on because they did not keep up.",
            value=self._hub.cut,
        )
