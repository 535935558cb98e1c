def test_nothing_new_finds_nothing(tocsin):
    assert tocsin("lookback").out == "0 uploads of the past found\n"


def test_an_upload_of_the_past_is_found_once(tocsin, known, media):
    tocsin("screen", media.altered[0])
    tocsin("lists", "add", known, media.known[0])
    (again,) = tocsin("lookback", "--json").lines
    assert again["matched"] == 0
    assert len(tocsin("events", "--tag=upload:lookback:matched", "--json").lines) == 1


def test_all_signals_can_be_looked_at_again(tocsin, known, media):
    tocsin("lists", "add", known, media.known[0])
    tocsin("screen", media.altered[0])
    answer = tocsin("lookback", "--all")
    assert answer.code == 0
