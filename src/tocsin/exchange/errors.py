"""The errors that may leave this library, each with what the caller should do next.

They are a tree of their own, because the library imports nothing of tocsin; whoever stands on top
of it translates them in one place.
"""


class ExchangeError(Exception):
    """Base of all errors of the log.

    `advice` says what to do next, in one sentence for a person. `retry` says whether the same call
    may succeed later without change.
    """

    advice = "Please report this with the call that led to it."
    retry = False

    def __init__(self, message: str, *, advice: str = "") -> None:
        super().__init__(message)
        if advice:
            self.advice = advice


class Malformed(ExchangeError):
    """Bytes do not have the form that they must have."""

    advice = "Refuse what was received; its sender must correct it."


class Unverified(ExchangeError):
    """No trusted key vouches for this, or not enough of them."""

    advice = "Treat it as if it had never been received."


class Forged(Unverified):
    """A signature or proof under a trusted name does not verify."""

    advice = "Treat it as an attack or a damaged copy: keep the bytes and tell a person."


class Absent(ExchangeError):
    """The object named is not there."""

    advice = "Check the name; a pruned or never published object stays absent."


class Unavailable(ExchangeError):
    """Storage, network, lock record or signer did not answer, or the disk is full."""

    advice = "Try again in a moment."
    retry = True


class Overloaded(Unavailable):
    """More entries are waiting than the log will hold."""

    advice = "Wait for the answers that are due, then submit again."


class Damaged(ExchangeError):
    """Stored bytes contradict the signed root or each other. Nothing was signed over them."""

    advice = "Run fsck, then restore the files it names from a mirror or a backup."


class Overtaken(ExchangeError):
    """Another writer moved the lock record."""

    advice = "Stop this writer; one log has one writer at a time."


class Refused(ExchangeError):
    """The signer will not sign: this would contradict what it signed before."""

    advice = "Never work around it: find out which history is true, with the witnesses' copies."


class Uncertain(ExchangeError):
    """The entry may or may not be in the log: the commit failed at or after the signature."""

    advice = "Look the entry up in the log once it has recovered, before submitting it again."
    retry = True
