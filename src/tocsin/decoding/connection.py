"""Asking one child to decode one file, and reading what it says as if an attacker spoke."""

import contextlib
import os
import select
import signal
import socket
import struct
import time

import numpy as np

from tocsin.decoding import wire
from tocsin.decoding.base import Limits
from tocsin.model import Decoded, Obstacle, Plane, Undecodable

_EPITAPH_S = 2.0
"""How long the zygote may take to say how a child died that has hung up."""


class ZygoteDied(Exception):
    """The zygote is gone, and its children with it. Never leaves the stage."""


class Connection:
    """To one child. `asked` counts the files it was given."""

    def __init__(self, link: int, life: int, epitaph: int, limits: Limits) -> None:
        self._link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=link)
        self._life = life
        self._epitaph = epitaph
        self._limits = limits
        self._give_up = 0.0
        self.asked = 0

    def close(self) -> None:
        """Kill the child, which may be an attacker's by now and would keep its place for ever."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._life, signal.SIGKILL)
        self._link.close()
        os.close(self._life)
        os.close(self._epitaph)

    def ask(self, data: bytes, *, exact: bool) -> Decoded | Undecodable:
        """Have a file decoded; what comes back is read as hostile. Raises ZygoteDied."""
        self.asked += 1
        self._give_up = time.monotonic() + self._limits.wall_s
        try:
            self._send(wire.pack_request(len(data), exact=exact), data)
            return self._answer(exact=exact)
        except BlockingIOError:
            reason = f"decoding took longer than {self._limits.wall_s:g} seconds"
            return Undecodable(Obstacle.TOO_SLOW, reason)
        except wire.Forged as error:
            return Undecodable(Obstacle.CRASHED, f"the decoder was taken over: {error}")
        except (EOFError, ConnectionError):
            return self._fate()

    def _answer(self, *, exact: bool) -> Decoded | Undecodable:
        head = bytearray(wire.ANSWER_BYTES)
        self._fill(memoryview(head))
        answer = wire.unpack_answer(bytes(head), self._limits, exact=exact)
        if not isinstance(answer, wire.Pictures):
            obstacle, length = answer
            detail = bytearray(length)
            self._fill(memoryview(detail))
            return Undecodable(Obstacle(obstacle), wire.printable(bytes(detail)))
        planes = tuple(self._plane(shape) for shape in answer.shapes)
        return Decoded(answer.format, answer.frames, planes)

    def _plane(self, shape: wire.Shape) -> Plane:
        size = (shape.height, shape.width) + ((3,) if shape.channels == 3 else ())
        pixels = np.empty(size, np.uint8)
        self._fill(pixels.data.cast("B"))
        return Plane(shape.name, pixels, shape.native_height, shape.native_width)

    def _send(self, header: bytes, data: bytes) -> None:
        left = [memoryview(header), memoryview(data)]
        while left:
            self._hurry(socket.SO_SNDTIMEO)
            sent = self._link.sendmsg(left)
            while left and sent >= len(left[0]):
                sent -= len(left.pop(0))
            if left:
                left[0] = left[0][sent:]

    def _fill(self, buffer: memoryview) -> None:
        while buffer:
            self._hurry(socket.SO_RCVTIMEO)
            received = self._link.recv_into(buffer, 0, socket.MSG_WAITALL)
            if not received:
                raise EOFError
            buffer = buffer[received:]

    def _hurry(self, direction: int) -> None:
        """Let the kernel end the next call at the deadline; it then raises BlockingIOError."""
        left_us = int((self._give_up - time.monotonic()) * 1e6)
        if left_us <= 0:
            raise BlockingIOError
        timeval = struct.pack("@ll", *divmod(left_us, 1_000_000))
        self._link.setsockopt(socket.SOL_SOCKET, direction, timeval)

    def _fate(self) -> Undecodable:
        """How a child ended that hung up without an answer. Raises ZygoteDied."""
        words = select.poll()
        words.register(self._epitaph, select.POLLIN)
        if not words.poll(_EPITAPH_S * 1000):
            return Undecodable(Obstacle.CRASHED, "the decoder hung up and lived on")
        epitaph = os.read(self._epitaph, 1)
        if not epitaph:
            raise ZygoteDied
        return self._verdict(epitaph[0])

    def _verdict(self, epitaph: int) -> Undecodable:
        died_by = epitaph - wire.SIGNALS_FROM
        if died_by == signal.SIGXCPU:
            spent = f"decoding took more than {self._limits.cpu_s} seconds of computing"
            return Undecodable(Obstacle.TOO_SLOW, spent)
        if died_by == signal.SIGKILL:
            return Undecodable(Obstacle.TOO_MUCH_MEMORY, "the decoder was killed by the system")
        if epitaph == wire.OUT_OF_MEMORY:
            return Undecodable(Obstacle.TOO_MUCH_MEMORY, "the decoder could not hold the file")
        if died_by == signal.SIGSYS:
            return Undecodable(Obstacle.CRASHED, "the decoder tried what it must not do")
        if died_by > 0:
            return Undecodable(Obstacle.CRASHED, f"the decoder died of {_name(died_by)}")
        return Undecodable(Obstacle.CRASHED, f"the decoder left without an answer ({epitaph})")


def _name(number: int) -> str:
    return next((each.name for each in signal.Signals if each == number), f"signal {number}")
