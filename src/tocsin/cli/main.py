"""The command `tocsin`: the table of all commands, and the one place where errors end.

Only the command that was asked for is imported, so that `tocsin --help` and `tocsin keys` answer
without loading the compiled kernels. Every other one stands in the help by its line in the table.
"""

import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import typer

from tocsin.cli.advice import ADVICE
from tocsin.cli.exits import Exit
from tocsin.cli.kernels import choose_place
from tocsin.cli.options import DEBUG
from tocsin.cli.output import hush, plain
from tocsin.errors import InvalidInput, TocsinError, Unavailable

_COMPLETION = "_TOCSIN_COMPLETE"
_EXAMPLES = "\n\nFor example:\n"
_PYDANTIC = "Value error, "
"""What pydantic puts before our own words, in options and settings."""

_YES = "Answer `y`, or give `--yes` where `--help` names it."
_RIGHTS = "Check the path, whose it is, and that the disk has room."


@dataclass(frozen=True, slots=True)
class Command:
    """Where a command lives ("module:function" below `tocsin.cli`) and its line in the help."""

    target: str
    summary: str

    def load(self) -> Callable[..., Any]:
        """Import the command. The only import in Tocsin that waits until it is needed."""
        module, _, name = self.target.partition(":")
        found: Callable[..., Any] = getattr(importlib.import_module(f"tocsin.cli.{module}"), name)
        return found


GROUPS = {
    "lists": "What we know: lists, the rule each stands for, and their items.",
    "signals": "Look signals up, and take single items off a list or put them back.",
    "trust": "Items of others: where they stand, why, and what you set by hand.",
    "benign": "Media known to be harmless: nothing acts on what comes near them.",
    "keys": "API keys: make, list, revoke.",
    "actions": "Actions that could not be carried out.",
    "exchange": "Run an exchange: make it, serve it, let members in, change who may do what.",
    "incident": "A crisis: two members open it, it ends by itself.",
    "bench": "Measure this machine, beside the best peer, in the same run.",
}

