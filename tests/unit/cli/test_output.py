import json

from hypothesis import given
from hypothesis import strategies as st

from tocsin.cli.output import counted, plain, say, say_json, warn


@given(st.text())
def test_plain_text_cannot_steer_a_terminal(text):
    assert all(one.isprintable() or one == "\n" for one in plain(text))


@given(st.text(st.characters(exclude_categories=("C", "Z"))))
def test_plain_text_keeps_what_is_printable(text):
    assert plain(text) == text


def test_a_name_that_is_not_unicode_can_be_shown():
    assert plain("photo-\udcff.jpg") == "photo-\\udcff.jpg"


def test_a_line_for_people_is_escaped(capsys):
    say("a\x1b[31mb")
    assert capsys.readouterr().out == "a\\x1b[31mb\n"


def test_a_json_line_holds_any_name_in_ascii(capsys):
    say_json({"path": "ü\x1b\udcff\n"})
    out = capsys.readouterr().out
    assert out.isascii()
    assert out.count("\n") == 1
    assert json.loads(out)["path"] == "ü\x1b\udcff\n"


def test_a_warning_leaves_stdout_alone(capsys):
    warn("look")
    assert capsys.readouterr() == ("", "tocsin: look\n")


def test_one_is_counted_in_the_singular():
    assert [counted(number, "row") for number in (0, 1, 2000)] == ["0 rows", "1 row", "2,000 rows"]
