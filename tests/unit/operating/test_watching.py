"""A witness's folder holds its key, the logs that it watches, and what it has seen."""

import pytest

from clocks import FakeClock
from logs import ORIGIN, cosigner, log_in_memory, signed
from tocsin.errors import Conflict, InvalidInput, NotFound
from tocsin.exchange.advance import encode_advance
from tocsin.exchange.keys import SigningKey
from tocsin.operating.watching import make_watch, open_watch

LOG = SigningKey.generate(ORIGIN)
NAME = "witness.example/w"


def opened(folder):
    return open_watch(folder, clock=FakeClock())


def test_a_witness_remembers_what_it_has_seen(tmp_path):
    make_watch(tmp_path, NAME, [str(LOG.verifier)])
    body = encode_advance(0, (), signed(log_in_memory(7)[1], LOG, None))
    with opened(tmp_path) as watch:
        assert watch.witness.add_checkpoint(body).status == 200
    with opened(tmp_path) as watch:
        assert watch.witness.add_checkpoint(body).size == 7


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path):
    key = make_watch(tmp_path / "w", NAME, [])
    assert (tmp_path / "w" / "key").stat().st_mode & 0o077 == 0
    with pytest.raises(Conflict):
        make_watch(tmp_path / "w", NAME, [])
    with opened(tmp_path / "w") as watch:
        assert (watch.witness.verifier, watch.origins) == (key, ())


def test_a_log_may_have_two_keys_and_the_file_remarks(tmp_path):
    make_watch(tmp_path, NAME, [])
    new = SigningKey.generate(ORIGIN)
    (tmp_path / "logs").write_text(f"# ours\n\n{LOG.verifier}\n  {new.verifier}\n")
    with opened(tmp_path) as watch:
        assert watch.origins == (ORIGIN,)


def test_a_folder_without_a_witness_says_how_to_make_one(tmp_path):
    with pytest.raises(NotFound) as caught, opened(tmp_path):
        pass
    assert "--name" in caught.value.advice


@pytest.mark.parametrize(
    "line", ["nonsense", str(cosigner("other.example/w").verifier)], ids=["nonsense", "cosigner"]
)
def test_what_is_no_key_of_a_log_is_named_by_its_line(tmp_path, line):
    with pytest.raises(InvalidInput, match="line 1"):
        make_watch(tmp_path / "new", NAME, [line])
    assert not (tmp_path / "new").exists()
    make_watch(tmp_path, NAME, [])
    (tmp_path / "logs").write_text(f"{line}\n")
    with pytest.raises(InvalidInput, match="line 1"), opened(tmp_path):
        pass
