"""OpenAI Codex: GPT models through a ChatGPT subscription (OAuth)."""

from __future__ import annotations

from jackfield.providers.block import (
    TEXT_IMAGE,
    Advisory,
    AuthMethod,
    Cost,
    LegacyProfile,
    Model,
    OAuth,
    Provider,
    RuntimeTags,
)
from jackfield.providers.core import codex_cli, openai
from jackfield.providers.parts import FrozenMap

_MODELS = (
    Model("gpt-5.1", "GPT-5.1", 272_000, 128_000, TEXT_IMAGE, Cost(1.25, 10, 0.125), reasoning=True),
    Model(
        "gpt-5.1-codex-max", "GPT-5.1 Codex Max", 272_000, 128_000, TEXT_IMAGE, Cost(1.25, 10, 0.125), reasoning=True
    ),
    Model(
        "gpt-5.1-codex-mini", "GPT-5.1 Codex Mini", 272_000, 128_000, TEXT_IMAGE, Cost(0.25, 2, 0.025), reasoning=True
    ),
    Model("gpt-5.2", "GPT-5.2", 272_000, 128_000, TEXT_IMAGE, Cost(1.75, 14, 0.175), reasoning=True),
    Model("gpt-5.2-codex", "GPT-5.2 Codex", 272_000, 128_000, TEXT_IMAGE, Cost(1.75, 14, 0.175), reasoning=True),
)


PROVIDER = Provider(
    id="openai-codex",
    label="OpenAI Codex",
    docs_path="/providers/openai",
    base_url="https://chatgpt.com/backend-api",
    api="openai-codex-responses",
    group=openai.GROUP,
    auth=(
        AuthMethod(
            id="oauth",
            choice="openai-codex",
            kind="oauth",
            label="OpenAI Codex (ChatGPT OAuth)",
            runner="oauth-pkce",
            order=20,
            legacy_choices=(codex_cli.PROVIDER.id,),
            # Public facts of the vendor's own client: github.com/openai/codex, codex-rs/login/src/server.rs (addresses,
            # scopes, parameters of the page) and codex-rs/login/src/auth/manager.rs (CLIENT_ID, renewal as JSON).
            oauth=OAuth(
                hosts=("auth.openai.com",),
                authorize_url="https://auth.openai.com/oauth/authorize",
                token_url="https://auth.openai.com/oauth/token",
                redirect_uri="http://localhost:1455/auth/callback",
                scopes=("openid", "profile", "email", "offline_access"),
                client_id="app_EMoamEEZ73f0CkXaXp7hrann",
                authorize_params=FrozenMap(
                    {
                        "id_token_add_organizations": "true",
                        "codex_cli_simplified_flow": "true",
                        "originator": "codex_cli_rs",
                    }
                ),
                pasted="url",
                account_claim=("https://api.openai.com/auth", "chatgpt_account_id"),
                needs_account=True,
                refresh_runner="codex-refresh",
            ),
            profile="openai-codex:{email}",
        ),
    ),
    models=_MODELS,
    default_model="openai-codex/gpt-5.2",
    picker_order=30,
    legacy=(LegacyProfile(rule="remove", subject="openai-codex:codex-cli"),),
    advisories=(
        Advisory(
            id="oauth-intro",
            title="OpenAI Codex OAuth",
            text="Your browser opens the sign-in page and comes back to port 1455 of this machine. On a remote one, "
            "open the address where your browser is and paste the address you are sent to.",
            when="before-login",
        ),
        Advisory(
            id="oauth-help",
            title="OAuth help",
            text="The sign-in did not finish; nothing was changed. Try again, or paste the redirect address by hand.",
            when="login-failed",
        ),
        Advisory(
            id="deprecated-codex-cli",
            title="Auth profiles",
            text="The profile openai-codex:codex-cli is no longer used; run `jackfield login openai-codex`.",
            when="doctor",
            condition="legacy-profile",
        ),
    ),
    tags=RuntimeTags(
        transcript=openai.PROVIDER.tags.transcript,
        xhigh_models=("gpt-5.2-codex", "gpt-5.1-codex"),
        openai_family=True,
        usage_label="Codex",
        usage_order=60,
        current_models=("gpt-5.2*", "gpt-5.1-codex*"),
        quirks=("apply-patch", "usage-account-id"),
    ),
)
