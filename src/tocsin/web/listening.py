"""Serving an application on a port: uvicorn, its limits, its end in order, and the log.

Shared by the node and the exchange, which know nothing of each other.
"""

import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
import uvicorn
from prometheus_client import CollectorRegistry, start_http_server
from starlette.types import ASGIApp

from tocsin.errors import ConfigurationError
from tocsin.web.wire import Wire

STOP_S = 15
"""How long requests under way may take when the server is asked to stop."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)
KEEP_ALIVE_S = 75
BACKLOG = 2048

Announce = Callable[[str, str], None]
"""Told the addresses of the API and of the metrics ("" where they are off) once they answer."""


def _nothing() -> None:
    pass


class Server(uvicorn.Server):
    """uvicorn's server, which says when it answers, and ends without killing the process."""

    def __init__(self, app: ASGIApp, *, when_stopping: Callable[[], None] = _nothing) -> None:
        super().__init__(configure(app))
        self.when_started: Callable[[], None] = _nothing
        self._when_stopping = when_stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the door, then tell that it is open."""
        await super().startup(sockets)
        if self.started:
            self.when_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell those whose answers never end, then wait for all that are under way."""
        self._when_stopping()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on a signal. uvicorn would raise it again at the end, and the node stay open."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {one: signal.signal(one, self.handle_exit) for one in SIGNALS}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)


# Without the local variables, which hold tokens and hashes.
_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=20)
)


def set_up_log(level: str) -> None:
    """Write log lines as JSON on stderr, one a line."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _TRACEBACKS,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def configure(app: ASGIApp) -> uvicorn.Config:
    """Return how we serve: over our own wire, trusting no header of a proxy."""
    return uvicorn.Config(
        app,
        loop="auto",
        http=Wire,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_S,
        backlog=BACKLOG,
    )


def listen(host: str, port: int) -> socket.socket:
    """Open the port. Raises ConfigurationError."""
    try:
        family, kind, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {address(host, port)}: {error.strerror}",
            advice="Another program may hold the port; set `port` to another one, or to 0.",
        ) from error
    return listening


@contextmanager
def metrics_served(host: str, port: int, registry: CollectorRegistry) -> Iterator[str]:
    """Serve the metrics in a thread of their own; give their address, "" for a port of -1.

    Raises ConfigurationError.
    """
    if port < 0:
        yield ""
        return
    try:
        server, _ = start_http_server(port, host, registry)
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {address(host, port)}",
            advice="Set `metrics_port` to another port, or to -1 for none.",
        ) from error
    try:
        yield f"{address(host, server.server_port)}/metrics"
    finally:
        server.shutdown()
        server.server_close()


def address(host: str, port: int) -> str:
    """Return the address at which a server is reached."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
