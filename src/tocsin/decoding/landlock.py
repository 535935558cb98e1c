"""A Landlock domain that owns nothing: no path, no TCP, no signal or abstract socket outside.

Landlock is the kernel's sandbox for processes without privileges. The ruleset below handles every
right that the running kernel knows and grants none. Source: landlock(7) and linux/landlock.h.
"""

import os
import struct

from tocsin.decoding import kernel

_CREATE_RULESET, _RESTRICT_SELF = 444, 446
"""System call numbers, the same on every machine since they were added after unification."""

_ASK_VERSION = 1

_FILE_RIGHTS = ((1, 13), (2, 14), (3, 15), (5, 16))
"""How many bits of file rights each version knows: 2 adds refer, 3 truncate, 5 ioctl_dev."""

NETWORK_SINCE, SCOPES_SINCE = 4, 6
"""The versions from which TCP, and signals and abstract sockets, can be closed."""


def version() -> int:
    """Which Landlock the kernel has, from 1. Raises OSError where it has none."""
    return kernel.syscall(_CREATE_RULESET, None, 0, _ASK_VERSION)


def confine() -> str:
    """Put this process into the empty domain, for good; says what that closes.

    Needs no_new_privs. Raises OSError.
    """
    abi = version()
    rights = ruleset(abi)
    domain = kernel.syscall(_CREATE_RULESET, rights, len(rights), 0)
    try:
        kernel.syscall(_RESTRICT_SELF, domain, 0, 0)
    finally:
        os.close(domain)
    closed = ["files"]
    closed += ["TCP"] * (abi >= NETWORK_SINCE)
    closed += ["signals", "abstract sockets"] * (abi >= SCOPES_SINCE)
    return f"version {abi}: closes " + ", ".join(closed)


def ruleset(abi: int) -> bytes:
    """The `struct landlock_ruleset_attr` of a version with every right handled."""
    bits = max(count for since, count in _FILE_RIGHTS if since <= abi)
    rights = struct.pack("=Q", (1 << bits) - 1)
    if abi >= NETWORK_SINCE:
        rights += struct.pack("=Q", 0b11)
    if abi >= SCOPES_SINCE:
        rights += struct.pack("=Q", 0b11)
    return rights
