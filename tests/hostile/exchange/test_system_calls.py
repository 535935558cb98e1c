"""Each system call of an append fails, or is the last one that the process makes.

strace injects the fault at the n-th call of one kind, for every n until the append runs through. To
run the whole takes long; the method is Tessera's.
"""

import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

WRITING = ("openat", "write", "pwrite64", "fsync", "fdatasync", "link", "rename", "mkdir", "close")
CALLS = (
    *WRITING,
    *("read", "pread64", "unlink", "rmdir", "getdents64", "newfstatat", "fcntl", "flock", "lseek"),
)
KILL = f"signal={int(signal.SIGKILL)}"
FAULTS = [
    *((call, fault) for call in CALLS for fault in ("error=EIO", KILL)),
    *((call, "error=ENOSPC") for call in WRITING),
]
BATCHES = [1, 2, 300]
"""An append within a bundle, one that fills it, one that fills the next."""

MOST = 400
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("strace") is None, reason="no strace here: apt install strace"),
]


def attach(pid: int, trace: Path, *options: str) -> subprocess.Popen:
    """Trace a stopped child and all its threads, then let it go on."""
    command = ["strace", "-f", "-qq", "-o", str(trace), "-p", str(pid), *options]
    strace = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    status = Path(f"/proc/{pid}/status")
    while "TracerPid:\t0\n" in status.read_text():
        if strace.poll() is not None:
            pytest.skip(f"strace may not trace here: {strace.stderr.read().decode().strip()}")
        time.sleep(0.002)
    subprocess.run(["kill", "-CONT", str(pid)], check=True)
    return strace


def run(appenders, folder, *options, batches=BATCHES):
    """Let a child append under strace; return how it ended and what was traced."""
    trace = folder / "trace"
    strace = attach(appenders.start(folder, batches, waits=True), trace, *options)
    code = appenders.end()
    strace.wait(60)
    return code, trace.read_text()


@pytest.mark.parametrize(("call", "fault"), FAULTS)
def test_a_fault_at_every_system_call_loses_and_doubles_nothing(
    appenders, copied, survives, call, fault
):
    """The n-th call in each thread is hit, until one thread after the other has no n-th call."""
    for number in range(1, MOST):
        folder = copied(number)
        inject = f"inject={call}:{fault}:when={number}"
        code, trace = run(appenders, folder, "-e", f"trace={call}", "-e", inject)
        hit = "INJECTED" in trace or code == -signal.SIGKILL
        survives(folder)
        shutil.rmtree(folder)
        if not hit:
            return
    pytest.fail(f"an append makes more than {MOST} calls of {call}")


def test_an_interrupted_or_short_write_is_finished(appenders, copied, survives):
    folder = copied()
    inject = "inject=write,pwrite64,fsync,fdatasync:error=EINTR:when=3+5"
    run(appenders, folder, "-e", "trace=write,pwrite64,fsync,fdatasync", "-e", inject)
    survives(folder)


STEP = re.compile(
    r"(?P<call>fsync|fdatasync|write|pwrite64)\(\d+<(?P<path>[^>]*)>|"
    r'(?P<name>link|rename)\("(?P<old>[^"]*)", "(?P<new>[^"]*)"\)'
)


def steps_of(trace: str, folder: Path) -> list[tuple[str, str, str]]:
    """Read a trace as steps: (call, path, source), paths under the log's folder."""
    found = []
    for match in filter(None, map(STEP.search, trace.splitlines())):
        call = match["call"] or match["name"]
        path = (match["path"] or match["new"]).removeprefix(f"{folder}/")
        found.append((call, path, (match["old"] or "").removeprefix(f"{folder}/")))
    return found


def test_each_step_is_durable_before_the_next_one_begins(appenders, copied):
    folder = copied()
    options = ("-y", "-e", "trace=fsync,fdatasync,write,pwrite64,link,rename")
    steps = steps_of(run(appenders, folder, *options, batches=[1])[1], folder)
    # A file gets its name only after its bytes were synced, and nothing was written since.
    for at, (call, path, source) in enumerate(steps):
        if call in {"link", "rename"}:
            before = [one for one, about, _ in steps[:at] if about == source]
            assert before[-1] == "fsync", path
    # The name of each is synced before the next step of the commit begins.
    order = [
        ("link", "log/staging/"),
        ("fsync", "log/staging"),
        ("pwrite64", "signer/last-signed"),
        ("fdatasync", "signer/last-signed"),
        ("pwrite64", "signer/last-signed"),
        ("fdatasync", "signer/last-signed"),
        ("pwrite64", "lock.db-wal"),
        ("fdatasync", "lock.db-wal"),
        ("link", "log/tile/"),
        ("fsync", "log/tile/"),
        ("rename", "log/checkpoint"),
        ("fsync", "log"),
        ("write", "acknowledged"),
    ]
    remaining = iter(steps[[path.startswith("log/staging/") for _, path, _ in steps].index(True) :])
    for call, path in order:
        assert any(one == call and about.startswith(path) for one, about, _ in remaining), path


def test_the_tracing_sees_what_it_is_asked_to_hit(appenders, copied):
    traced = run(appenders, copied(), "-e", f"trace={','.join(CALLS)}")[1]
    counted = Counter(re.findall(r"^\d+ +(\w+)\(", traced, flags=re.MULTILINE))
    assert {"openat", "write", "pwrite64", "fsync", "fdatasync", "link", "rename"} <= set(counted)
