import shutil
import sqlite3

import pytest

from tocsin.cli import doctor


@pytest.fixture
def checks(tocsin):
    """What the doctor says, by the name of the check."""
    return lambda: {one["name"]: one for one in tocsin("doctor", "--json").lines[0]["checks"]}


def test_a_node_that_is_well_ends_with_0(tocsin, known):
    answer = tocsin("doctor")
    assert (answer.code, answer.out.splitlines()[-1]) == (0, "all is well")


def test_every_part_is_looked_at(checks, tocsin, known):
    tocsin("lists", "add", known, "--sha256", "ab" * 32)
    names = checks().keys()
    assert {"versions", "kernels", "disk", "database", "wall seccomp", "actions"} <= names
    assert f"index {known}/sha256" in names


def test_a_folder_that_does_not_exist_is_a_problem_and_is_not_made(tocsin, data):
    assert tocsin("doctor").code == 1
    assert not data.exists()


def test_a_full_disk_is_a_problem(tocsin, known, monkeypatch):
    monkeypatch.setattr(doctor, "LEAST_FREE_BYTES", 2**62)
    (report,) = tocsin("doctor", "--json").lines
    assert (report["well"], report["problems"][0].startswith("disk:")) == (False, True)


def test_a_database_that_is_no_database_is_a_problem_and_no_traceback(tocsin, known, data):
    for path in data.glob("tocsin.db*"):
        path.write_bytes(b"no database" * 100)
    answer = tocsin("doctor", "--json")
    assert answer.code == 1
    assert any("database" in problem for problem in answer.lines[0]["problems"])


def test_indices_that_are_lost_are_made_again(tocsin, known, data, checks):
    tocsin("lists", "add", known, "--sha256", "ab" * 32)
    shutil.rmtree(data / "index", ignore_errors=True)
    assert checks()[f"index {known}/sha256"]["well"]


def test_actions_that_failed_for_good_are_a_problem(tocsin, known, data, checks):
    with sqlite3.connect(data / "tocsin.db") as database:
        values = ("a" * 32, "b" * 32, "webhook", "{}", "dead", 1, 0, "refused", 0)
        database.execute(f"INSERT INTO action VALUES ({','.join('?' * len(values))})", values)
    database.close()
    assert not checks()["actions"]["well"]
