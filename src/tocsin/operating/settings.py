"""`exchange.toml`: what an operator decides about an exchange. docs/exchange.md lists the same."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from tocsin.entries.statements import Line, Name
from tocsin.errors import ConfigurationError
from tocsin.exchange.errors import Malformed
from tocsin.exchange.keys import PublicKey, check_name
from tocsin.exchange.policy import Policy

FILE = "exchange.toml"
NO_WITNESSES = "quorum none\n"
_ADVICE = "docs/exchange.md explains every setting of exchange.toml."


def _origin(text: str) -> str:
    try:
        check_name(text)
    except Malformed as error:
        raise ValueError(str(error)) from error
    return text


def _url(text: str) -> str:
    if not text.startswith(("https://", "http://")) or text.endswith("/"):
        raise ValueError("an address begins with https:// and does not end with a slash")
    return text


def _key(text: str) -> str:
    try:
        PublicKey.parse(text)
    except Malformed as error:
        raise ValueError(str(error)) from error
    return text


def _witnesses(text: str) -> str:
    try:
        Policy.parse(text.encode())
    except Malformed as error:
        raise ValueError(str(error)) from error
    return text


class Settings(BaseModel):
    """The settings of one exchange; the first four never change once it has members."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    origin: Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_origin)]
    """The log's name, such as exchange.example/log: an identity, not an address."""
    url: Annotated[str, AfterValidator(_url)]
    """Where members reach it, without a slash at the end."""
    key: Annotated[str, AfterValidator(_key)]
    """The log's public key, as members pin it."""
    operator: Name = "operator"
    """The operator's id as a member."""
    operator_name: Line = ""
    """The operator's name for people."""
    lock_url: str = ""
    """Database of the lock record; empty: `lock.db` in the folder. PostgreSQL for replicas."""
    witnesses: Annotated[str, AfterValidator(_witnesses)] = NO_WITNESSES
    """Whom to ask for cosignatures: witness, group and quorum lines of a C2SP tlog-policy."""
    quorum_within_s: Annotated[int, Field(ge=1, le=86_400)] = 60
    """When the alarm is raised because the quorum has not cosigned the newest entries."""
    unsafe_network: bool = False
    """Let the signer's process keep its network, where a container does not let it go."""
    waiting_entries: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000
    """How many entries may wait for admission before submitters are told to come back."""
    entries_per_call: Annotated[int, Field(ge=1, le=4096)] = 1000
    """How many entries one submission may have."""
    entries_per_day: Annotated[int, Field(ge=1, le=100_000_000)] = 100_000
    """How many entries of any kind a member may make in a day, UTC."""


def check_settings(values: Mapping[str, object]) -> Settings:
    """Read settings. Raises ConfigurationError that names the bad one."""
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError(_explain(error), advice=_ADVICE) from error


def read_settings(path: Path) -> Settings:
    """Read the file. Raises ConfigurationError that names the bad setting."""
    try:
        return check_settings(tomllib.loads(path.read_text()))
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"{path.parent} is not the folder of an exchange",
            advice="`tocsin exchange init` makes one.",
        ) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error


def settings_text(settings: Settings) -> str:
    """Return the file that holds these settings; those at their default are left out."""
    chosen = settings.model_dump(exclude_defaults=True)
    # What JSON writes of strings, integers and truth, TOML reads.
    return "".join(
        f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in chosen.items()
    )


def _explain(error: ValidationError) -> str:
    faults = (
        f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
        for fault in error.errors(include_url=False)
    )
    return "; ".join(faults)
