"""Connections to the outside world, made from the worker's settings: one of each for the whole process."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
from pydantic import SecretStr

from activities.quota import Quotas
from towpath.assembly.files import Files
from towpath.assembly.quotas import quotas_of
from towpath.config.reviewers import ReviewerDirectory
from towpath.config.secrets import Secrets
from towpath.config.settings import ClaudeSettings, WorkerSettings
from towpath.config.stores import access_of, proxy_of
from towpath.control.quotas import TurnBook
from towpath.integrations.channels.channels import Slack
from towpath.integrations.channels.mail import Mailer, SmtpConfig
from towpath.integrations.channels.sinks import Sinks
from towpath.integrations.claude.client import ClaudeClient, ClaudeClientConfig
from towpath.integrations.http.guarded_http import GuardedHttp
from towpath.integrations.http.operations import OperationClient
from towpath.integrations.http.services import ServiceClient, ServiceEndpoint
from towpath.integrations.publishing.adapter import Publishers
from towpath.integrations.publishing.campaigns import CampaignSources
from towpath.integrations.publishing.linkedin import LinkedIn, LinkedInAccount
from towpath.integrations.publishing.wordpress import WordPress, WordPressAccount
from towpath.integrations.publishing.x import X, XAccount
from towpath.integrations.storage.artefacts import ArtefactStore
from towpath.outside.client import http_client

HTTP_SECONDS = httpx.Timeout(10.0, connect=3.0)


@dataclass(frozen=True, slots=True)
class Clients:
    """Connections to the outside world; one of each for the whole process."""

    http: httpx.AsyncClient
    services: ServiceClient
    mailer: Mailer
    slack: Slack
    claude: ClaudeClient
    directory: ReviewerDirectory
    secrets: Secrets
    guarded: GuardedHttp
    operations: OperationClient
    sinks: Sinks
    publishers: Publishers
    campaigns: CampaignSources
    quotas: Quotas


@asynccontextmanager
async def open_clients(settings: WorkerSettings, files: Files) -> AsyncGenerator[Clients]:
    secrets = Secrets({name: value.get_secret_value() for name, value in settings.secrets.items()})
    quotas = Quotas(quotas_of(settings, files.connections), TurnBook)
    guarded = GuardedHttp(files.connections, secrets, routes=settings.http_routes, turns=quotas)
    async with http_client(HTTP_SECONDS, proxy=proxy_of(settings)) as http:
        endpoints = {
            "email-check": ServiceEndpoint(settings.email_check_url, plain(settings.email_check_token)),
            "accounts": ServiceEndpoint(settings.accounts_url, plain(settings.accounts_token)),
            "billing": ServiceEndpoint(settings.billing_url, plain(settings.billing_token)),
            "crm": ServiceEndpoint(settings.crm_url, plain(settings.crm_token)),
        }
        if settings.orders_url is not None:
            endpoints["orders"] = ServiceEndpoint(settings.orders_url, plain(settings.orders_token))
        if settings.platform_url is not None:
            endpoints["platform"] = ServiceEndpoint(settings.platform_url, plain(settings.platform_token))
        posting = publishers(settings, http)
        artefacts = ArtefactStore(settings.artefact_store, access_of(settings))
        claude = claude_client(settings)
        smtp = SmtpConfig(
            host=settings.smtp_host,
            port=settings.smtp_port,
            sender=settings.mail_from,
            user=settings.smtp_user,
            password=plain(settings.smtp_password),
            tls=settings.smtp_tls,
        )
        try:
            yield Clients(
                http=http,
                services=ServiceClient(http, endpoints, quotas),
                mailer=Mailer(smtp),
                slack=Slack(http, settings.slack_url, settings.slack_token.get_secret_value()),
                claude=claude,
                directory=files.directory,
                secrets=secrets,
                guarded=guarded,
                operations=OperationClient(guarded, secrets),
                sinks=Sinks(http, settings.event_sinks),
                publishers=posting,
                campaigns=CampaignSources(files.platforms, posting, artefacts),
                quotas=quotas,
            )
        finally:
            await claude.close()
            await guarded.close()


def plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def claude_client(settings: ClaudeSettings) -> ClaudeClient:
    return ClaudeClient(
        ClaudeClientConfig(
            api_key=settings.anthropic_api_key.get_secret_value(),
            base_url=settings.anthropic_base_url,
            proxy=proxy_of(settings),
            models={
                "default": settings.claude_model_default,
                "deep": settings.claude_model_deep,
                "fast": settings.claude_model_fast,
            },
        )
    )


def publishers(settings: WorkerSettings, http: httpx.AsyncClient) -> Publishers:
    """Raises SettingsError when an account names a token that is not there."""
    token = settings.publishing_token
    x_accounts = {
        name: XAccount(user_id=one.user_id, username=one.username, token=token(one.token))
        for name, one in settings.x_accounts.items()
    }
    authors = {
        name: LinkedInAccount(author=one.author, token=token(one.token))
        for name, one in settings.linkedin_accounts.items()
    }
    sites = {
        name: WordPressAccount(site=one.site, user=one.user, password=token(one.token))
        for name, one in settings.wordpress_accounts.items()
    }
    return Publishers(
        {
            "x": X(http, settings.x_url, x_accounts),
            "linkedin": LinkedIn(http, settings.linkedin_url, settings.linkedin_version, authors),
            "wordpress": WordPress(http, sites),
        }
    )