COMMANDS = {
    "serve": Command("serve:serve", "Serve one node: the API, and its metrics."),
    "run": Command("serve:serve", "The same as `serve`."),
    "screen": Command("screen:screen", "Screen files, folders and links against the lists."),
    "hash": Command("hashes:hash_files", "Print every signal of files."),
    "compare": Command("hashes:compare", "Say how far two files or two PDQ hashes are apart."),
    "lists create": Command("lists:create", "Create a list and the rule it stands for."),
    "lists show": Command("lists:show", "Show all lists, or one of them with its items."),
    "lists change": Command("lists:change", "Change the rule of a list."),
    "lists remove": Command("lists:remove", "Remove a list with all its items."),
    "lists enable": Command("lists:enable", "Let a list count again."),
    "lists disable": Command("lists:disable", "Let a list count no longer, without losing it."),
    "lists add": Command("adding:add", "Add an item: files, hashes or links."),
    "lists import": Command("adding:import_list", "Import items from CSV or JSON lines."),
    "lists export": Command("lists:export", "Export the items of a list."),
    "signals search": Command("signals:search", "Find what a hash or a link matches."),
    "signals show": Command("items:show", "Show an item and its signals."),
    "signals remove": Command("items:remove", "Take an item off its list."),
    "signals restore": Command("items:restore", "Put a removed item back."),
    "signals disable": Command("items:disable", "Let an item count no longer."),
    "signals enable": Command("items:enable", "Let an item count again."),
    "signals confirm": Command("trust:confirm", "Say that a match of an item was right."),
    "signals dispute": Command("trust:dispute", "Say that an item of others is wrong."),
    "trust waiting": Command("trust:waiting", "Show items that do not act in full, and why."),
    "trust show": Command("trust:show", "Show where an item stands, on which evidence."),
    "trust pin": Command("trust:pin", "Set the stage of an item by hand."),
    "trust unpin": Command("trust:unpin", "Let the evidence decide again."),
    "trust clear": Command("trust:clear", "Let act again what the flood breaker held back."),
    "trust review": Command("trust:review", "Place items anew on the evidence."),
    "benign add": Command("benign:add", "Add media that are known to be harmless."),
    "benign show": Command("benign:show", "Show how many they are, and what that is worth."),
    "benign check": Command("benign:check", "Say whether an item would come near one of them."),
    "keys create": Command("keys:create", "Create an API key and print its token, once."),
    "keys list": Command("keys:show", "List the API keys."),
    "keys revoke": Command("keys:revoke", "Revoke an API key at once."),
    "lookback": Command("lookback:lookback", "Match uploads of the past against new signals."),
    "events": Command("events:events", "Show what happened, oldest first."),
    "actions list": Command("actions:show", "List the actions that failed for good."),
    "actions retry": Command("actions:retry", "Try a failed action again."),
    "labels": Command("labels:labels", "List the words that items can be labelled with."),
    "exchange init": Command("exchange:init", "Make an exchange and its keys."),
    "exchange serve": Command("exchange_serve:serve", "Serve an exchange."),
    "exchange invite": Command("exchange:invite", "Invite a member: one link, for once."),
    "exchange members": Command("exchange:members", "List the members and their keys."),
    "exchange group": Command("governing:group", "Show the groups, or change who is in one."),
    "exchange roles": Command("governing:roles", "Set the roles of a member."),
    "exchange suspend": Command("governing:suspend", "Suspend a member."),
    "exchange reinstate": Command("governing:reinstate", "Let a suspended member take part again."),
    "exchange remove": Command("governing:remove", "Note that a member has left."),
    "exchange revoke": Command("governing:revoke", "Revoke a member's key, since an entry."),
    "exchange rules": Command("governing:rules", "Show the rules, or ask for others."),
    "exchange erase": Command("governing:erase", "Erase the content of an entry everywhere."),
    "exchange restore": Command("restoring:restore", "Make the log anew from a mirror of it."),
    "exchange fsck": Command("audit:fsck", "Check all of an exchange; 0 only when all verifies."),
    "follow": Command("follow:follow", "Follow an exchange: join, verify, preview, activate."),
    "unfollow": Command("follow:unfollow", "Follow an exchange no more."),
    "sync": Command("sync:sync", "Bring followed exchanges up to date once."),
    "status": Command("status:status", "How it stands with the exchanges that are followed."),
    "publish": Command("publishing:publish", "Tell an exchange's members of known content."),
    "opine": Command("publishing:opine", "Confirm or dispute another member's item."),
    "retract": Command("publishing:retract", "Take back an item of yours."),
    "supersede": Command("publishing:supersede", "Replace an item of yours by a newer one."),
    "erase": Command("publishing:erase", "Have the content of an entry of yours destroyed."),
    "rotate": Command("rotating:rotate", "Change the key with which you sign; revoke the old."),
    "approve": Command("approving:approve", "Show what waits for approval, or agree to it."),
    "incident open": Command("incidents:open_", "Ask for an incident; another member approves."),
    "incident approve": Command("incidents:approve", "Agree to what another member asked for."),
    "incident extend": Command("incidents:extend", "Ask for more time."),
    "incident update": Command("incidents:update", "Add a line to the situation log."),
    "incident close": Command("incidents:close", "End an incident, with figures."),
    "incident decline": Command("incidents:decline", "Record why an event was not activated."),
    "incident show": Command("incidents:show", "Show incidents, or one with its log."),
    "audit": Command("audit:audit_exchange", "Check an exchange from outside with its key alone."),
    "witness": Command("witness:witness", "Watch logs, and cosign what extends all seen."),
    "doctor": Command("doctor:doctor", "Check this node and say what is wrong."),
    "bench match": Command("bench:match", "Exact look-up within a radius, beside FAISS."),
    "bench hash": Command("bench:hash_", "PDQ of a photo, beside pdqhash."),
    "bench freshness": Command("bench:freshness", "From adding a signal to matching it."),
    "bench http": Command("bench:http", "Photos and look-ups over HTTP."),
    "bench sandbox": Command("bench:sandbox", "What the sandbox adds to decoding."),
    "bench append": Command("bench:append", "How fast the exchange's log takes entries."),
    "bench propagate": Command("bench:propagate", "From publishing to matching at all followers."),
    "bench catchup": Command("bench:catchup", "Catching up with a long log, all verified."),
    "demo": Command("demo:demo", "Show it all with sample media, from import to answer."),
}
"""Every command of `tocsin`, in the order of its help."""


