"""The negative matrix: each wall alone, then all of them, against what an attacker would do.

Tried in a process of its own, since walls are for good and a forking process may have one thread.
"""

import json
import os
import subprocess
import sys

import pytest

from tocsin.decoding import landlock, trial, walls
from tocsin.decoding.base import Limits

SCRIPT = """
import json
from tocsin.decoding import trial, walls
from tocsin.decoding.base import Limits

plan = walls.plan(Limits())

def outcome(deed, confine):
    try:
        return trial.attempt(deed, confine)
    except OSError as error:
        return f"no such wall: {error}"

ways = {name: [wall] for name, wall in plan.items()}
ways |= {"none": [], "all": plan.values(), "all for JPEG": [*plan.values(), walls.forbid_threads]}
print(json.dumps({
    "matrix": {
        way: {deed: outcome(deed, confine) for deed in trial.DEEDS}
        for way, confine in ways.items()
    },
    "report": [[wall.name, wall.stands, wall.detail] for wall in trial.report(Limits())],
}))
"""


@pytest.fixture(scope="module")
def tried():
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=600
    )
    return json.loads(run.stdout)


@pytest.fixture(scope="module")
def matrix(tried):
    return tried["matrix"]


def need(matrix, wall):
    if "no such wall" in matrix[wall]["open"]:
        pytest.skip(matrix[wall]["open"])


@pytest.mark.parametrize(
    ("wall", "deed", "outcome"),
    [
        ("seccomp", "open", trial.REFUSED),
        ("seccomp", "write", trial.REFUSED),
        ("seccomp", "connect", trial.KILLED),
        ("seccomp", "exec", trial.KILLED),
        ("seccomp", "fork", trial.KILLED),
        ("seccomp", "kill", trial.KILLED),
        ("seccomp", "debug", trial.KILLED),
        ("seccomp", "become root", trial.KILLED),
        ("landlock", "open", trial.REFUSED),
        ("landlock", "exec", trial.REFUSED),
        ("landlock", "debug", trial.REFUSED),
        ("rlimits", "write", trial.REFUSED),
        ("rlimits", "take memory", trial.REFUSED),
        ("no_new_privs", "gain privileges", trial.REFUSED),
        ("unprivileged", "become root", trial.REFUSED),
        ("namespaces", "connect", trial.REFUSED),
    ],
)
def test_a_wall_alone_prevents_what_it_is_for(matrix, wall, deed, outcome):
    need(matrix, wall)
    assert matrix[wall][deed] == outcome


@pytest.mark.parametrize(
    ("deed", "since"), [("connect", landlock.NETWORK_SINCE), ("kill", landlock.SCOPES_SINCE)]
)
def test_landlock_closes_more_on_newer_kernels(matrix, deed, since):
    need(matrix, "landlock")
    if landlock.version() < since:
        pytest.skip(f"this kernel has version {landlock.version()}")
    assert matrix["landlock"][deed] == trial.REFUSED


@pytest.mark.parametrize("deed", ["open", "write", "fork", "kill", "thread", "gain privileges"])
def test_without_walls_the_deeds_succeed(matrix, deed):
    assert matrix["none"][deed] == trial.ALLOWED


@pytest.mark.parametrize("deed", sorted(trial.DEEDS))
def test_behind_all_walls_every_deed_fails(matrix, deed):
    assert matrix["all for JPEG"][deed] in (trial.REFUSED, trial.KILLED)


def test_behind_all_walls_only_a_thread_may_be_started(matrix):
    assert [deed for deed, end in matrix["all"].items() if end == trial.ALLOWED] == ["thread"]


def test_the_report_names_every_wall_in_order(tried):
    assert [name for name, _, _ in tried["report"]] == list(walls.plan(Limits()))
    assert {*walls.INHERITED, *walls.OWN} == set(walls.plan(Limits()))


def test_the_report_agrees_with_the_matrix(tried):
    for name, stands, detail in tried["report"]:
        held = all(tried["matrix"][name][deed] != trial.ALLOWED for deed in trial.FORBIDDEN[name])
        assert stands == (held and "no such wall" not in tried["matrix"][name]["open"]), detail


def test_a_wall_that_cannot_be_put_up_is_reported_with_its_reason(tmp_path):
    script = """
from tocsin.decoding import landlock, trial
from tocsin.decoding.base import Limits
landlock.kernel.syscall = lambda *_: (_ for _ in ()).throw(OSError(38, "no"))
print(*(wall.detail for wall in trial.report(Limits()) if not wall.stands), sep="|")
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert os.strerror(38) in run.stdout.split("|")[0]


def test_a_wall_that_does_not_hold_is_reported_with_what_went_through():
    script = """
from tocsin.decoding import seccomp, trial
from tocsin.decoding.base import Limits
seccomp.Filter.confine = lambda self: None
print({wall.name: wall.detail for wall in trial.report(Limits())}["seccomp"])
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.startswith("does not prevent: open")
