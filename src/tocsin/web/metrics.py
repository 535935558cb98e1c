"""What the node tells Prometheus, on a port of its own: names with units, one table.

Counters of requests are kept here; what belongs to others (signals, decoders, the database) is read
from them at each scrape, so that nothing is counted twice. docs/operations.md explains each name.
"""

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from tocsin.app import Node
from tocsin.errors import TocsinError
from tocsin.model import Screening
from tocsin.sharing.line import Standing
from tocsin.sharing.outbox import State

_STANDINGS = (*(one.value for one in Standing), "suspect")
_BUCKETS_JOBS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
_BUCKETS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """The figures of one application. Thread-safe."""

    def __init__(self, node: Node) -> None:
        self.registry = CollectorRegistry()
        self._seconds = Histogram(
            "tocsin_http_request_duration_seconds",
            "Time from the first byte of a request to the last of its answer.",
            ("method", "route", "status"),
            buckets=_BUCKETS_S,
            registry=self.registry,
        )
        self._verdicts = Counter(
            "tocsin_screenings_total",
            "Uploads screened over HTTP.",
            ("kind", "verdict"),
            registry=self.registry,
        )
        self.registry.register(_NodeState(node))

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._seconds.labels(method, route, str(status)).observe(seconds)

    def screened(self, screening: Screening, uploads: int) -> None:
        """Count a verdict, which may be on several uploads."""
        verdict = screening.judgement.verdict.value
        self._verdicts.labels(screening.upload.kind.value, verdict).inc(uploads)


class _NodeState(Collector):
    """Reads the node at each scrape. What cannot be read is left out and `tocsin_up` says 0."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def collect(self) -> Iterator[Metric]:
        """Yield the figures of this moment."""
        up = GaugeMetricFamily("tocsin_up", "1 while the database answers.")
        try:
            found = [
                *self._signals(),
                *self._actions(),
                *self._revisions(),
                *self._lookback(),
                *self._exchanges(),
            ]
            up.add_metric([], 1)
        except TocsinError:
            found = []
            up.add_metric([], 0)
        yield up
        yield from found
        yield self._commits()
        yield from self._sandbox()

    def _signals(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "tocsin_list_signals", "Signals in memory.", labels=("list", "type")
        )
        for name, size in self._node.indices.sizes().items():
            list_name, _, type_ = name.rpartition("/")
            family.add_metric([list_name, type_], size)
        yield family

    def _actions(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "tocsin_actions",
            "Actions in each state: `intended` and `failed` ones wait, `dead` ones were given up.",
            labels=("state",),
        )
        for state, count in self._node.dispatcher.counts().items():
            family.add_metric([state.value], count)
        yield family

    def _revisions(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "tocsin_store_revision",
            "Number of the latest change of any list.",
            value=self._node.store.revision(),
        )
        yield GaugeMetricFamily(
            "tocsin_node_problems",
            "Things wrong with this node; /ready says which.",
            value=len(self._node.problems()),
        )

    def _lookback(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "tocsin_lookback_lag_seconds",
            "Age of the oldest change of a list that was not looked back for; 0 without one.",
            value=self._node.lookback.lag_s(),
        )

    def _exchanges(self) -> Iterator[Metric]:
        entries = GaugeMetricFamily(
            "tocsin_exchange_entries",
            "Entries of an exchange that were verified and applied.",
            labels=("exchange",),
        )
        faults = GaugeMetricFamily(
            "tocsin_exchange_faults",
            "Entries of an exchange without effect, by code.",
            labels=("exchange", "code"),
        )
        age = GaugeMetricFamily(
            "tocsin_exchange_age_seconds",
            "Time since anything was heard of an exchange.",
            labels=("exchange",),
        )
        standing = GaugeMetricFamily(
            "tocsin_exchange_standing",
            "1 for how it stands with an exchange, 0 for how it does not.",
            labels=("exchange", "standing"),
        )
        outbox = GaugeMetricFamily(
            "tocsin_outbox",
            "Statements of ours that wait to be published, or that the exchange refused.",
            labels=("exchange", "state"),
        )
        for one in self._node.following.status():
            name = one.followed.name
            entries.add_metric([name], one.size)
            for code, count in one.faults.items():
                faults.add_metric([name, code], count)
            if one.age_s is not None:
                age.add_metric([name], one.age_s)
            for word in (*_STANDINGS, *({one.standing} - {*_STANDINGS})):
                standing.add_metric([name, word], int(word == one.standing))
            outbox.add_metric([name, State.WAITING.value], one.waiting)
            outbox.add_metric([name, State.REFUSED.value], one.refused)
        yield from (entries, faults, age, standing, outbox)

    def _commits(self) -> Metric:
        commits = self._node.store.commits()
        upto = list(accumulate(commits))
        buckets = [(f"{jobs}.0", float(upto[jobs])) for jobs in _BUCKETS_JOBS]
        return HistogramMetricFamily(
            "tocsin_store_commit_jobs",
            "Writes that were committed to the database together.",
            buckets=[*buckets, ("+Inf", float(upto[-1]))],
            sum_value=sum(jobs * count for jobs, count in enumerate(commits)),
        )

    def _sandbox(self) -> Iterator[Metric]:
        walls = GaugeMetricFamily(
            "tocsin_sandbox_wall", "1 while a wall around the decoders stands.", labels=("wall",)
        )
        for wall in self._node.decoder.walls():
            walls.add_metric([wall.name], int(wall.stands))
        yield walls
        children = GaugeMetricFamily(
            "tocsin_sandbox_children",
            "Decoders that are alive: `busy` with a file, or `ready` for one.",
            labels=("state",),
        )
        alive = self._node.decoder.headcount()
        children.add_metric(["busy"], alive.busy)
        children.add_metric(["ready"], alive.ready)
        yield children
        files = CounterMetricFamily(
            "tocsin_decodes_total",
            "Files given to the sandbox, by outcome: `decoded`, `unavailable` or the obstacle.",
            labels=("outcome",),
        )
        for outcome, count in self._node.decoder.outcomes().items():
            files.add_metric([outcome], count)
        yield files