def main() -> None:
    """Run `tocsin` with the arguments of this process."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command; return its exit code. Errors end here, as one line and advice on stderr."""
    choose_place()
    try:
        code = _application(arguments)(
            args=_or_help(arguments), prog_name="tocsin", standalone_mode=False
        )
        sys.stdout.flush()
    except typer.TyperException as error:  # The command line itself is wrong.
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "tocsin"
        return _complain(error.format_message(), f"`{path} --help` shows how.", Exit.BAD_INPUT)
    except TocsinError as error:
        return _complain(str(error), ADVICE.get(error.code, error.advice), _code(error))
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except typer.Abort:
        return _complain(
            "stopped at a question that was not answered with yes", _YES, Exit.INTERRUPTED
        )
    except BrokenPipeError:
        hush()
        return Exit.READER_GONE
    except OSError as error:  # A file or folder that no part of Tocsin spoke for.
        reason = ": ".join(str(one) for one in (error.filename, error.strerror) if one)
        return _complain(reason or str(error), _RIGHTS, Exit.UNAVAILABLE)
    except Exception as error:  # noqa: BLE001 - top loop; people get a sentence, not a traceback
        kind = type(error).__name__
        return _complain(
            f"{kind}: {error}", f"{TocsinError.advice} {DEBUG}=1 shows more.", Exit.PROBLEM
        )
    return code if isinstance(code, int) else Exit.OK


def _code(error: TocsinError) -> int:
    if isinstance(error, Unavailable):
        return Exit.UNAVAILABLE
    return Exit.BAD_INPUT if isinstance(error, InvalidInput) else Exit.PROBLEM


def _complain(message: str, advice: str, code: int) -> int:
    if os.environ.get(DEBUG):
        traceback.print_exc()
    said = plain(" ".join(message.replace(_PYDANTIC, "").split()))
    for line in (f"tocsin: {said}", plain(advice)):
        if line:
            sys.stderr.write(line + "\n")
    return code


def _or_help(arguments: Sequence[str]) -> list[str]:
    alone = not arguments or (len(arguments) == 1 and arguments[0] in GROUPS)
    return [*arguments, "--help"] if alone else list(arguments)


def _application(arguments: Sequence[str]) -> typer.Typer:
    """Build the tree of commands, of which only the one in `arguments` is imported."""
    asked = {arguments[0], " ".join(arguments[:2])} if arguments else set()
    everything = _COMPLETION in os.environ
    root = _group("Recognise known terrorist content on upload, decide by policy, record.")
    groups = {name: _group(summary) for name, summary in GROUPS.items()}
    for name, commands in groups.items():
        root.add_typer(commands, name=name)
    for name, command in COMMANDS.items():
        group, _, leaf = name.rpartition(" ")
        function = command.load() if everything or name in asked else _nothing
        text, examples = _documented(function)
        register = (groups[group] if group else root).command(
            leaf, help=text, epilog=examples, short_help=command.summary
        )
        register(function)
    return root


def _group(summary: str) -> typer.Typer:
    return typer.Typer(
        help=summary,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def _documented(function: Callable[..., Any]) -> tuple[str, str]:
    """Split a docstring into the text of the help and its examples, which keep their lines."""
    text, _, examples = (inspect.getdoc(function) or "").partition(_EXAMPLES)
    return text, f"\b\nFor example:\n{examples}" if examples else ""


def _nothing() -> None:
    """Stand in for a command that was not asked for."""


if __name__ == "__main__":
    main()
