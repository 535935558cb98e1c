"""The vocabulary of labels: what kind of content an item is, and who made it.

Labels name behaviour, not opinions or persons. The words are versioned: a later version may add
words, never change or drop one, so that an old record keeps its meaning. Behaviour follows the
categories common to the EU's Regulation 2021/784 (article 2(7)) and to GIFCT's taxonomy.
"""

from collections.abc import Iterable

from tocsin.errors import InvalidInput

VERSION = 1

BEHAVIOUR = {
    "incitement": "Calls on people to commit an attack.",
    "recruitment": "Asks people to join or support a listed group.",
    "instruction": "Teaches how to make weapons or carry out an attack.",
    "glorification": "Praises an attack or those who carried it out.",
    "threat": "Threatens to commit an attack.",
    "perpetrator-content": "Made by an attacker: a manifesto, a recording, a live stream.",
    "financing": "Asks for money for a listed group.",
    "hostage": "Shows people held or killed by a listed group.",
    "graphic": "Shows severe violence, whatever its purpose.",
}
"""What the content does."""

PRODUCER = {
    "producer:listed-group": "Made by a group on a published designation list.",
    "producer:supporter": "Made by supporters of a listed group.",
    "producer:attacker": "Made by a person who carried out an attack.",
    "producer:bystander": "Made by a witness or bystander.",
    "producer:news": "Made by a news organisation.",
    "producer:archive": "Kept by an archive, a court or a researcher.",
    "producer:unknown": "Not known.",
}
"""Who made it."""

LABELS = BEHAVIOUR | PRODUCER
"""Every label of this version with its meaning."""


def parse_labels(words: Iterable[str]) -> tuple[str, ...]:
    """Check labels, in the order given, each once. Raises InvalidInput for an unknown one."""
    labels = tuple(dict.fromkeys(word.strip().lower() for word in words if word.strip()))
    unknown = [label for label in labels if label not in LABELS]
    if unknown:
        raise InvalidInput(
            f"{', '.join(unknown)[:200]} is not a label of vocabulary {VERSION}",
            advice=f"Use one of: {', '.join(LABELS)}. Free text belongs in the note.",
        )
    return labels
