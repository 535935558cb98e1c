"""The walls around a decoding child, outermost first, each able to stand alone.

The zygote puts up the first four once, and every child inherits them for nothing; the last two
are the child's own (see `zygote.py`). None can be taken down again, not even by root.
"""

import functools
import os
import resource
import time
from collections.abc import Callable

from tocsin.decoding import kernel, landlock, seccomp
from tocsin.decoding.base import Limits

NOBODY = 65534

_CLONE_NEWUTS, _CLONE_NEWIPC, _CLONE_NEWUSER, _CLONE_NEWNET = 1 << 26, 1 << 27, 1 << 28, 1 << 30

_CHILD_FILES = 8
_TASKS = 4_096
"""Threads and processes of our user, all told: room for a HEIC decoder's thread, not for a bomb."""


def enter_namespaces() -> str:
    """An empty network, and no shared memory or message queues with anyone. Raises OSError."""
    apart = _CLONE_NEWNET | _CLONE_NEWIPC | _CLONE_NEWUTS
    if os.geteuid() != 0:
        apart |= _CLONE_NEWUSER
    kernel.unshare(apart)
    return "no network device"


def drop_privileges() -> str:
    """Become nobody where we are root, and give up every capability. Raises OSError."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    kernel.drop_capabilities()
    return f"user {os.geteuid()}, no capabilities"


def forbid_new_privileges() -> str:
    """No set-uid program raises us, no debugger of our own user attaches, no core is written."""
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    return "not dumpable"


def limit_resources(limits: Limits) -> str:
    """Cap memory and computing; no file grows, no core, few descriptors."""
    _cap(resource.RLIMIT_AS, limits.memory_bytes)
    _cap(resource.RLIMIT_CPU, limits.cpu_s + 1, _lifetime_s(limits))
    _cap(resource.RLIMIT_FSIZE, 0)
    _cap(resource.RLIMIT_CORE, 0)
    _cap(resource.RLIMIT_NPROC, _TASKS)
    _cap(resource.RLIMIT_MEMLOCK, 0)
    _cap(resource.RLIMIT_NOFILE, _CHILD_FILES)
    return f"{limits.memory_bytes >> 20} MiB, {limits.cpu_s} s of CPU"


def allow_seconds(limits: Limits) -> None:
    """Let this process compute for `cpu_s` more seconds, and up to one in addition.

    An honest decoder dies of it when it hangs. One that was taken over may raise it again, up to
    its lifetime; the node ends that earlier, by the clock on the wall.
    """
    until = int(time.process_time()) + limits.cpu_s + 1
    _cap(resource.RLIMIT_CPU, min(until, _lifetime_s(limits)), _lifetime_s(limits))


def _lifetime_s(limits: Limits) -> int:
    """CPU seconds of a child's whole life: only the last file of several can be a costly one."""
    return 2 * limits.cpu_s + 2


def forbid_threads() -> None:
    """No further thread or process; root is exempt, one more reason to drop privileges."""
    _cap(resource.RLIMIT_NPROC, 0)


def filter_calls() -> str:
    """Let through only the system calls that decoding makes. Raises OSError."""
    forbid_new_privileges()
    call_filter().confine()
    return "allow-list"


@functools.cache
def call_filter() -> seccomp.Filter:
    """The filter of this machine. Raises OSError."""
    return seccomp.Filter()


def close_paths() -> str:
    """An empty Landlock domain. Raises OSError."""
    forbid_new_privileges()
    return landlock.confine()


def plan(limits: Limits) -> dict[str, Callable[[], str]]:
    """Every wall by name, in the order in which they must be put up."""
    return {
        "namespaces": enter_namespaces,
        "unprivileged": drop_privileges,
        "no_new_privs": forbid_new_privileges,
        "landlock": close_paths,
        "rlimits": lambda: limit_resources(limits),
        "seccomp": filter_calls,
    }


INHERITED = ("namespaces", "unprivileged", "no_new_privs", "landlock")
"""Put up by the zygote for all its children."""

OWN = ("rlimits", "seccomp")
"""Put up by each child: they would stop the zygote from having children at all."""


def _cap(what: int, soft: int, hard: int | None = None) -> None:
    ceiling = resource.getrlimit(what)[1]
    wanted = soft if hard is None else hard
    if ceiling != resource.RLIM_INFINITY:
        soft, wanted = min(soft, ceiling), min(wanted, ceiling)
    resource.setrlimit(what, (soft, wanted))
