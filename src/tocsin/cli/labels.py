"""`tocsin labels`: the vocabulary."""

from tocsin.cli.options import AsJson
from tocsin.cli.output import say_json
from tocsin.cli.tables import show_table
from tocsin.lists.vocabulary import LABELS, VERSION


def labels(as_json: AsJson = False) -> None:
    """List the words that items and lists can be labelled with, and what they mean.

    For example:
      tocsin labels
      tocsin labels --json
    """
    if as_json:
        for word, meaning in LABELS.items():
            say_json({"label": word, "meaning": meaning, "version": VERSION})
    else:
        show_table(("label", "meaning"), LABELS.items())
