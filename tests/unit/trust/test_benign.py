"""What a member knows to be harmless is not acted upon, and the corpus that says so survives."""

import shutil

import numpy as np
import pytest

from codes import altered
from pictures import luma, plane
from signals import md5, pdq
from tocsin import sample
from tocsin.errors import Damaged
from tocsin.hashing.views import file_views, plane_views
from tocsin.model import Signal, SignalType, View
from tocsin.trust.benign import Benign, BenignCorpus
from tocsin.trust.outcome import Doubtful, Sound


def sha256(number):
    return Signal(SignalType.SHA256, number.to_bytes(32, "big"))


def medium(number, quality=80):
    return [View("file", sha256(number)), View("image 512", pdq(number, quality=quality))]


def near(number, distance):
    code = altered(np.frombuffer(pdq(number).value, np.uint8), distance)
    return Signal(SignalType.PDQ, code.tobytes(), 80)


@pytest.fixture
def corpus(tmp_path):
    with BenignCorpus(tmp_path / "benign", writer=True) as opened:
        list(opened.add(medium(number) for number in range(20)))
        yield opened


@pytest.mark.parametrize(
    ("distance", "outcome"),
    [(0, Benign(0)), (31, Benign(31)), (32, Doubtful), (45, Doubtful), (46, Sound())],
)
def test_a_signal_near_something_harmless_is_vetoed_or_doubted(corpus, distance, outcome):
    (found,) = corpus.check([near(3, distance)])
    assert found == outcome or type(found) is outcome


def test_the_very_file_is_known_and_other_kinds_of_hash_are_not_looked_up(corpus):
    assert corpus.check([sha256(3), sha256(99), md5(3)]) == [Benign(0), Sound(), Sound()]


def test_the_nearest_of_several_decides_and_answers_keep_their_places(corpus):
    list(corpus.add([[View("file", sha256(500)), View("image", near(3, 20))]]))
    found = corpus.check([pdq(777), near(3, 0), near(3, 20), pdq(4)])
    assert found == [Sound(), Benign(0), Benign(0), Benign(0)]


def test_a_copy_of_a_benign_photo_is_recognised_however_it_is_turned(tmp_path):
    image = sample.picture(1, (320, 240))
    views = [*file_views(b"photo"), *plane_views((plane(luma(image)),))]
    with BenignCorpus(tmp_path, writer=True) as corpus:
        list(corpus.add([views]))
        turned = luma(image.rotate(90, expand=True))
        signals = [view.signal for view in plane_views((plane(turned),))]
        assert all(isinstance(one, Benign) for one in corpus.check(signals))


def test_adding_again_adds_nothing_and_progress_says_so(corpus):
    steps = list(corpus.add(medium(number) for number in range(15, 25)))
    assert (steps[-1].media, steps[-1].fresh) == (10, 5)
    assert (len(corpus), corpus.hashes) == (25, 25)


def test_what_is_too_poor_to_match_or_nameless_is_left_out(tmp_path):
    with BenignCorpus(tmp_path, writer=True) as corpus:
        list(corpus.add([medium(1, quality=49), [View("image", pdq(2))]]))
        assert (len(corpus), corpus.hashes) == (1, 0)


def test_the_bound_on_false_matches_is_three_over_the_number_of_media(corpus, tmp_path):
    assert corpus.bound == 3 / 20
    with BenignCorpus(tmp_path / "empty", writer=True) as empty:
        assert empty.bound == 1.0


def test_the_corpus_is_there_after_a_restart_and_for_a_reader_beside_it(corpus, tmp_path):
    with BenignCorpus(tmp_path / "benign", writer=False) as reader:
        assert reader.check([pdq(3)]) == [Benign(0)]
        list(corpus.add([medium(100)]))
        assert reader.check([pdq(100)]) == [Benign(0)]
    corpus.close()
    with BenignCorpus(tmp_path / "benign", writer=True) as again:
        assert len(again) == 21


def test_a_build_that_was_cut_off_between_the_two_indices_is_completed_by_another(tmp_path):
    with BenignCorpus(tmp_path, writer=True) as corpus:
        list(corpus.add([medium(1)]))
    shutil.rmtree(tmp_path / "sha256")
    with BenignCorpus(tmp_path, writer=True) as corpus:
        list(corpus.add([medium(1), medium(2)]))
        assert (len(corpus), corpus.hashes) == (2, 2)


def test_a_corpus_that_lost_its_pictures_says_so_and_answers_nothing(tmp_path):
    with BenignCorpus(tmp_path, writer=True) as corpus:
        list(corpus.add([medium(1)]))
    shutil.rmtree(tmp_path / "pdq")
    with pytest.raises(Damaged, match="lost its pictures"):
        BenignCorpus(tmp_path, writer=True)
