import functools
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from media import animated, encoded, gif, png, quarters
from tocsin.decoding import image, nursery
from tocsin.decoding.base import Decoder, Limits
from tocsin.decoding.connection import Connection
from tocsin.decoding.nursery import Headcount
from tocsin.decoding.samples import SAMPLES
from tocsin.decoding.sandbox import REQUIRED, Sandbox
from tocsin.decoding.wire import FORMATS
from tocsin.errors import ConfigurationError, Unavailable
from tocsin.model import Decoded, Obstacle, Undecodable
from waiting import WAIT_S, wait_until

JPEG = encoded(quarters(640, 480), "JPEG")
HUNG = b"tocsin test: hang"


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(children=3) as one:
        yield one


def descendants(parent: int) -> list[int]:
    """The living children of a process and theirs; zombies count."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, rest = entry.read_text().split(" (", 1)
        except OSError:
            continue
        if int(rest.rsplit(") ", 1)[1].split()[1]) == parent:
            found += [int(pid), *descendants(int(pid))]
    return found


def state_of(process: int) -> str:
    """The letter that ps shows, or "gone"."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(") ", 1)[1][0]
    except OSError:
        return "gone"


def zygote_of(sandbox: Sandbox) -> int:
    return sandbox._nursery._process.pid


def tell(processes: list[int], number: signal.Signals) -> None:
    for pid in processes:
        os.kill(pid, number)


def descriptors_of(process: int) -> int:
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("exact", [False, True])
def test_a_child_reads_what_this_process_would_read(sandbox, form, exact):
    if form == "heic":
        pytest.importorskip("pi_heif")
    decoded = sandbox.decode(SAMPLES[form], exact=exact)
    expected = image.read(SAMPLES[form], Limits(), exact=exact)
    assert isinstance(decoded, Decoded)
    assert (decoded.format, decoded.frames) == (form, expected.frames)
    assert [plane.pixels.tobytes() for plane in decoded.planes] == list(expected.pixels)


def test_planes_are_arrays_of_bytes_with_their_native_size(sandbox):
    plane = sandbox.decode(encoded(quarters(2048, 1024), "JPEG")).planes[0]
    assert plane.pixels.dtype == np.uint8
    assert plane.pixels.shape == (512, 1024)
    assert (plane.native_height, plane.native_width) == (1024, 2048)


def test_a_sandbox_is_a_decoder(sandbox):
    decoder: Decoder = sandbox
    assert isinstance(decoder.decode(JPEG, exact=True), Decoded)


@pytest.mark.parametrize(
    ("data", "obstacle"),
    [
        (b"", Obstacle.EMPTY),
        (b"%!PS-Adobe-3.0", Obstacle.UNKNOWN_FORMAT),
        (JPEG[:-100], Obstacle.BROKEN),
        (png(65_535, 65_535), Obstacle.TOO_MANY_PIXELS),
    ],
)
def test_what_cannot_be_read_is_undecodable_with_its_reason(sandbox, data, obstacle):
    answer = sandbox.decode(data)
    assert isinstance(answer, Undecodable)
    assert answer.obstacle is obstacle
    assert answer.detail


def test_a_large_file_is_refused_before_a_child_sees_it():
    with Sandbox(Limits(file_bytes=1_000), children=1) as sandbox:
        assert sandbox.decode(JPEG).obstacle is Obstacle.TOO_LARGE


def test_too_little_memory_is_a_reason():
    data = encoded(quarters(5_000, 5_000), "PNG")
    with Sandbox(Limits(memory_bytes=150 << 20), children=1) as sandbox:
        assert sandbox.decode(data, exact=True).obstacle is Obstacle.TOO_MUCH_MEMORY


def test_computing_for_too_long_is_a_reason():
    with Sandbox(Limits(cpu_s=1), children=1) as sandbox:
        assert sandbox.decode(_progressive_bomb()).obstacle is Obstacle.TOO_SLOW


def test_waiting_for_too_long_is_a_reason_and_the_child_is_gone():
    with Sandbox(Limits(wall_s=0.3), children=1) as sandbox:
        wait_until(lambda: descendants(zygote_of(sandbox)))
        child = descendants(zygote_of(sandbox))
        assert sandbox.decode(_progressive_bomb()).obstacle is Obstacle.TOO_SLOW
        wait_until(lambda: not set(child) & set(descendants(zygote_of(sandbox))))


@functools.cache
def _progressive_bomb() -> bytes:
    """A JPEG whose last scan comes four hundred times: each is a pass over every pixel."""
    whole = encoded(quarters(4_000, 4_000, "L"), "JPEG", progressive=True)
    scans = [at for at in range(len(whole)) if whole[at : at + 2] == b"\xff\xda"]
    return whole[:-2] + whole[scans[-1] : -2] * 400 + b"\xff\xd9"


