"""One node behind one port: uvicorn, started from the settings, ending in order.

The metrics have a port of their own, so that whoever may read figures need not reach the API.
"""

import gc
import sys
from contextlib import closing
from functools import partial
from importlib.metadata import version

from tocsin.app import Node, now
from tocsin.compiler import load_kernels, set_aside
from tocsin.recording.events import Event, Tag
from tocsin.web.app import create_app
from tocsin.web.listening import Announce, Server, address, listen, metrics_served, set_up_log

SWITCH_S = 0.0005
"""How long a thread may hold the interpreter. Python's 5 ms let a look-up wait for the event loop
as long as ten look-ups take."""


class Service:
    """A node behind its port. `run` blocks; `stop` may be called from any thread."""

    def __init__(self, node: Node, announce: Announce) -> None:
        self._node = node
        self._announce = announce
        self._app = create_app(node)
        self._server = Server(self._app)

    def run(self) -> None:
        """Serve until told to stop. Raises ConfigurationError when an address cannot be had."""
        settings = self._node.settings
        registry = self._app.state.serving.metrics.registry
        with (
            closing(listen(settings.host, settings.port)) as listening,
            metrics_served(settings.metrics_host, settings.metrics_port, registry) as metrics,
        ):
            self._node.start()
            self._note_start()
            served = address(settings.host, listening.getsockname()[1])
            self._server.when_started = partial(self._announce, served, metrics)
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
    load_kernels()
    set_aside()
    service.run()
