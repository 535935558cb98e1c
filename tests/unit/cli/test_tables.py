import re

import pytest

from tocsin.cli.tables import progress, show_fields, show_table, verdict_cell
from tocsin.model import Verdict


def test_a_table_for_a_program_is_plain_text_without_frames(capsys):
    show_table(("list", "items>"), [("known", 12)])
    assert capsys.readouterr().out == "list   items\nknown     12\n"


def test_a_table_for_a_program_never_breaks_a_line(capsys):
    show_table(("path",), [("x" * 3000,)])
    assert "x" * 3000 in capsys.readouterr().out


def test_a_name_that_looks_like_markup_is_shown_as_it_is(capsys):
    show_table(("path",), [("[red]photo[/red]\x1b",)])
    assert "[red]photo[/red]\\x1b" in capsys.readouterr().out


def test_what_is_not_there_is_a_dash(capsys):
    show_table(("distance",), [(None,)])
    assert capsys.readouterr().out.splitlines()[1] == "-"


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_has_a_colour(verdict):
    assert verdict_cell(verdict).style


def test_a_terminal_gets_colour(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    show_table(("verdict",), [(verdict_cell(Verdict.REFUSE),)])
    assert "\x1b[" in capsys.readouterr().out


@pytest.fixture
def terminal(monkeypatch, capsys):
    """Print a table on a terminal of so many columns, without its colours."""

    def call(columns, headings, row):
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("COLUMNS", str(columns))
        show_table(headings, [row])
        return re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)

    return call


ROW = ("uploads/a-photo-with-a-long-name.jpg", "hold", "like an item that is in shadow")


def test_a_narrow_terminal_gets_what_does_not_fit_one_below_the_other(terminal):
    shown = terminal(36, ("path", "verdict", "reason"), ROW).splitlines()
    assert shown[0].startswith("path     uploads/")
    assert "verdict  hold" in shown


@pytest.mark.parametrize("columns", [30, 60, 80, 200])
def test_no_heading_is_ever_broken(terminal, columns):
    shown = terminal(columns, ("path", "verdict", "without effect>"), ("x", "hold", 3))
    assert "without effect" in shown
    assert "verdict" in shown


def test_a_hash_is_broken_on_a_narrow_terminal_but_never_cut_short(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    show_fields({"key": "0123456789abcdef" * 4})
    shown = re.sub(r"\x1b\[[0-9;]*m|\s", "", capsys.readouterr().out)
    assert shown == "key" + "0123456789abcdef" * 4


def test_a_table_of_nothing_says_so(capsys):
    show_table(("list", "items>"), [])
    assert capsys.readouterr().out == "none\n"


def test_progress_is_silent_without_a_terminal(capsys):
    with progress("working", "files") as show:
        show(1, 2)
    assert capsys.readouterr() == ("", "")
