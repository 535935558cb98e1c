"""`tocsin rotate`: a member changes the key with which it signs."""

from tocsin.cli.exchanges import At, open_following
from tocsin.cli.options import AsJson, Data
from tocsin.cli.output import say, say_json
from tocsin.sharing.rotating import Rotated


def rotate(name: At, data: Data = None, as_json: AsJson = False) -> None:
    """Change the key with which this node signs at an exchange, and revoke the old one.

    The old key adds a new one, and the new one revokes the old one from then on: what it signed
    before counts on. If anything comes between, say it again: it goes on where it was. A node that
    serves goes over to the new key by itself.

    This is no remedy for a key that was stolen, as its thief can add keys too: ask the operator to
    revoke it since the first entry that was not yours.

    For example:
      tocsin rotate gifct
    """
    with open_following(data) as following:
        done = following.rotate(name)
    if as_json:
        fields = {"key": done.key, "old": done.old, "entries": done.entries}
        say_json({"exchange": name} | fields | {"resumed": done.resumed})
    else:
        _tell(name, done)


def _tell(name: str, done: Rotated) -> None:
    if done.resumed:
        say("this was begun before, and is finished now")
    say(f"this node signs at {name} with the key {done.key}")
    say(f"entry {done.entries[-1]} revokes the old one, {done.old}")
