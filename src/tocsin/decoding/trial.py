"""Trying the walls: a child behind one wall does what that wall forbids, and must fail.

A wall that was put up without an error may still not hold (a kernel that ignores a right, a
container that lies), so what counts is the deed.
"""

import _thread
import errno
import os
import resource
import socket
import sys
from collections.abc import Callable, Iterable

from tocsin.decoding import kernel, walls
from tocsin.decoding.base import Limits, Wall

ALLOWED, REFUSED, KILLED = "allowed", "refused", "killed"

FORBIDDEN = {
    "namespaces": ("connect",),
    "unprivileged": ("become root",),
    "no_new_privs": ("gain privileges",),
    "landlock": ("open", "exec"),
    "rlimits": ("write", "take memory"),
    "seccomp": ("open", "connect", "exec", "fork", "kill"),
}
"""What each wall must prevent by itself on every kernel that has it."""

_WENT_THROUGH, _WAS_REFUSED, _NOT_PUT_UP = 0, 1, 2

_DISCARD_PORT = 9


def report(limits: Limits) -> tuple[Wall, ...]:
    """Every wall, put up alone in a child of its own, with what the trial showed.

    Forks: call it from a process with one thread.
    """
    plan = walls.plan(limits)
    trials = {
        name: [_start(deed, plan[name]) for deed in deeds] for name, deeds in FORBIDDEN.items()
    }
    return tuple(_judge(name, trials[name]) for name in plan)


def attempt(deed: str, confine: Iterable[Callable[[], object]]) -> str:
    """What becomes of a deed behind some walls: ALLOWED, REFUSED or KILLED. Forks."""

    def all_walls() -> None:
        for wall in confine:
            wall()

    code = os.waitstatus_to_exitcode(os.waitpid(_start(deed, all_walls), 0)[1])
    if code < 0:
        return KILLED
    if code >= _NOT_PUT_UP:
        raise OSError(code - _NOT_PUT_UP, "a wall could not be put up")
    return ALLOWED if code == _WENT_THROUGH else REFUSED


def _start(deed: str, confine: Callable[[], object]) -> int:
    pid = os.fork()
    if pid == 0:
        os._exit(_try(deed, confine))
    return pid


def _try(deed: str, confine: Callable[[], object]) -> int:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        confine()
    except (OSError, ValueError) as error:
        return _NOT_PUT_UP + (getattr(error, "errno", None) or errno.EINVAL)
    try:
        DEEDS[deed]()
    except (OSError, MemoryError, RuntimeError):
        return _WAS_REFUSED
    return _WENT_THROUGH


def _judge(name: str, trials: list[int]) -> Wall:
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in trials]
    failures = [code - _NOT_PUT_UP for code in codes if code >= _NOT_PUT_UP]
    if failures:
        return Wall(name, stands=False, detail=os.strerror(failures[0]))
    passed = [
        deed for deed, code in zip(FORBIDDEN[name], codes, strict=True) if code == _WENT_THROUGH
    ]
    if passed:
        return Wall(name, stands=False, detail=f"does not prevent: {', '.join(passed)}")
    return Wall(name, stands=True, detail=f"prevents: {', '.join(FORBIDDEN[name])}")


def _open() -> None:
    os.close(os.open("/", os.O_RDONLY))


def _write() -> None:
    os.write(os.memfd_create("trial"), b"x")


def _connect() -> None:
    with socket.socket() as to:
        try:
            to.connect(("127.0.0.1", _DISCARD_PORT))
        except ConnectionRefusedError:
            return  # somebody answered: the network is there


def _exec() -> None:
    os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", "pass"])  # noqa: S606 - the deed itself


def _fork() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _start_thread() -> None:
    _thread.start_new_thread(int, ())


def _kill() -> None:
    os.kill(os.getppid(), 0)


def _debug() -> None:
    kernel.trace(os.getppid())


def _take_memory() -> None:
    ceiling = resource.getrlimit(resource.RLIMIT_AS)[0]
    bytearray(ceiling if ceiling != resource.RLIM_INFINITY else 1 << 30)


def _become_root() -> None:
    os.setuid(0)


def _gain_privileges() -> None:
    if kernel.prctl(kernel.PR_GET_NO_NEW_PRIVS) == 1:
        raise PermissionError("set-uid programs have no effect")


DEEDS: dict[str, Callable[[], None]] = {
    "open": _open,
    "write": _write,
    "connect": _connect,
    "exec": _exec,
    "fork": _fork,
    "thread": _start_thread,
    "kill": _kill,
    "debug": _debug,
    "take memory": _take_memory,
    "become root": _become_root,
    "gain privileges": _gain_privileges,
}
"""What an attacker inside a decoder would do next."""
