"""The platforms that this worker publishes on, made from its settings: one client for each, with all its accounts."""

import httpx

from towpath.config.settings import WorkerSettings
from towpath.integrations.publishing.adapter import Publishers
from towpath.integrations.publishing.linkedin import LinkedIn, LinkedInAccount
from towpath.integrations.publishing.wordpress import WordPress, WordPressAccount
from towpath.integrations.publishing.x import X, XAccount


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
