import re
import subprocess
import sys
from pathlib import Path

import pytest

from program import COMMAND, environment, run_apart
from tocsin.cli import main
from tocsin.cli.advice import ADVICE
from tocsin.cli.exits import Exit
from tocsin.cli.main import COMMANDS, GROUPS, run
from tocsin.errors import Conflict, Damaged, InvalidInput, NotFound, Refused, TooLarge, Unavailable

DOCS = Path(__file__).parents[3] / "docs"
MANUAL = DOCS / "cli.md"


@pytest.fixture
def raising(tocsin, monkeypatch):
    """Run a command that ends in this error."""

    def call(error):
        def broken():
            """Break."""
            raise error

        monkeypatch.setattr(main.Command, "load", lambda _: broken)
        return tocsin("labels")

    return call


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_with_an_example_that_names_it(tocsin, name):
    answer = tocsin(*name.split(), "--help")
    command = "serve" if name == "run" else name
    assert answer.code == 0
    assert f"  tocsin {command}" in answer.out.partition("For example:")[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_manual(name):
    assert f"| `tocsin {name}" in MANUAL.read_text()


def test_every_exit_code_is_in_the_manual():
    codes = set(re.findall(r"^\| (\d+) \|", MANUAL.read_text(), flags=re.MULTILINE))
    assert codes == {str(int(one)) for one in Exit}


def test_help_names_every_command(tocsin):
    shown = tocsin().out + "".join(tocsin(group).out for group in GROUPS)
    assert all(f"  {name.split()[-1]} " in shown for name in COMMANDS)


@pytest.mark.parametrize("arguments", [["--help"], ["lists", "--help"], ["keys", "list"]])
def test_light_commands_load_no_compiled_kernels(tmp_path, arguments):
    program = "import sys; from tocsin.cli.main import run; run(sys.argv[1:]); "
    program += "sys.exit('numba' in sys.modules)"
    where = environment(TOCSIN_DATA=str(tmp_path))
    assert subprocess.run([sys.executable, "-c", program, *arguments], env=where).returncode == 0


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidInput("no"), 2),
        (TooLarge("no"), 2),
        (NotFound("no"), 1),
        (Conflict("no"), 1),
        (Refused("no"), 1),
        (Damaged("no"), 1),
        (Unavailable("no"), 5),
        (KeyboardInterrupt(), 130),
        (ZeroDivisionError("no"), 1),
    ],
)
def test_each_kind_of_error_has_its_exit_code(raising, error, code):
    assert raising(error).code == code


def test_an_error_is_one_line_and_its_advice_and_nothing_on_stdout(raising):
    answer = raising(Conflict("somebody\nelse", advice="Look again."))
    assert (answer.out, answer.err) == ("", "tocsin: somebody else\nLook again.\n")


@pytest.mark.parametrize("code", ADVICE)
def test_what_an_exchange_refuses_comes_with_what_a_member_can_do(raising, code):
    specified = (DOCS / "exchange.md").read_text() + (DOCS / "spec/exchange-record.md").read_text()
    assert f"`{code}`" in specified
    assert raising(Refused("no", code=code)).err == f"tocsin: no\n{ADVICE[code]}\n"


def test_a_folder_that_cannot_be_made_is_named_and_nobody_is_told_to_report_it(raising):
    answer = raising(PermissionError(13, "Permission denied", "tocsin-data"))
    assert answer.code == 5
    assert answer.err.startswith("tocsin: tocsin-data: Permission denied\nCheck the path")


def test_what_a_library_puts_before_a_message_is_left_out(tocsin):
    assert "Value error" not in tocsin("keys", "create", "x", "--scope", "nosuch").err
    assert "\\t" not in tocsin("exchange", "erase", "here", "1").err


def test_what_a_message_quotes_cannot_move_the_cursor(raising):
    assert "\x1b" not in raising(NotFound("no file \x1b[2J")).err


def test_people_see_no_traceback_and_developers_may(raising, monkeypatch):
    assert "Traceback" not in raising(ZeroDivisionError("no")).err
    monkeypatch.setenv("TOCSIN_DEBUG", "1")
    assert "Traceback" in raising(ZeroDivisionError("no")).err


@pytest.mark.parametrize(
    "arguments",
    [["nosuch"], ["lists", "nosuch"], ["labels", "--nosuch"], ["screen"], ["events", "--limit=x"]],
)
def test_a_wrong_command_line_ends_with_2_and_says_where_help_is(tocsin, arguments):
    answer = tocsin(*arguments)
    assert (answer.code, answer.out) == (2, "")
    assert "--help` shows how" in answer.err


def test_an_unknown_setting_in_the_environment_is_named(tocsin, monkeypatch):
    monkeypatch.setenv("TOCSIN_PROT", "8000")
    answer = tocsin("keys", "list")
    assert answer.code == 2
    assert "prot is not a setting" in answer.err


def test_a_reader_that_goes_away_ends_the_command_as_in_any_pipe(tmp_path):
    script = f"{' '.join(COMMAND)} labels | true; exit ${{PIPESTATUS[0]}}"
    ran = subprocess.run(["bash", "-c", script], env=environment(), capture_output=True, text=True)
    assert ran.stderr == ""
    assert ran.returncode in {0, 141}  # 0 where all was written before the reader left


def test_the_program_is_the_same_as_its_entry(tmp_path):
    assert run_apart("labels", "--json", folder=tmp_path).lines[0]["label"] == "incitement"


def test_a_command_without_an_exit_code_of_its_own_ends_with_0(capsys):
    assert run(["labels"]) == 0
