"""One node behind one port: uvicorn, started from the settings, ending in order.

The metrics have a port of their own, so that whoever may read figures need not reach the API.
"""

import gc
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from importlib.metadata import version

import structlog
import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, start_http_server

from tocsin.app import Node, now
from tocsin.config import Settings
from tocsin.errors import ConfigurationError
from tocsin.recording.events import Event, Tag
from tocsin.web.app import create_app
from tocsin.web.wire import Wire

STOP_S = 15
"""How long requests under way may take when the node is asked to stop."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)
KEEP_ALIVE_S = 75
BACKLOG = 2048

SWITCH_S = 0.0005
"""How long a thread may hold the interpreter. Python's 5 ms let a look-up wait for the event loop
as long as ten look-ups take."""

Announce = Callable[[str, str], None]
"""Told the addresses of the API and of the metrics ("" where they are off) once they answer."""


class Service:
    """A node behind its port. `run` blocks; `stop` may be called from any thread."""

    def __init__(self, node: Node, announce: Announce) -> None:
        self._node = node
        self._announce = announce
        self._app = create_app(node)
        self._server = _Server(_config(self._app))

    def run(self) -> None:
        """Serve until told to stop. Raises ConfigurationError when an address cannot be had."""
        settings = self._node.settings
        with (
            closing(_listen(settings.host, settings.port)) as listening,
            _metrics_served(settings, self._app.state.serving.metrics.registry) as metrics,
        ):
            self._node.start()
            self._note_start()
            address = _address(settings.host, listening.getsockname()[1])
            self._server.when_started = partial(self._announce, address, metrics)
            self._server.run([listening])

    def _note_start(self) -> None:
        walls = {wall.name: wall.stands for wall in self._node.decoder.walls()}
        body = {"version": version("tocsin"), "walls": walls}
        started = Event(now(), Tag.NODE_STARTED, "node", "service", body)
        self._node.store.record(started).result()

    def stop(self) -> None:
        """Finish the requests under way, then let `run` return."""
        self._server.should_exit = True


def serve(node: Node, *, announce: Announce) -> None:
    """Serve a node until the process is told to stop (SIGINT, SIGTERM), then return.

    Starts what runs in the background of the node; closing it is for whoever built it. Raises
    ConfigurationError when an address cannot be had.
    """
    set_up_log(node.settings.log_level)
    sys.setswitchinterval(SWITCH_S)
    service = Service(node, announce)
    # What is there by now stays to the end. Left where it is, the garbage collector would go
    # through half a million objects every few seconds, and a look-up wait 0.2 s for it.
    gc.collect()
    gc.freeze()
    service.run()


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


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it answers, and ends without killing the process."""

    when_started: Callable[[], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.when_started()

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


def _config(app: FastAPI) -> uvicorn.Config:
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


def _listen(host: str, port: int) -> socket.socket:
    """Open the port. Raises ConfigurationError."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {_address(host, port)}: {error.strerror}",
            advice="Another program may hold the port; set `port` to another one, or to 0.",
        ) from error
    return listening


@contextmanager
def _metrics_served(settings: Settings, registry: CollectorRegistry) -> Iterator[str]:
    """Serve the metrics in a thread of their own; give their address. Raises as `_listen`."""
    if settings.metrics_port < 0:
        yield ""
        return
    try:
        server, _ = start_http_server(settings.metrics_port, settings.metrics_host, registry)
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {_address(settings.metrics_host, settings.metrics_port)}",
            advice="Set `metrics_port` to another port, or to -1 for none.",
        ) from error
    try:
        yield f"{_address(settings.metrics_host, server.server_port)}/metrics"
    finally:
        server.shutdown()
        server.server_close()


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
