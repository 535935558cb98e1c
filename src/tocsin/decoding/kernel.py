"""The few system calls that the walls need and Python does not offer, through the C library."""

import ctypes
import os

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38
PR_GET_NO_NEW_PRIVS = 39
"""Options of prctl(2)."""

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.sbrk.argtypes, _LIBC.sbrk.restype = (ctypes.c_ssize_t,), ctypes.c_size_t


def prctl(option: int, *values: "int | ctypes.Array[ctypes.c_char]") -> int:
    """Change or ask a setting of this process. Raises OSError."""
    padded = [*values, *[0] * (4 - len(values))]
    return _checked(_LIBC.prctl(option, *map(_word, padded)))


def syscall(number: int, *values: "int | bytes | None") -> int:
    """A system call by its number. Raises OSError."""
    return _checked(_LIBC.syscall(ctypes.c_long(number), *map(_word, values)))


def unshare(flags: int) -> None:
    """Exchange namespaces for fresh ones. Raises OSError."""
    _checked(_LIBC.unshare(flags))


def drop_capabilities() -> None:
    """capset(2) with the three empty sets, version 3 of its structure. Raises OSError."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    _checked(_LIBC.capset(header, (ctypes.c_uint32 * 6)()))


def trace(pid: int) -> None:
    """Attach to a process as a debugger does, without stopping it. Raises OSError."""
    _checked(_LIBC.ptrace(0x4206, pid, None, None))  # PTRACE_SEIZE


def heap_end() -> int:
    """Where the memory that malloc grows into ends: sbrk(2)."""
    return int(_LIBC.sbrk(0))


def _word(value: "int | bytes | ctypes.Array[ctypes.c_char] | None") -> object:
    return ctypes.c_ulong(value) if isinstance(value, int) else value


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(result)