def test_a_killed_child_is_a_crash_or_an_eviction_and_the_next_file_is_read(sandbox):
    tell(descendants(zygote_of(sandbox)), signal.SIGSEGV)
    answers = [sandbox.decode(JPEG) for _ in range(6)]
    assert isinstance(answers[-1], Decoded)
    assert {one.obstacle for one in answers if isinstance(one, Undecodable)} <= {Obstacle.CRASHED}


def test_a_killed_zygote_is_started_again_and_the_file_is_read():
    with Sandbox(children=2) as sandbox:
        first = zygote_of(sandbox)
        family = [first, *descendants(first)]
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: all(state_of(pid) in ("gone", "Z") for pid in family))
        assert isinstance(sandbox.decode(JPEG), Decoded)
        assert zygote_of(sandbox) != first


def test_a_zygote_that_dies_during_a_file_costs_nothing():
    patient = Limits(cpu_s=60, wall_s=WAIT_S)
    with Sandbox(patient, children=2) as sandbox, ThreadPoolExecutor(1) as pool:
        slow = pool.submit(sandbox.decode, encoded(quarters(7_000, 7_000), "PNG"))
        os.kill(zygote_of(sandbox), signal.SIGKILL)
        assert isinstance(slow.result(2 * WAIT_S), Decoded)


def test_many_threads_share_few_children(sandbox):
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(sandbox.decode, [JPEG, animated("GIF", 3), b"no"] * 20))
    assert [isinstance(one, Decoded) for one in answers] == [True, True, False] * 20


def test_a_node_that_is_too_busy_says_so(monkeypatch):
    limits = Limits(cpu_s=60, wall_s=WAIT_S)
    with Sandbox(limits, children=1) as sandbox, ThreadPoolExecutor(1) as pool:
        pool.submit(sandbox.decode, _progressive_bomb())
        wait_until(lambda: sandbox.headcount().busy == 1)
        monkeypatch.setattr(sandbox._nursery, "_limits", replace(limits, queue_s=0.2))
        with pytest.raises(Unavailable):
            sandbox.decode(JPEG)
        assert sandbox.outcomes()["unavailable"] == 1
        sandbox.close()  # Nobody waits for the slow one.


def test_a_heic_file_is_read_although_every_child_has_had_a_file():
    pytest.importorskip("pi_heif")
    with Sandbox(children=1) as sandbox:
        for data in (JPEG, SAMPLES["heic"], JPEG, SAMPLES["heic"]):
            assert isinstance(sandbox.decode(data), Decoded)


@pytest.mark.parametrize(
    ("files_per_child", "data", "children"),
    [
        pytest.param(1, JPEG, 6, id="one file each"),
        pytest.param(3, JPEG, 2, id="three files each"),
        pytest.param(100, b"\xff\xd8\xff\xe0", 6, id="broken"),
        pytest.param(100, gif(3), 6, id="animated"),
        pytest.param(100, encoded(quarters(2_100, 2_100), "JPEG"), 6, id="large"),
    ],
)
def test_a_child_has_a_few_plain_pictures_or_one_file(monkeypatch, files_per_child, data, children):
    taken = []
    monkeypatch.setattr(
        nursery, "Connection", lambda *handed: taken.append(handed) or Connection(*handed)
    )
    with Sandbox(children=1, files_per_child=files_per_child) as sandbox:
        for _ in range(6):
            sandbox.decode(data)
    assert len(taken) == children


def test_every_wall_is_reported(sandbox):
    names = [wall.name for wall in sandbox.walls()]
    assert names == [
        "namespaces",
        "unprivileged",
        "no_new_privs",
        "landlock",
        "rlimits",
        "seccomp",
    ]
    assert all(wall.detail for wall in sandbox.walls())


def test_nothing_is_decoded_without_a_wall_that_is_required(sandbox, monkeypatch):
    fallen = tuple(replace(wall, stands=wall.name != "seccomp") for wall in sandbox.walls())
    monkeypatch.setattr(sandbox._nursery, "walls", fallen)
    answer = sandbox.decode(JPEG)
    assert answer.obstacle is Obstacle.NO_SANDBOX
    assert "seccomp" in answer.detail


def test_a_wall_may_be_given_up_on_purpose(sandbox, monkeypatch):
    fallen = tuple(replace(wall, stands=False) for wall in sandbox.walls())
    monkeypatch.setattr(sandbox._nursery, "walls", fallen)
    monkeypatch.setattr(sandbox, "_required", frozenset())
    assert isinstance(sandbox.decode(JPEG), Decoded)


def test_a_wall_that_does_not_exist_cannot_be_required():
    with pytest.raises(ConfigurationError, match="firewall"):
        Sandbox(refuse_without=REQUIRED | {"firewall"})


