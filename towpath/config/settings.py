"""All settings, read once by an entry point and passed down. Temporal's own come from `temporalio.envconfig`.

Each is an environment variable or a line of `.env`, with the prefix `TOWPATH_`, except the two that belong to Claude.
"""

from pathlib import Path
from typing import Literal, TypeVar

from pydantic import AliasChoices, AwareDatetime, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from towpath.config.values import (
    JsonMap,
    LinkedInAccountSettings,
    ProxyUrl,
    Sender,
    Url,
    WordPressAccountSettings,
    XAccountSettings,
    read_keys,
)
from towpath.contracts.core.quota import Limits
from towpath.engine.language.mistakes import words_of
from towpath.temporal.places import EncryptionRule

PREFIX = "TOWPATH_"
MIN_DECISION_KEY = 32
SettingsT = TypeVar("SettingsT", bound="ClientSettings")


class SettingsError(Exception):
    """Settings cannot be used: one line for each, with its name, what is wrong and how to mend it; never its value."""


class ClientSettings(BaseSettings):
    """What everything that talks to Temporal needs: the command line as well as the worker."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        enable_decoding=False,
        extra="ignore",
        frozen=True,
        defer_build=True,  # a command needs one of these classes, and would wait for all
    )

    profile: Literal["local", "production"] = Field(
        default="local",
        description="production lets a worker start with nothing that is for one's own machine (docs/operations.md)",
    )
    customer_salt: SecretStr = Field(
        default=SecretStr("towpath-development"),
        description="secret that turns e-mail addresses into customer keys; the same for every starter",
    )
    encryption_keys: SecretStr | None = Field(
        default=None,
        description="payload encryption: id:key pairs, comma-separated, keys of 32 bytes in base64; the first encrypts",
    )
    encryption: Literal["allow", "require"] = Field(
        default="allow",
        description="require refuses what comes without encryption: starts, signals, updates, results, answers",
    )
    encryption_since: AwareDatetime | None = Field(
        default=None,
        description="with require, for a migration: what came to Temporal before this moment passes without encryption",
    )
    payload_store: str = Field(
        default=".towpath/payloads",
        description="where payloads above 128 KiB are kept: a folder that all workers and starters share, or s3://…",
    )
    artefact_store: str = Field(
        default=".towpath/artefacts",
        description="where contents, logs and reports are kept: a folder that all workers and starters share, or s3://…",
    )
    store_options: JsonMap[SecretStr] = Field(
        default={},
        description="what reaches these stores in a bucket, as JSON: access_key_id, secret_access_key, region, …",
    )
    dataset_store: str = Field(
        default=".towpath/datasets",
        description="where pipelines keep their datasets: a folder that all workers and starters share, or s3://…",
    )
    dataset_store_connection: str | None = Field(
        default=None, description="the entry of TOWPATH_PIPELINE_CONNECTIONS that reaches an s3:// store"
    )
    dataset_compression: Literal["none", "snappy", "zstd"] | None = Field(
        default=None,
        description="of datasets: none, snappy or zstd; unless told, none in a folder (quickest) and zstd in s3://…",
    )
    source_roots: str | None = Field(
        default=None, description="folders below which pipelines may read files, comma-separated"
    )
    destination_roots: str | None = Field(
        default=None, description="folders below which pipelines may write files, comma-separated"
    )
    file_roots: str | None = Field(
        default=None, description="folders of what commands read, write and keep state in, comma-separated; else any"
    )
    pipeline_connections: SecretStr | None = Field(
        default=None,
        description="what pipelines may reach, as JSON: name to a connection with its type, address and secrets; a "
        "starter needs it to profile a source, and to read rows from an s3:// store",
    )
    connections_file: Path = Field(
        default=Path("connections.json"), description="hosts that `http` steps of definitions may reach"
    )
    secrets: JsonMap[SecretStr] = Field(
        default={},
        description="values of `secrets.NAME`, as JSON; a starter needs those of connections that fetch documents",
    )
    incident_folder: Path = Field(
        default=Path("definitions"),
        description="folder of actions/, runbooks/, incident/metrics.yaml and incident/inventory.yaml",
    )
    reviewers_file: Path = Field(default=Path("reviewers.json"), description="who may decide for which team")
    platforms_folder: Path = Field(
        default=Path("definitions/platforms"), description="what platforms take: a data file for each, and a block list"
    )
    team_channels: JsonMap[str] = Field(
        default={
            "compliance-team": "#compliance",
            "compliance-leads": "#compliance-leads",
            "ops-team": "#ops",
            "operations": "#incidents",
            "operations-leads": "#incidents-leads",
            "content-team": "#content",
            "content-leads": "#content-leads",
        },
        description="Slack channel of each team, as JSON",
    )
    event_sinks: JsonMap[Url] = Field(
        default={}, description="where lifecycle events of definitions go, as JSON: name to URL"
    )
    decision_key: SecretStr | None = Field(
        default=None,
        description="signs what people send to runs: at least 32 characters (openssl rand -base64 32), the same for "
        "the workers and for whoever may send; while it is changed, NEW,OLD",
    )
    decision_key_file: Path | None = Field(default=None, description="a file that holds TOWPATH_DECISION_KEY")
    unsigned_decisions: bool = Field(
        default=False,
        description="true lets a worker go without TOWPATH_DECISION_KEY where Temporal is not on this machine: then "
        "whoever reaches Temporal decides as anybody",
    )
    older_python: bool = Field(
        default=False,
        description="true lets a worker run with an older Python than docs/operations.md asks for, where Temporal is "
        "not on this machine: for a distribution that has put the fixes into its own",
    )
    person: str | None = Field(
        default=None,
        max_length=100,
        description="who you are, as in the reviewers file: what a command does, it does in this name",
    )
    alerts_token: SecretStr | None = Field(
        default=None, description="bearer token that Alertmanager sends to `starter.py incident receive`"
    )
    alerts_token_file: Path | None = Field(default=None, description="a file that holds TOWPATH_ALERTS_TOKEN")
    http_proxy: ProxyUrl | None = Field(
        default=None,
        description="proxy for services, platforms, monitoring, Claude, buckets: http://USER:PASSWORD@HOST:PORT",
    )
    http_direct: str = Field(
        default="", description="hosts reached without it, comma-separated: names, or .example.com for all below"
    )
    ui_url: Url | None = Field(
        default=None, description="Temporal's web UI, for links; else where the local stack or `start-dev` has it"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="lowest level logged")
    log_format: Literal["console", "json"] = Field(default="json", description="console for people, json for machines")

    def keys(self) -> dict[str, bytes]:
        """Encryption keys by id, the current one first; empty when payloads are not encrypted. Raises SettingsError."""
        if self.encryption_keys is None:
            if self.encryption == "require":
                raise SettingsError(f"{PREFIX}ENCRYPTION: require needs {PREFIX}ENCRYPTION_KEYS")
            return {}
        try:
            return read_keys(self.encryption_keys.get_secret_value())
        except ValueError as error:
            raise SettingsError(f"{PREFIX}ENCRYPTION_KEYS: {error}") from None

    def encryption_rule(self) -> EncryptionRule:
        return EncryptionRule(self.encryption == "require", self.encryption_since)

    def decision_keys(self) -> tuple[bytes, ...]:
        """What signs decisions, the current one first; empty when they are not signed. Raises SettingsError."""
        text, name = "" if self.decision_key is None else self.decision_key.get_secret_value(), "DECISION_KEY"
        if not text and self.decision_key_file is not None:
            text, name = _read(self.decision_key_file, "DECISION_KEY_FILE"), "DECISION_KEY_FILE"
        elif not text:
            return ()
        keys = tuple(key.strip().encode() for key in text.split(","))
        if any(len(key) < MIN_DECISION_KEY for key in keys):
            raise SettingsError(
                f"{PREFIX}{name}: each key needs at least {MIN_DECISION_KEY} characters (openssl rand -base64 32)"
            )
        return keys

    def signing_key(self) -> bytes | None:
        """What this place signs with; None when it signs nothing. Raises SettingsError."""
        return next(iter(self.decision_keys()), None)

    def token_for_alerts(self) -> str | None:
        """None when none is set. Raises SettingsError."""
        if self.alerts_token is not None:
            return self.alerts_token.get_secret_value()
        return None if self.alerts_token_file is None else _read(self.alerts_token_file, "ALERTS_TOKEN_FILE")


class LocalSettings(ClientSettings):
    """What the local stack needs: whether there is a key for Claude."""

    claude_key: SecretStr | None = Field(default=None, validation_alias=AliasChoices("ANTHROPIC_API_KEY"))


class ClaudeSettings(ClientSettings):
    """What asks Claude needs: its key, and which models answer."""

    anthropic_api_key: SecretStr = Field(
        validation_alias=AliasChoices("ANTHROPIC_API_KEY"), description="key for Claude", min_length=1
    )
    anthropic_base_url: Url | None = Field(
        default=None,
        validation_alias=AliasChoices("ANTHROPIC_BASE_URL"),
        description="Claude's address, if not its own",
    )
    claude_model_default: str = Field(default="claude-sonnet-5-5", description="model of the alias `default`")
    claude_model_deep: str = Field(default="claude-opus-5-5", description="model of the alias `deep`")
    claude_model_fast: str = Field(default="claude-haiku-5-5", description="model of the alias `fast`")


class WorkerSettings(ClaudeSettings):
    """What the worker needs beside: every address of the outside world."""

    claude_rate_per_second: float = Field(default=10, gt=0, description="calls of Claude a second, over all workers")
    claude_concurrency: int = Field(default=20, ge=1, description="calls of Claude at once, in this worker")
    claude_tokens_per_minute: int | None = Field(
        default=None, ge=1_000, description="its tokens a minute, over all workers"
    )
    service_limits: JsonMap[Limits] = Field(
        default={}, description='limits of services, as JSON: {"orders": {"rps": 5, "concurrent": 3}}'
    )

    email_check_url: Url = Field(description="service `email-check`")
    email_check_token: SecretStr | None = Field(default=None, description="bearer token for it")
    accounts_url: Url = Field(description="service `accounts`")
    accounts_token: SecretStr | None = Field(default=None, description="bearer token for it")
    billing_url: Url = Field(description="service `billing`")
    billing_token: SecretStr | None = Field(default=None, description="bearer token for it")
    crm_url: Url = Field(description="service `crm`")
    crm_token: SecretStr | None = Field(default=None, description="bearer token for it")
    orders_url: Url | None = Field(default=None, description="service `orders`, for definitions that name it")
    orders_token: SecretStr | None = Field(default=None, description="bearer token for it")
    platform_url: Url | None = Field(default=None, description="service `platform`: deployments, changes by actions")
    platform_token: SecretStr | None = Field(default=None, description="bearer token for it")
    prometheus_url: Url | None = Field(default=None, description="Prometheus, for incidents")
    prometheus_token: SecretStr | None = Field(default=None, description="bearer token for it, if it wants one")
    loki_url: Url | None = Field(default=None, description="Loki, for the logs of incidents")
    loki_token: SecretStr | None = Field(default=None, description="bearer token for it, if it wants one")
    loki_label: str = Field(
        default="service", pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", description="label of a stream that names its service"
    )
    logs_sql_url: SecretStr | None = Field(
        default=None, description="a database of logs in place of Loki: sqlite:///PATH or postgresql://…"
    )
    logs_sql_query: str = Field(
        default=(
            "SELECT at, level, text FROM logs WHERE service = :service AND at >= :start AND at < :end"
            " ORDER BY at DESC LIMIT :limit"
        ),
        description="its statement; for PostgreSQL the parameters are %(service)s, %(start)s, %(end)s, %(limit)s",
    )
    pagerduty_url: Url = Field(default="https://events.pagerduty.com", description="PagerDuty's Events API v2")
    pagerduty_keys: SecretStr | None = Field(
        default=None, description="routing key of each level of the on-call chain, comma-separated, first called first"
    )
    slack_url: Url = Field(default="https://slack.com/api", description="Slack's Web API")
    slack_token: SecretStr = Field(description="bot token for Slack, with chat:write")
    smtp_host: str = Field(description="mail server", min_length=1)
    smtp_port: int = Field(default=587, ge=1, le=65535, description="its port")
    smtp_user: str | None = Field(default=None, description="user, if it wants one")
    smtp_password: SecretStr | None = Field(default=None, description="password of that user")
    smtp_tls: Literal["none", "starttls", "tls"] = Field(
        default="starttls", description="how the connection is secured"
    )
    mail_from: Sender = Field(description="sender of the mails, e.g. Towpath <welcome@example.com>")
    http_routes: JsonMap[Url] = Field(
        default={}, description="base URLs that stand in for hosts of `http` steps, as JSON; for local stacks"
    )

    x_url: Url = Field(default="https://api.x.com", description="X's API")
    x_accounts: JsonMap[XAccountSettings] = Field(
        default={}, description="accounts on X, as JSON: name to user_id, username and the name of a publishing token"
    )
    linkedin_url: Url = Field(default="https://api.linkedin.com", description="LinkedIn's API")
    linkedin_version: str = Field(default="202606", pattern=r"^20\d{4}$", description="month of LinkedIn's API")
    linkedin_accounts: JsonMap[LinkedInAccountSettings] = Field(
        default={}, description="authors on LinkedIn, as JSON: name to author (a URN) and the name of a token"
    )
    wordpress_accounts: JsonMap[WordPressAccountSettings] = Field(
        default={}, description="WordPress sites, as JSON: name to site (its URL), user and the name of a token"
    )
    publishing_tokens: JsonMap[SecretStr] = Field(
        default={}, description="tokens and application passwords of those accounts, as JSON: name to value"
    )

    pipeline_scratch: str = Field(default=".towpath/scratch", description="folder of this worker for files in work")
    pipeline_processes: int = Field(default=2, ge=0, le=64, description="data-plane processes of this worker; 0: none")
    pipeline_memory_mib: int = Field(
        default=350, ge=64, description="memory of the engine in each of them; a process takes 100 MiB beyond"
    )
    openlineage_url: Url | None = Field(default=None, description="where pipelines send their lineage")
    openlineage_token: SecretStr | None = Field(default=None, description="bearer token for it, if it wants one")

    metrics_address: str = Field(
        default="127.0.0.1:9464", pattern=r"^[^\s:]+:\d{1,5}$", description="host:port that serves /metrics"
    )
    build_id: str = Field(default="development", min_length=1, description="version of this worker, shown in Temporal")
    max_cached_workflows: int = Field(default=500, ge=0, description="runs kept in memory between their tasks")
    graceful_shutdown_seconds: float = Field(default=30, ge=0, description="time that running steps get at SIGTERM")

    def publishing_token(self, name: str) -> str:
        """Raises SettingsError when an account names a token that is not there."""
        token = self.publishing_tokens.get(name)
        value = "" if token is None else token.get_secret_value().strip()
        if not value:
            raise SettingsError(f"{PREFIX}PUBLISHING_TOKENS: has no {name!r}, which an account names as its token")
        return value

    def check_accounts(self) -> None:
        """Raises SettingsError."""
        for accounts in (self.x_accounts, self.linkedin_accounts, self.wordpress_accounts):
            for account in accounts.values():
                self.publishing_token(account.token)


def _read(file: Path, name: str) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{PREFIX}{name}: {file} cannot be read ({type(error).__name__})") from None


def load_client_settings() -> ClientSettings:
    """Raises SettingsError."""
    return _load(ClientSettings)


def has_claude_key() -> bool:
    """Whether ANTHROPIC_API_KEY is set, in the environment or `.env`. Raises SettingsError."""
    return _load(LocalSettings).claude_key is not None


def load_claude_settings() -> ClaudeSettings:
    """Raises SettingsError."""
    return _load(ClaudeSettings)


def load_worker_settings() -> WorkerSettings:
    """Raises SettingsError."""
    settings = _load(WorkerSettings)
    settings.keys()
    settings.decision_keys()
    settings.check_accounts()
    return settings


def variable(name: str) -> str:
    """The environment variable of a field of either class."""
    alias = WorkerSettings.model_fields[name].validation_alias if name in WorkerSettings.model_fields else None
    if isinstance(alias, AliasChoices):
        return str(alias.choices[0])
    return f"{PREFIX}{name.upper()}"


def _load(kind: type[SettingsT]) -> SettingsT:
    try:
        return kind()
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        raise SettingsError("\n".join(_line(problem) for problem in problems)) from None
    except UnicodeDecodeError as error:
        raise SettingsError(f".env: is not UTF-8 at byte {error.start}: save it as UTF-8") from None


def _line(problem: ErrorDetails) -> str:
    """Setting, place in it, what is wrong, and what is wanted."""
    fields = {variable(name): name for name in WorkerSettings.model_fields}
    first, *place = map(str, problem["loc"])
    name = fields.get(first, first)
    meaning = WorkerSettings.model_fields[name].description if name in WorkerSettings.model_fields else ""
    what = "is missing" if problem["type"] == "missing" else words_of(problem)
    where = f"{'.'.join(place)}: " if place else ""
    return f"{variable(name)}: {where}{what} ({meaning})"
