import pytest

from tocsin.cli.tables import progress, show_table, verdict_cell
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


def test_progress_is_silent_without_a_terminal(capsys):
    with progress("working", "files") as show:
        show(1, 2)
    assert capsys.readouterr() == ("", "")
