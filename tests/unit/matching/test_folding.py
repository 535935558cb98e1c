"""What a merge folds. Segments are stood in for by what the rule looks at."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from tocsin.matching.folding import chosen, crowded


@dataclass(eq=False)
class Sized:
    """As many rows as a segment has, some of them dead."""

    rows: int
    buried: int = 0

    def __len__(self):
        return self.rows

    @property
    def living(self):
        return self.rows - self.buried


def test_a_large_segment_is_left_alone_by_a_small_merge():
    assert chosen([Sized(1_000_000)], added=8192) == ()


def test_segments_of_about_the_same_size_are_folded():
    small, large = Sized(8192), Sized(1_000_000)
    assert chosen([large, small], added=8192) == (small,)


def test_what_is_due_is_folded_whatever_its_size():
    due, large = Sized(1_000_000), Sized(1_000_000)
    assert chosen([due, large], added=0, due=[due])[0] is due


def test_folding_one_makes_the_next_worth_folding():
    sizes = [Sized(8192), Sized(40_000), Sized(200_000)]
    assert chosen(sizes, added=8192) == tuple(sizes)


def test_a_crowded_segment_is_folded_even_when_nothing_was_added():
    full, crowd = Sized(1_000_000), Sized(1_000_000, buried=300_000)
    assert crowded(crowd)
    assert crowd in chosen([full, crowd], added=0)


def test_a_few_dead_rows_are_not_worth_a_merge():
    assert not crowded(Sized(100, buried=90))
    assert not crowded(Sized(1_000_000, buried=200_000))


@given(st.lists(st.integers(1, 50), max_size=300))
def test_the_number_of_segments_stays_small_however_rows_arrive(arrivals):
    segments = []
    for added in arrivals:
        folded = chosen(segments, added)
        segments = [each for each in segments if each not in folded]
        segments.append(Sized(added + sum(map(len, folded))))
    assert sum(map(len, segments)) == sum(arrivals)
    assert len(segments) <= 2 + sum(arrivals).bit_length() // 2
