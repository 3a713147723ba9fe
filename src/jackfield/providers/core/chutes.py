"""Chutes: open models by OAuth or API key."""

from __future__ import annotations

from jackfield.providers.block import Advisory, AuthMethod, Check, EnvVars, OAuth, Provider, RuntimeTags

PROVIDER = Provider(
    id="chutes",
    label="Chutes",
    base_url="https://llm.chutes.ai/v1",
    api="openai-completions",
    auth=(
        AuthMethod(
            id="oauth",
            choice="chutes",
            kind="oauth",
            label="Chutes (OAuth)",
            runner="oauth-pkce",
            order=30,
            oauth=OAuth(
                hosts=("api.chutes.ai",),
                authorize_url="https://api.chutes.ai/idp/authorize",
                token_url="https://api.chutes.ai/idp/token",
                userinfo_url="https://api.chutes.ai/idp/userinfo",
                redirect_uri="http://127.0.0.1:1456/oauth-callback",
                scopes=("openid", "profile", "chutes:invoke"),
                client_env=(
                    "CHUTES_CLIENT_ID",
                    "CHUTES_CLIENT_SECRET",
                    "CHUTES_OAUTH_REDIRECT_URI",
                    "CHUTES_OAUTH_SCOPES",
                ),
                pasted="url",
                account_claim=("sub",),
                timeout_s=180,
                keeps_refresh_token=True,
                refresh_runner="chutes-refresh",
            ),
            profile="chutes:{username}",
        ),
    ),
    env=EnvVars(any_of=("CHUTES_OAUTH_TOKEN", "CHUTES_API_KEY")),
    # The list of models is public; the account is not.
    verify=Check("https://api.chutes.ai/users/me", refused=(401,)),
    advisories=(
        Advisory(
            id="intro",
            title="Chutes OAuth",
            text="Your browser opens the sign-in page and comes back to port 1456 of this machine. On a remote one, "
            "paste the address you are sent to. The app's redirect address must be the one shown.",
            when="before-login",
        ),
        Advisory(
            id="help",
            title="OAuth help",
            text="The sign-in did not finish; nothing was changed.",
            when="login-failed",
            url="https://chutes.ai/docs/sign-in-with-chutes/overview",
        ),
    ),
    tags=RuntimeTags(custom_refresh="chutes-refresh"),
)