def test_a_sandbox_that_does_not_start_decodes_nothing(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/no/python")
    with Sandbox() as sandbox:
        assert sandbox.decode(JPEG).obstacle is Obstacle.NO_SANDBOX
        assert not any(wall.stands for wall in sandbox.walls())


def test_children_that_cannot_put_up_their_walls_read_nothing(tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text("""
from tocsin.decoding import child
def no_walls(connection): raise OSError("no walls today")
child._settle = no_walls
""")
    monkeypatch.syspath_prepend(tmp_path)
    with Sandbox(children=1) as sandbox:
        assert sandbox.decode(JPEG).obstacle is Obstacle.NO_SANDBOX


def test_a_closed_sandbox_decodes_nothing():
    sandbox = Sandbox(children=1)
    sandbox.close()
    sandbox.close()
    assert sandbox.decode(JPEG).obstacle is Obstacle.NO_SANDBOX


COUNTING = """
import gc, json, os
from pathlib import Path
from media import animated
from tocsin.decoding.samples import SAMPLES
from tocsin.decoding.sandbox import Sandbox

def held():
    gc.collect()
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return children, len(os.listdir("/proc/self/fd"))
"""


def counted(script: str) -> list[object]:
    """Count in a process of its own: that of the tests has other threads, files and children."""
    ran = subprocess.run(
        [sys.executable, "-c", COUNTING + script],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(ran.stdout)


def test_closing_leaves_no_process_and_no_descriptor():
    before, after = counted("""
before = held()
for _ in range(3):
    with Sandbox(children=3) as sandbox:
        sandbox.decode(SAMPLES["jpeg"])
        sandbox.decode(b"\\xff\\xd8\\xff\\xe0")
    del sandbox
print(json.dumps([before, held()]))
""")
    assert after == before


def test_a_hundred_files_leave_no_descriptor():
    before, after = counted("""
with Sandbox(children=3) as sandbox:
    sandbox.decode(SAMPLES["jpeg"])
    before = held()
    files = [SAMPLES["jpeg"], b"\\xff\\xd8\\xff\\xe0", animated("GIF", 2), SAMPLES["png"]]
    for data in files * 25:
        sandbox.decode(data)
    print(json.dumps([before[1], held()[1]]))
""")
    assert abs(after - before) <= 3


def test_a_hundred_files_leave_no_zombie(sandbox):
    for data in [JPEG, b"\xff\xd8\xff\xe0", animated("GIF", 2), SAMPLES["png"]] * 25:
        sandbox.decode(data)
    wait_until(lambda: len(descendants(zygote_of(sandbox))) == 3)


def test_when_the_node_dies_everything_dies():
    script = """
import os, sys
from tocsin.decoding.sandbox import Sandbox
sandbox = Sandbox(children=3)
print(sandbox._nursery._process.pid, flush=True)
sys.stdin.read()
"""
    node = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    zygote = int(node.stdout.readline())
    wait_until(lambda: len(descendants(zygote)) == 3)
    family = [zygote, *descendants(zygote)]
    node.kill()
    node.communicate()
    wait_until(lambda: all(state_of(pid) in ("gone", "Z") for pid in family))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may look into a child")
def test_children_see_no_secret_and_no_other_descriptor(monkeypatch):
    monkeypatch.setenv("TOCSIN_SECRET", "hunter2")
    with Sandbox(children=1) as sandbox:
        wait_until(lambda: descendants(zygote_of(sandbox)))
        for pid in [zygote_of(sandbox), *descendants(zygote_of(sandbox))]:
            names = Path(f"/proc/{pid}/environ").read_bytes()
            assert b"hunter2" not in names
        child = descendants(zygote_of(sandbox))[0]
        wait_until(lambda: descriptors_of(child) == 3)


def test_it_works_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "PIL.py").write_text("raise SystemExit('not this one')")
    with Sandbox(children=1) as sandbox:
        assert isinstance(sandbox.decode(JPEG), Decoded)


def test_children_are_counted_while_they_work_and_while_they_wait():
    with Sandbox(children=2) as one:
        wait_until(lambda: one.headcount() == Headcount(busy=0, ready=2))
        children = descendants(zygote_of(one))
        tell(children, signal.SIGSTOP)
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(one.decode, JPEG)
            wait_until(lambda: one.headcount().busy == 1)
            tell(children, signal.SIGCONT)
            assert isinstance(answer.result(), Decoded)
        assert one.headcount().busy == 0
    assert one.headcount() == Headcount(0, 0)


def test_files_are_counted_by_what_became_of_them(sandbox):
    before = sandbox.outcomes()
    for content in (JPEG, JPEG[:300], b"no picture"):
        sandbox.decode(content)
    after = sandbox.outcomes()
    grown = {name: after[name] - before[name] for name in after if after[name] > before[name]}
    assert grown == {"decoded": 1, "broken": 1, "unknown_format": 1}
