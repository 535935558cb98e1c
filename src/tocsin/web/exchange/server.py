"""An exchange behind one port: uvicorn, its bell, its end in order."""

import gc
import resource
import socket
from collections.abc import Sequence
from contextlib import closing
from functools import partial

from tocsin.operating.exchange import Exchange
from tocsin.web.exchange.app import create_app
from tocsin.web.exchange.guard import Limits
from tocsin.web.exchange.serving import Serving
from tocsin.web.listening import Announce, Server, address, listen, metrics_served, set_up_log

UNACKNOWLEDGED_MS = 15_000
"""How long a peer may leave unanswered what was sent, before the kernel gives the connection up."""

WHOLE_PASSES = 1000
"""After how many smaller passes the garbage collector goes through everything; Python's own is 10.
"""


class Service:
    """An exchange behind its port. `run` blocks; `stop` may be called from any thread.

    The port is open from the start, so that an exchange can be made with its address. Raises
    ConfigurationError when that cannot be had.
    """

    def __init__(
        self,
        exchange: Exchange,
        listening: socket.socket,
        announce: Announce,
        *,
        limits: Limits,
        metrics_host: str = "127.0.0.1",
        metrics_port: int = -1,
    ) -> None:
        app = create_app(exchange, limits)
        self._serving: Serving = app.state.serving
        self._listening = listening
        self._announce = announce
        self._metrics = (metrics_host, metrics_port)
        self._server = Server(app, when_stopping=self._serving.hub.close)

    def run(self) -> None:
        """Serve until told to stop. Raises ConfigurationError."""
        registry = self._serving.figures.registry
        with closing(self._listening), metrics_served(*self._metrics, registry) as metrics:
            host, port = self._listening.getsockname()[:2]
            self._server.when_started = partial(self._announce, address(host, port), metrics)
            self._server.run([self._listening])

    def stop(self) -> None:
        """Finish the requests under way, end the bell's lines, then let `run` return."""
        self._server.should_exit = True


def serve(
    exchange: Exchange,
    host: str,
    port: int,
    announce: Announce,
    *,
    proxies: Sequence[str] = (),
    metrics_host: str = "127.0.0.1",
    metrics_port: int = -1,
    log_level: str = "info",
) -> None:
    """Serve an exchange until the process is told to stop (SIGINT, SIGTERM), then return.

    `proxies` are the addresses of proxies that are believed about who asks. Closing the exchange is
    for whoever opened it. Raises ConfigurationError when an address cannot
    be had.
    """
    set_up_log(log_level)
    _allow_lines()
    service = Service(
        exchange,
        open_port(host, port),
        announce,
        limits=Limits(proxies=frozenset(proxies)),
        metrics_host=metrics_host,
        metrics_port=metrics_port,
    )
    _calm_collector()
    service.run()


def open_port(host: str, port: int) -> socket.socket:
    """Open a port for an exchange. Raises ConfigurationError."""
    listening = listen(host, port)
    # Inherited by each connection: one whose peer is gone must not take up a line of the bell.
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)
    return listening


def _allow_lines() -> None:
    """Let this process have as many connections as the system permits; by default that is 1,024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _calm_collector() -> None:
    """Keep the garbage collector from holding up the bell.

    Going through all that 3,000 open lines hold takes it 0.2 s, and finds nothing: what ends, ends
    young. So what is there by now is left alone, and whole passes are made a hundred times as rare.
    """
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, WHOLE_PASSES)
