"""A system call filter (seccomp-BPF) for a child that only computes, assembled here.

Three answers, in the manner that the corpus of hostile files taught: what decoding needs is
allowed; looking for files is answered "permission denied", since libraries probe for fonts,
locales and CPU counts and carry on without; what only an attacker calls ends the process. All
else is answered "not permitted".

Written out rather than taken from libseccomp: the program is some 240 instructions, and a wall is
better read here than depended on. Sources: seccomp(2), linux/filter.h, and asm/unistd_64.h and
asm-generic/unistd.h of Linux for the numbers.
"""

import ctypes
import errno
import platform
import struct

from tocsin.decoding import calls, kernel

_AUDIT_ARCH = (0xC000003E, 0xC00000B7)

_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_KILL = 0x80000000

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCH_AT = 0, 4
_X32_BIT = 0x40000000
"""x86_64 kernels accept a second numbering of their calls; the filter must not overlook it."""

_PROT_EXEC = 4
_CLONE_THREAD = 0x10000

_SECCOMP_MODE_FILTER = 2


def program(machine: str) -> bytes:
    """The filter for a machine as an array of `struct sock_filter`.

    Raises OSError (ENOSYS) for a machine whose numbers are not listed.
    """
    if machine not in calls.MACHINES:
        raise OSError(errno.ENOSYS, f"no system call numbers are known for {machine}")
    column = calls.MACHINES.index(machine)
    code = [_op(_LOAD, _ARCH_AT), _op(_JUMP_EQUAL, _AUDIT_ARCH[column], 1, 0), _return(_KILL)]
    code += [_op(_LOAD, _NUMBER_AT), _op(_JUMP_AT_LEAST, _X32_BIT, 0, 1), _return(_KILL)]
    for numbers, answer in (
        (calls.ALLOWED, _ALLOW),
        (calls.DENIED, _ERRNO | errno.EACCES),
        (calls.FATAL, _KILL),
    ):
        for name in numbers:
            code += _rule(numbers[name][column], [_return(answer)])
    for protecting in (calls.MMAP, calls.MPROTECT):
        code += _rule(protecting[column], _if_bits(2, _PROT_EXEC, _ERRNO | errno.EPERM, _ALLOW))
    # Threads inherit every wall, and the HEIC decoder cannot do without one; a process is fatal.
    code += _rule(calls.CLONE[column], _if_bits(0, _CLONE_THREAD, _ALLOW, _KILL))
    # clone3 hides its flags in memory; without it the C library falls back to clone.
    code += _rule(calls.CLONE3[column], [_return(_ERRNO | errno.ENOSYS)])
    # Its own limits a child may lower; the hard ones bind what it may raise.
    code += _rule(calls.PRLIMIT[column], _if_bits(0, 0xFFFFFFFF, _ERRNO | errno.EPERM, _ALLOW))
    return b"".join([*code, _return(_ERRNO | errno.EPERM)])


class Filter:
    """The filter of this machine in the form the kernel takes. Raises OSError (ENOSYS).

    Built once in the zygote: building it in each child took 0.8 ms.
    """

    def __init__(self) -> None:
        code = program(platform.machine())
        self._code = ctypes.create_string_buffer(code, len(code))
        pointer = ctypes.addressof(self._code)
        self._header = ctypes.create_string_buffer(struct.pack("@HP", len(code) // 8, pointer))

    def confine(self) -> None:
        """Put this process behind the filter, for good. Needs no_new_privs. Raises OSError."""
        kernel.prctl(kernel.PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, self._header)


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _return(answer: int) -> bytes:
    return _op(_RETURN, answer)


def _rule(number: int | None, body: list[bytes]) -> list[bytes]:
    """Run `body`, which returns, for one call; else go on with the number still loaded."""
    if number is None:
        return []
    return [_op(_JUMP_EQUAL, number, 0, len(body)), *body]


def _if_bits(argument: int, bits: int, answer: int, otherwise: int) -> list[bytes]:
    """Answer by whether an argument (its low 32 bits) has any of `bits` set."""
    return [
        _op(_LOAD, 16 + 8 * argument),
        _op(_JUMP_ANY_BIT, bits, 0, 1),
        _return(answer),
        _return(otherwise),
    ]
