"""Gemini CLI: Gemini models by a Google login that comes with a plugin."""

from __future__ import annotations

from jackfield.providers.block import TEXT_IMAGE, Advisory, AuthMethod, EnvVars, Model, OAuth, Provider, RuntimeTags
from jackfield.providers.core import google

_MODELS = (
    Model("gemini-2.0-flash", "Gemini 2.0 Flash (Cloud Code Assist)", 1_048_576, 8192, TEXT_IMAGE),
    Model("gemini-2.5-flash", "Gemini 2.5 Flash (Cloud Code Assist)", 1_048_576, 65_535, TEXT_IMAGE, reasoning=True),
    Model("gemini-2.5-pro", "Gemini 2.5 Pro (Cloud Code Assist)", 1_048_576, 65_535, TEXT_IMAGE, reasoning=True),
    Model(
        "gemini-3-flash-preview",
        "Gemini 3 Flash Preview (Cloud Code Assist)",
        1_048_576,
        65_535,
        TEXT_IMAGE,
        reasoning=True,
    ),
    Model(
        "gemini-3-pro-preview",
        "Gemini 3 Pro Preview (Cloud Code Assist)",
        1_048_576,
        65_535,
        TEXT_IMAGE,
        reasoning=True,
    ),
)


PROVIDER = Provider(
    id="google-gemini-cli",
    label="Gemini CLI OAuth",
    docs_path="/providers/models",
    base_url="https://cloudcode-pa.googleapis.com",
    api="google-gemini-cli",
    group=google.GROUP,
    auth=(
        AuthMethod(
            id="oauth",
            choice="google-gemini-cli",
            kind="oauth",
            label="Google Gemini CLI OAuth",
            hint="Uses the bundled Gemini CLI auth plugin",
            runner="plugin:google-gemini-cli-auth/oauth",
            order=140,
            oauth=OAuth(
                hosts=(
                    "accounts.google.com",
                    "oauth2.googleapis.com",
                    "www.googleapis.com",
                    "cloudcode-pa.googleapis.com",
                ),
                redirect_uri="http://localhost:8085/oauth2callback",
                client_env=(
                    "CLAWDBOT_GEMINI_OAUTH_CLIENT_ID",
                    "CLAWDBOT_GEMINI_OAUTH_CLIENT_SECRET",
                    "GEMINI_CLI_OAUTH_CLIENT_ID",
                    "GEMINI_CLI_OAUTH_CLIENT_SECRET",
                ),
                pasted="url-or-code",
            ),
            profile="google-gemini-cli:{email}",
            supplied_by="google-gemini-cli-auth",
        ),
    ),
    env=EnvVars(settings=("GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_PROJECT_ID")),
    models=_MODELS,
    default_model="google-gemini-cli/gemini-3-pro-preview",
    advisories=(
        Advisory(
            id="oauth-intro",
            title="Gemini CLI OAuth",
            text="Your browser opens Google's sign-in page and comes back to port 8085 of this machine. On a remote "
            "machine, paste the address you are sent to, or the code in it.",
            when="before-login",
        ),
        Advisory(
            id="oauth-help",
            title="OAuth help",
            text="The sign-in did not finish; nothing was changed.",
            when="login-failed",
        ),
        Advisory(
            id="notes",
            title="Provider notes",
            text="If requests fail, set GOOGLE_CLOUD_PROJECT to the id of your project.",
            when="after-login",
        ),
    ),
    tags=RuntimeTags(
        transcript=google.PROVIDER.tags.transcript,
        reasoning_tag=True,
        json_api_key=True,
        usage_label="Gemini",
        usage_order=30,
        current_models=("gemini-3*",),
        quirks=("tool-schema-clean",),
    ),
)
