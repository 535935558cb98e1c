"""Settings: one frozen object, read once at start; an unknown key or a bad value stops the node.

Sources, strongest first: arguments of the command, environment variables (`TOCSIN_PORT=8000`),
`tocsin.toml` in the data folder, the defaults below. Secrets are read from files, never from the
environment, so that they do not show up in process listings and crash dumps.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from tocsin.errors import ConfigurationError

PREFIX = "TOCSIN_"
FILE_NAME = "tocsin.toml"


class Settings(BaseSettings):
    """All that an operator can set. `docs/operations.md` lists the same names."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", frozen=True, allow_inf_nan=False
    )

    data: Path = Field(Path("tocsin-data"), description="Folder of the database and the indices.")
    database_url: str = Field(
        "", description="PostgreSQL URL; empty means the SQLite file in the data folder."
    )
    host: str = Field("127.0.0.1", description="Address that the API listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port of the API; 0 takes a free one.")
    metrics_host: str = Field("127.0.0.1", description="Address that the metrics listen on.")
    metrics_port: int = Field(
        -1, ge=-1, le=65535, description="Port of the Prometheus metrics; -1 turns them off."
    )
    children: int = Field(4, ge=1, le=64, description="Sandboxed decoders kept ready.")
    files_per_child: int = Field(
        16, ge=1, le=1000, description="Plain pictures that one decoder reads before it dies."
    )
    sandbox: Literal["required", "degraded"] = Field(
        "required",
        description="`required` refuses to decode when a wall is missing; `degraded` decodes "
        "anyway and says so in health.",
    )
    max_upload_bytes: int = Field(
        100 * 2**20, ge=1, description="Largest upload in bytes; larger ones are not inspected."
    )
    max_pixels: int = Field(90_000_000, ge=1, description="Largest picture in pixels.")
    max_decode_s: float = Field(
        10.0, gt=0, le=3600, description="Longest decoding of one file in seconds."
    )
    max_decode_memory_bytes: int = Field(
        2**30, ge=2**26, description="Most memory for decoding one file, in bytes."
    )
    seen_retention_days: float = Field(
        30.0, ge=0, le=3653, description="How long hashes of seen uploads are kept; 0 keeps none."
    )
    record_names: bool = Field(
        False, description="Store the platform's name of an upload in the record of its screening."
    )
    fetch_urls: bool = Field(False, description="Allow screening by address: the node fetches it.")
    rate_per_minute: int = Field(
        600_000, ge=1, description="Requests a minute that one API key may make."
    )
    hma_routes: bool = Field(True, description="Serve the HMA-shaped routes.")
    hma_open: bool = Field(
        False, description="Let the HMA-shaped routes be used without an API key."
    )
    webhook_url: str = Field("", description="Where verdicts other than `allow` are sent.")
    webhook_secret_file: Path | None = Field(
        None, description="File with the webhook's signing secret, `whsec_…` or `whsk_…`."
    )
    webhook_local: bool = Field(
        False, description="Let the webhook go to a private or local address."
    )
    exchange_local: bool = Field(
        False, description="Let exchanges be at private or local addresses, and without https."
    )
    dry_run: bool = Field(False, description="Record actions without carrying them out.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe log line that is written."
    )

    @property
    def store_url(self) -> str:
        """The SQLAlchemy URL of the database in use."""
        if self.database_url:
            return self.database_url.replace("postgresql://", "postgresql+psycopg://", 1)
        return f"sqlite:///{self.data / 'tocsin.db'}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values from `load` alone, which already merged the sources in order."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)


def load(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:  # noqa: ANN401 - checked by Settings
    """Merge the sources into one object. Raises ConfigurationError that names the bad key."""
    environ = os.environ if environ is None else environ
    from_environ = {
        key.removeprefix(PREFIX).lower(): value
        for key, value in environ.items()
        if key.startswith(PREFIX)
    }
    given = {key: value for key, value in overrides.items() if value is not None}
    folder = Path(given.get("data") or from_environ.get("data") or "tocsin-data")
    values = {**_read_file(folder / FILE_NAME), **from_environ, **given}
    try:
        return Settings(**{**values, "data": folder})
    except ValidationError as error:
        raise ConfigurationError(_explain(error)) from error


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error


def _explain(error: ValidationError) -> str:
    lines = []
    for fault in error.errors(include_url=False):
        key = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            lines.append(f"{key} is not a setting")
        else:
            lines.append(f"{key}: {fault['msg']}, not {str(fault['input'])[:80]!r}")
    return "; ".join(lines)
