"""The node's reading of what a child says, with children that an attacker has taken over."""

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tocsin.decoding import wire
from tocsin.decoding.base import Limits
from tocsin.decoding.connection import Connection, ZygoteDied
from tocsin.decoding.wire import Pictures, Refusal, Shape
from tocsin.model import Decoded, Obstacle, Undecodable
from waiting import WAIT_S

LIMITS = Limits(wall_s=WAIT_S, pixels=10_000, memory_bytes=1 << 20)
SHAPE = Shape("image", 2, 3, 1, 2, 3)
HEADER = wire.pack_answer(Pictures("png", 1, (SHAPE,)))


class Puppet:
    """A child whose words the test writes, beside a real process that can be killed."""

    def __init__(self, limits: Limits) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        ours, self.link = socket.socketpair()
        heard, self.grave = os.pipe()
        life = os.pidfd_open(self.process.pid)
        self.connection = Connection(ours.detach(), life, heard, limits)

    def say(self, words: bytes, epitaph: bytes | None = None) -> None:
        self.link.sendall(words)
        self.link.shutdown(socket.SHUT_WR)
        if epitaph is not None:
            os.write(self.grave, epitaph)
            os.close(self.grave)

    def ask(self, data: bytes = b"file") -> Decoded | Undecodable:
        return self.connection.ask(data, exact=False)


@pytest.fixture
def puppet(request):
    one = Puppet(getattr(request, "param", LIMITS))
    yield one
    one.connection.close()
    one.process.communicate()
    one.link.close()


def test_planes_are_the_bytes_that_were_sent(puppet):
    puppet.say(HEADER + bytes(range(6)))
    plane = puppet.ask().planes[0]
    assert plane.pixels.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert (plane.name, plane.native_height, plane.native_width) == ("image", 2, 3)


def test_the_child_gets_the_file_and_its_length(puppet):
    puppet.say(HEADER + bytes(6))
    puppet.ask(b"some file")
    header = puppet.link.recv(wire.REQUEST_BYTES)
    assert wire.unpack_request(header) == (9, False)
    assert puppet.link.recv(100) == b"some file"


def test_a_refusal_is_undecodable_with_a_harmless_sentence(puppet):
    words = bytearray(wire.pack_answer(Refusal("broken", "it is bad")))
    words[-3:] = b"\x1b[m"
    puppet.say(bytes(words))
    assert puppet.ask() == Undecodable(Obstacle.BROKEN, "it is ?[m")


def test_a_forged_header_is_a_crash(puppet):
    puppet.say(b"\xff" * wire.ANSWER_BYTES)
    answer = puppet.ask()
    assert answer.obstacle is Obstacle.CRASHED
    assert "taken over" in answer.detail


@pytest.mark.parametrize("words", [b"", HEADER[:50], HEADER, HEADER + b"12345"])
@pytest.mark.parametrize(
    ("epitaph", "obstacle"),
    [
        (wire.SIGNALS_FROM + signal.SIGSEGV, Obstacle.CRASHED),
        (wire.SIGNALS_FROM + signal.SIGSYS, Obstacle.CRASHED),
        (wire.SIGNALS_FROM + signal.SIGXCPU, Obstacle.TOO_SLOW),
        (wire.SIGNALS_FROM + signal.SIGKILL, Obstacle.TOO_MUCH_MEMORY),
        (wire.SIGNALS_FROM + 60, Obstacle.CRASHED),
        (wire.OUT_OF_MEMORY, Obstacle.TOO_MUCH_MEMORY),
        (0, Obstacle.CRASHED),
    ],
)
def test_how_a_child_died_says_what_was_wrong(puppet, words, epitaph, obstacle):
    puppet.say(words, bytes([epitaph]))
    assert puppet.ask().obstacle is obstacle


def test_without_an_epitaph_the_zygote_is_dead(puppet):
    puppet.say(HEADER, epitaph=b"")
    with pytest.raises(ZygoteDied):
        puppet.ask()


def test_a_child_that_hangs_up_and_lives_on_is_a_crash(puppet):
    puppet.say(b"")
    assert puppet.ask().obstacle is Obstacle.CRASHED


@pytest.mark.parametrize("puppet", [Limits(wall_s=0.2)], indirect=True)
@pytest.mark.parametrize("words", [b"", HEADER[:9], HEADER + b"1"])
def test_a_child_that_says_too_little_is_too_slow(puppet, words):
    puppet.link.sendall(words)
    assert puppet.ask().obstacle is Obstacle.TOO_SLOW


@pytest.mark.parametrize("puppet", [Limits(wall_s=0.3)], indirect=True)
def test_a_child_that_drips_cannot_stretch_the_time(puppet):
    def drip() -> None:
        while True:
            puppet.link.send(b"T")
            stopped.wait(0.05)
            if stopped.is_set():
                return

    stopped = threading.Event()
    dripping = threading.Thread(target=drip)
    dripping.start()
    answer = puppet.ask()
    stopped.set()
    dripping.join()
    assert answer.obstacle in (Obstacle.TOO_SLOW, Obstacle.CRASHED)


@pytest.mark.parametrize("puppet", [Limits(wall_s=0.2)], indirect=True)
def test_a_child_that_does_not_read_is_too_slow(puppet):
    assert puppet.ask(bytes(8 << 20)).obstacle is Obstacle.TOO_SLOW


def test_descriptors_that_a_child_sends_along_are_not_taken(puppet, tmp_path):
    with (tmp_path / "sent").open("w") as sent:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("=i", sent.fileno()))]
        puppet.link.sendmsg([HEADER + bytes(6)], rights)
        assert isinstance(puppet.ask(), Decoded)
        # Of all that this process has open, which other threads may be changing.
        held = Path("/proc/self/fd").iterdir()
        assert sum(leads_to(one, sent.name) for one in held) == 1


def leads_to(link: Path, name: str) -> bool:
    try:
        return str(link.readlink()) == name
    except FileNotFoundError:
        return False


def test_closing_kills_the_child(puppet):
    puppet.connection.close()
    assert puppet.process.wait(WAIT_S) == -signal.SIGKILL
    puppet.connection = Puppet(LIMITS).connection
