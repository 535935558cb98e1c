"""What to do next about what an exchange refused, by its stable code.

An exchange says why; what a person at this command line does about it is ours to say. Codes that
are not here keep the advice of their error.
"""

_INCIDENTS = "`tocsin incident show EXCHANGE` lists them, with when each ends."

ADVICE = {
    "no_invitation": "Copy the whole link, or ask the operator for another invitation.",
    "invitation_expired": "Ask the operator for another invitation.",
    "invitation_used": "If it was you, follow with the same `--name` and `--data` as then; if not, "
    "tell the operator.",
    "revoked_key": "Ask the operator why; who has no key left joins anew, under another id.",
    "unknown_key": "Ask the operator whether you are a member still.",
    "suspended": "Ask the operator why, and until when.",
    "not_permitted": "Ask the operator for the role; `tocsin exchange roles` gives it.",
    "own_item": "If it is wrong, take it back with `tocsin retract`.",
    "own_request": "Another member has to: `tocsin approve EXCHANGE` shows it what waits.",
    "no_request": "`tocsin approve EXCHANGE` shows what waits.",
    "no_incident": _INCIDENTS,
    "not_open": _INCIDENTS,
    "wrong_audience": "Name `members`, `public`, or a group that you are in.",
    "daily_cap": "Go on tomorrow (UTC), or ask the operator for another rule.",
    "bad_end": "Name a nearer end.",
    "no_subject": "`tocsin lists show LIST` has the numbers of entries, as source id.",
    "not_own": "Who issued it can. That an item is wrong is said by `tocsin opine … dispute`.",
    "needed": "Only items and opinions can be erased.",
    "no_member": "`tocsin exchange members` lists them.",
    "bad_group": "`tocsin exchange members` lists who can be in one.",
    "stale_request": "Set the clock of this machine right.",
}
"""By code, one sentence for a person. `docs/exchange.md` has the codes."""
