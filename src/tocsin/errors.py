"""The errors that may leave Tocsin: a small tree, each leaf with what the caller should do next.

The faces translate them in one place each: `cli/main.py` to an exit code, `web/problems.py` to a
problem+json answer (RFC 9457).
"""


class TocsinError(Exception):
    """Base of all errors that callers may catch.

    `advice` says what to do next, in one sentence for a person. `retry` says whether the same call
    may succeed later without change. `code` is a stable word for programs, where one is promised.
    """

    advice = "Please report this with the command or request that led to it."
    retry = False
    code = ""

    def __init__(self, message: str, *, advice: str = "", code: str = "") -> None:
        super().__init__(message)
        if advice:
            self.advice = advice
        if code:
            self.code = code


class InvalidInput(TocsinError):
    """What was handed in does not have the form it must have."""

    advice = "Correct the value named in the message and try again."


class ConfigurationError(InvalidInput):
    """A setting is unknown, contradicts another, or has a value out of range."""

    advice = "See docs/operations.md for every setting, its type and its default."


class TooLarge(InvalidInput):
    """The input is larger than this node accepts."""

    advice = "Send a smaller input, or raise the limit named in the message."


class UnsafeAddress(InvalidInput):
    """An address that this node will not connect to (private, local, or not http)."""

    advice = "Use a public http or https address."


class NotFound(TocsinError):
    """The thing named does not exist here."""

    advice = "Check the name; `tocsin lists show` and `GET /v1/lists` say what exists."


class Conflict(TocsinError):
    """The change contradicts what is stored, or somebody else was faster."""

    advice = "Read the present state and decide again."


class Refused(TocsinError):
    """The caller is known, or not, and may not do this."""

    advice = "Use an API key with the scope named in the message; `tocsin keys create` makes one."


class Unavailable(TocsinError):
    """Something that is needed does not answer: the database, the sandbox, a full disk."""

    advice = "Try again in a moment; `tocsin doctor` says what is wrong."
    retry = True


class Damaged(TocsinError):
    """Stored data failed its own check. Nothing was answered from it."""

    advice = "Run `tocsin doctor`; indices are rebuilt from the database by themselves."
