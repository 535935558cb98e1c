"""The signer's process answers its own user, has no network, and keeps its key to itself."""

import os
import socket
import struct
from contextlib import suppress
from pathlib import Path

import pytest

from logs import ORIGIN, WatchedLog, an_entry, log_in_memory
from tocsin.exchange.checkpoint import Checkpoint
from tocsin.exchange.errors import Absent, Refused, Unavailable
from tocsin.exchange.keys import SigningKey
from tocsin.exchange.log import Log
from tocsin.exchange.merkle import EMPTY_ROOT
from tocsin.exchange.signer import write_key
from tocsin.exchange.signing import SocketSigner, started
from tocsin.exchange.tree import Tree
from waiting import WAIT_S

EMPTY = Checkpoint(ORIGIN, 0, EMPTY_ROOT)
SEVEN = Tree(*log_in_memory(7))


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return SigningKey.generate(ORIGIN)


@pytest.fixture(scope="module")
def running(key, tmp_path_factory):
    folder = tmp_path_factory.mktemp("signer")
    write_key(folder / "key", key)
    try:
        with started(folder / "key", folder / "memory", folder / "socket") as process:
            yield process, folder / "socket"
    except Unavailable:
        pytest.skip("a process cannot leave the network here: allow user namespaces, or be root")


@pytest.fixture
def signer(running, key):
    return SocketSigner(running[1], key.verifier)


def ask(path, message):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(WAIT_S)
        connection.connect(str(path))
        connection.sendall(message)
        connection.shutdown(socket.SHUT_WR)
        return connection.recv(65_536)


def test_the_answers_are_those_of_the_signer_behind_it(signer):
    with pytest.raises(Absent):
        signer.last()
    with pytest.raises(Refused, match="empty tree"):
        signer.sign(SEVEN.head, 0, ())
    signer.sign(EMPTY, 0, ())
    note = signer.sign(SEVEN.head, 0, ())
    assert signer.last() == note


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\0\0",
        struct.pack(">I", 2**31),
        struct.pack(">I", 9) + b"cut",
        struct.pack(">I", 3) + b"old",
        struct.pack(">I", 4) + b"\xff\xfe\n\n",
        struct.pack(">I", 10) + b"old 0\n\n\xff\xff\xff",
    ],
)
def test_a_malformed_question_harms_nobody(signer, running, message):
    assert b"signed" not in ask(running[1], message)
    assert running[0].poll() is None
    signer.last()


def test_the_process_has_no_network(running):
    interfaces = Path(f"/proc/{running[0].pid}/net/dev").read_text().splitlines()[2:]
    assert [line.split(":")[0].strip() for line in interfaces] in ([], ["lo"])
    assert Path(f"/proc/{running[0].pid}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()


def test_only_the_owner_can_reach_the_socket(running):
    assert running[1].stat().st_mode & 0o777 == 0o600


def test_the_key_is_in_no_answer_and_no_open_file(running, signer, key):
    secret = key.secret_text().split("+", 4)[-1].encode()
    assert secret not in signer.last()
    held = []
    for link in Path(f"/proc/{running[0].pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # A connection that ended meanwhile.
            held.append(link.readlink().name)
    assert held
    assert "key" not in held


def test_another_user_gets_no_answer(running):
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    running[1].chmod(0o666)
    for folder in running[1].parents:
        if folder.stat().st_uid == 0 and not folder.stat().st_mode & 0o001:
            folder.chmod(0o755)
    pid = os.fork()
    if pid == 0:
        connected = refused = False
        try:
            os.setuid(65_534)
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(running[1]))
                connected = True
                connection.settimeout(WAIT_S)
                refused = connection.recv(100) == b""
        finally:
            os._exit(0 if connected and refused else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_signer_that_is_not_there_is_unavailable(tmp_path, key):
    with pytest.raises(Unavailable):
        SocketSigner(tmp_path / "nothing", key.verifier).last()


def test_a_key_that_others_can_read_starts_no_signer(tmp_path, key):
    write_key(tmp_path / "key", key)
    (tmp_path / "key").chmod(0o644)
    arguments = (tmp_path / "key", tmp_path / "memory", tmp_path / "socket")
    with pytest.raises(Unavailable, match="come up"), started(*arguments):
        pass


def test_a_log_grows_through_the_socket(watched: WatchedLog, tmp_path):
    watched.key_signer.close()
    with started(tmp_path / "key", tmp_path / "signer", tmp_path / "socket", "--unsafe-network"):
        log = Log(watched.replaced(signer=SocketSigner(tmp_path / "socket", watched.key.verifier)))
        assert watched.append(log, an_entry(0), an_entry(1)) == 0
        assert watched.append(log, an_entry(2)) == 2
        log.close()
