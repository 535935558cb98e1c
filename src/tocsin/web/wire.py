"""One connection: uvicorn's, with limits it lacks on how large and how slow a request may begin.

Without them a stranger could fill the memory with a header that never ends, or hold thousands of
connections open with a byte now and then, before any key is asked for.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

HEAD_BYTES = 64 << 10
"""Largest request line and headers together. What comes in one read is counted as a whole, so a
little more may pass."""

HEAD_S = 20.0
"""Longest time from the first byte of a request to the last of its headers."""

PAUSE_S = 20.0
"""Longest pause between two pieces of a body that the node is ready to take."""

LINGER_S = 10.0
"""How long a body is still taken in, and thrown away, after its request was answered. Closing at
once would take the answer from a client that is still sending."""


WIRE, CUT = "tocsin.wire", "cut"
"""Where in the ASGI scope's extensions a request finds how to hang up at once, which throws away
what the client did not take. An end in order would wait for a client that reads no more."""

TOO_LARGE = STATUS_LINE[431] + b"content-length: 0\r\nconnection: close\r\n\r\n"


class Wire(HttpToolsProtocol):
    """Speaks HTTP/1.1 on one connection."""

    _head_open = False
    _body_open = False
    _head_size = 0
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._be_patient(HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._lose_no_patience()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in what arrived; hang up on a head that is too large, or on what comes no more."""
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._head_open:
            self._head_size += len(data)
            if self._head_size > HEAD_BYTES:
                self.transport.write(TOO_LARGE)
                self.transport.close()
            elif self._patience is None:
                self._be_patient(HEAD_S)
        elif self._body_open and not self.cycle.response_complete:
            self._be_patient(PAUSE_S)

    def on_message_begin(self) -> None:
        """Begin to count a request's head."""
        self._head_open, self._head_size = True, 0
        super().on_message_begin()
        self.scope["extensions"] = {WIRE: {CUT: self.transport.abort}}

    def on_headers_complete(self) -> None:
        """Start the request."""
        self._head_open, self._body_open = False, True
        self._lose_no_patience()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End the request's body."""
        self._body_open = False
        self._lose_no_patience()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Await the next request, or for a while the rest of this one's body."""
        super().on_response_complete()
        if self._body_open and not self.transport.is_closing():
            self._be_patient(LINGER_S)

    def _be_patient(self, seconds: float) -> None:
        self._lose_no_patience()
        self._patience = self.loop.call_later(seconds, self._hang_up, seconds)

    def _hang_up(self, seconds: float) -> None:
        if self.flow.read_paused:  # It is us who do not read at the moment.
            self._be_patient(seconds)
        else:
            self.transport.close()

    def _lose_no_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
