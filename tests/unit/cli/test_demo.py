import os
import pty
import signal
import subprocess
from pathlib import Path

import pytest

from program import COMMAND, environment, run_apart
from tocsin.cli.demo import _usable
from waiting import WAIT_S


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The demo, run twice in one folder without a terminal, and that folder."""
    folder = tmp_path_factory.mktemp("demo")
    return run_apart("demo", folder=folder), run_apart("demo", folder=folder), folder


def test_without_a_terminal_the_demo_ends_by_itself_and_can_be_run_again(runs):
    first, second, _ = runs
    assert (first.code, second.code) == (0, 0)
    assert "4 items added to sample, 0 known already" in first.out
    assert "0 items added to sample, 4 known already" in second.out


def test_every_copy_is_held_and_every_stranger_passes(runs):
    assert all("16 screened: 6 allow, 10 hold" in answer.out for answer in runs[:2])


def test_one_file_is_answered_over_http(runs):
    answer = runs[0].out.partition("POST http://")[2]
    assert "copy-0-reencoded.jpg" in answer
    assert "hold: " in answer


def test_the_line_to_paste_names_the_key_and_a_file_that_is_there(runs):
    _, second, folder = runs
    line = second.out.partition("  curl ")[2].partition("\n  curl ")[0]
    assert next(word for word in second.out.split() if word.startswith("tocsin_")) in line
    assert (folder / Path(line.partition("file=@")[2].split()[0])).is_file()


def test_with_a_terminal_the_demo_serves_until_ctrl_c(tmp_path):
    controller, terminal = pty.openpty()
    command = [*COMMAND, "demo", "--folder", str(tmp_path / "demo")]
    streams = {"stdin": terminal, "stdout": terminal, "stderr": terminal}
    with subprocess.Popen(
        command, **streams, env=environment(TERM="xterm"), start_new_session=True
    ) as demo:
        os.close(terminal)
        shown = _read_until(controller, b"Ctrl-C stops the node.")
        os.killpg(demo.pid, signal.SIGINT)
        shown += _read_until(controller, b"stopped")
        assert demo.wait(WAIT_S) == 0
    assert b"\x1b[" in shown  # Verdicts in colour.
    assert b"Traceback" not in shown


def test_a_folder_that_cannot_be_written_is_replaced(tmp_path):
    (tmp_path / "file").touch()
    assert _usable(tmp_path / "file" / "demo").is_dir()
    assert _usable(tmp_path / "demo") == tmp_path / "demo"


def _read_until(controller: int, words: bytes) -> bytes:
    shown = b""
    while words not in shown:
        try:
            shown += os.read(controller, 4096)
        except OSError:
            pytest.fail(f"the demo ended too early:\n{shown.decode(errors='replace')}")
    return shown
