import os
import signal
import sqlite3
import subprocess

import pytest

from program import COMMAND, environment, run_apart
from tocsin.lists.importing import BATCH
from waiting import WAIT_S, wait_until

ROWS = BATCH + 2000


@pytest.fixture
def rows(tmp_path):
    """A file of rows, more than one batch."""
    file = tmp_path / "rows.csv"
    file.write_text("type,signal\n" + "".join(f"md5,{number:032x}\n" for number in range(ROWS)))
    return file


@pytest.fixture
def program(tmp_path):
    """Run commands on one data folder, as processes of their own."""

    def call(*arguments):
        return run_apart(*arguments, folder=tmp_path, TOCSIN_DATA=str(tmp_path / "data"))

    assert call("lists", "create", "known").code == 0
    return call


def stored(folder):
    """How many signals are in the database at this moment."""
    with sqlite3.connect(folder / "data" / "tocsin.db") as database:
        (count,) = database.execute("SELECT count(*) FROM signal").fetchone()
    database.close()
    return count


@pytest.fixture
def importing(program, rows, tmp_path):
    """An import that has stored one batch and waits for more of its file."""
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    command = [*COMMAND, "lists", "import", "known", pipe, "--data", tmp_path / "data"]
    with subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True) as process:
        with pipe.open("w") as writing:
            writing.write(rows.read_text())
            writing.flush()
            wait_until(lambda: stored(tmp_path) >= BATCH)
            yield process
        process.kill()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_import_that_was_cut_off_is_run_again_and_adds_the_rest(importing, program, rows, how):
    importing.send_signal(how)
    importing.wait(WAIT_S)
    (report,) = program("lists", "import", "known", rows, "--json").lines
    assert (report["added"], report["known"]) == (ROWS - BATCH, BATCH)


def test_ctrl_c_ends_a_command_with_130_and_no_traceback(importing):
    importing.send_signal(signal.SIGINT)
    assert importing.wait(WAIT_S) == 130
    assert "Traceback" not in importing.stderr.read()


def test_lists_can_be_read_while_an_import_is_under_way(importing, program):
    (shown, *_) = program("lists", "show", "known", "--limit=0", "--json").lines
    assert shown["counts"]["items"] == BATCH
