"""Who reads a content. Authorisation sits on the object, not on the way by which it is fetched."""

from tocsin.entries.parties import Role
from tocsin.entries.register import Register
from tocsin.entries.statements import GroupSaid, Statement

_ALSO = "+"
"""Joins an audience and members who read it as well; no name contains it."""


def audience_of(statement: Statement, before: Register) -> str:
    """Return for whom a statement is, as it is stored beside its content.

    What a group's members are is also for those who were in it before, or they would never learn
    that they are no longer.
    """
    if not isinstance(statement, GroupSaid):
        return statement.audience
    group = before.groups.get(statement.audience)
    former = () if group is None else sorted(group.members - set(statement.members))
    return f"{statement.audience}{_ALSO}{','.join(former)}"


def may_read(register: Register, audience: str, member: str | None) -> bool:
    """Whether a member (None: anybody) reads what is stored for an audience."""
    name, of_group, former = audience.partition(_ALSO)
    if register.may_read(name, member):
        return True
    found = register.members.get(member or "")
    if not of_group or found is None or not found.active:
        return False
    return found.id in former.split(",") or Role.OPERATOR in found.roles
