import errno
import struct

import pytest

from tocsin.decoding import calls
from tocsin.decoding.seccomp import program

ALLOW, KILL = "allow", "kill"
ANSWERS = {
    0x7FFF0000: ALLOW,
    0x80000000: KILL,
    **{0x00050000 | number: name for number, name in errno.errorcode.items()},
}
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
PROT_READ, PROT_WRITE, PROT_EXEC = 1, 2, 4
CLONE_THREAD = 0x10000


def answer(machine: str, number: int, *arguments: int, arch: int | None = None) -> str:
    """What the filter says to a call, by running it as the kernel would."""
    padded = (*arguments, *[0] * (6 - len(arguments)))
    data = struct.pack("=IIQ6Q", number, arch or ARCHITECTURES[machine], 0, *padded)
    code = list(struct.iter_unpack("=HBBI", program(machine)))
    at = accumulator = 0
    while True:
        operation, if_true, if_false, value = code[at]
        at += 1
        if operation == 0x20:
            accumulator = struct.unpack_from("=I", data, value)[0]
        elif operation == 0x06:
            return ANSWERS[value]
        else:
            holds = {
                0x15: accumulator == value,
                0x35: accumulator >= value,
                0x45: bool(accumulator & value),
            }[operation]
            at += if_true if holds else if_false


def listed(numbers: calls.Numbers):
    return [
        (machine, name, number[column])
        for column, machine in enumerate(calls.MACHINES)
        for name, number in numbers.items()
        if number[column] is not None
    ]


@pytest.mark.parametrize(("machine", "name", "number"), listed(calls.ALLOWED))
def test_what_decoding_needs_is_allowed(machine, name, number):
    assert answer(machine, number) == ALLOW


@pytest.mark.parametrize(("machine", "name", "number"), listed(calls.DENIED))
def test_looking_for_files_is_denied(machine, name, number):
    assert answer(machine, number) == "EACCES"


@pytest.mark.parametrize(("machine", "name", "number"), listed(calls.FATAL))
def test_what_only_an_attacker_calls_is_fatal(machine, name, number):
    assert answer(machine, number) == KILL


@pytest.mark.parametrize("machine", calls.MACHINES)
def test_every_other_call_is_not_permitted(machine):
    column = calls.MACHINES.index(machine)
    ruled = {
        one[column]
        for table in (calls.ALLOWED, calls.DENIED, calls.FATAL)
        for one in table.values()
    }
    ruled |= {
        one[column]
        for one in (calls.MMAP, calls.MPROTECT, calls.CLONE, calls.CLONE3, calls.PRLIMIT)
    }
    assert {answer(machine, number) for number in set(range(600)) - ruled} == {"EPERM"}


@pytest.mark.parametrize("machine", calls.MACHINES)
@pytest.mark.parametrize("call", [calls.MMAP, calls.MPROTECT])
def test_memory_never_becomes_executable(machine, call):
    number = call[calls.MACHINES.index(machine)]
    assert answer(machine, number, 0, 4096, PROT_READ | PROT_WRITE) == ALLOW
    assert answer(machine, number, 0, 4096, PROT_READ | PROT_EXEC) == "EPERM"


@pytest.mark.parametrize("machine", calls.MACHINES)
def test_a_thread_may_be_started_and_a_process_not(machine):
    clone, clone3 = (one[calls.MACHINES.index(machine)] for one in (calls.CLONE, calls.CLONE3))
    assert answer(machine, clone, CLONE_THREAD) == ALLOW
    assert answer(machine, clone, 17) == KILL
    assert answer(machine, clone3) == "ENOSYS"


@pytest.mark.parametrize("machine", calls.MACHINES)
def test_the_limits_of_another_process_are_out_of_reach(machine):
    number = calls.PRLIMIT[calls.MACHINES.index(machine)]
    assert answer(machine, number, 0) == ALLOW
    assert answer(machine, number, 1) == "EPERM"


@pytest.mark.parametrize("machine", calls.MACHINES)
def test_calls_in_another_numbering_are_fatal(machine):
    assert answer(machine, 1, arch=0x40000003) == KILL
    assert answer(machine, 0x40000000) == KILL


def test_no_call_is_both_allowed_and_not():
    for column in range(len(calls.MACHINES)):
        numbers = [
            one[column]
            for table in (calls.ALLOWED, calls.DENIED, calls.FATAL)
            for one in table.values()
            if one[column] is not None
        ]
        assert len(numbers) == len(set(numbers))


def test_a_machine_without_numbers_has_no_filter():
    with pytest.raises(OSError, match="riscv64"):
        program("riscv64")
