"""Signals from their text form in a request."""

from collections.abc import Sequence

from tocsin.errors import InvalidInput
from tocsin.hashing.url import canonical, url_views
from tocsin.model import Signal, SignalType, Unhashable
from tocsin.web.schemas import PdqIn, SignalIn, UrlIn


def read_signals(given: Sequence[SignalIn]) -> tuple[Signal, ...]:
    """Read the signals of one upload or item. Raises InvalidInput."""
    return tuple(
        signal
        for one in given
        for signal in _read(
            SignalType(one.type), one.signal, one.quality if isinstance(one, PdqIn) else None
        )
    )


def read_texts(type: SignalType, texts: Sequence[str]) -> list[tuple[Signal, ...]]:
    """Read one signal for each text. Raises InvalidInput that says which one is wrong."""
    read = []
    for place, text in enumerate(texts):
        try:
            read.append(_read(type, text, None))
        except InvalidInput as error:
            raise InvalidInput(f"signals.{place}: {error}") from error
    return read


def read_item_signals(given: Sequence[SignalIn]) -> tuple[Signal, ...]:
    """Read the signals of an item: a link is listed in its canonical form, and as nothing else."""
    return tuple(
        _listed(one) if isinstance(one, UrlIn) else read_signals([one])[0] for one in given
    )


def _listed(link: UrlIn) -> Signal:
    text = canonical(link.signal)
    if isinstance(text, Unhashable):
        raise InvalidInput(f"not a link: {text.reason}")
    return Signal.parse(SignalType.URL, text)


def _read(type: SignalType, text: str, quality: int | None) -> tuple[Signal, ...]:
    """Read one signal to look up; a link stands for every listed entry that would cover it."""
    if type is not SignalType.URL:
        return (Signal.parse(type, text, quality),)
    hashed = url_views(text)
    if isinstance(hashed, Unhashable):
        raise InvalidInput(f"not a link: {hashed.reason}")
    return tuple(view.signal for view in hashed.views)
