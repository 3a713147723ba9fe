"""Google Antigravity: Gemini and Claude models by a Google login that comes with a plugin."""

from __future__ import annotations

from jackfield.providers.block import TEXT_IMAGE, Advisory, AuthMethod, Cost, Model, OAuth, Provider, RuntimeTags
from jackfield.providers.core import google

_MODELS = (
    Model(
        "claude-opus-4-5-thinking",
        "Claude Opus 4.5 Thinking (Antigravity)",
        200_000,
        64_000,
        TEXT_IMAGE,
        Cost(5, 25, 0.5, 6.25),
        reasoning=True,
    ),
    Model("claude-sonnet-4-5", "Claude Sonnet 4.5 (Antigravity)", 200_000, 64_000, TEXT_IMAGE, Cost(3, 15, 0.3, 3.75)),
    Model(
        "claude-sonnet-4-5-thinking",
        "Claude Sonnet 4.5 Thinking (Antigravity)",
        200_000,
        64_000,
        TEXT_IMAGE,
        Cost(3, 15, 0.3, 3.75),
        reasoning=True,
    ),
    Model(
        "gemini-3-flash",
        "Gemini 3 Flash (Antigravity)",
        1_048_576,
        65_535,
        TEXT_IMAGE,
        Cost(0.5, 3, 0.5),
        reasoning=True,
    ),
    Model(
        "gemini-3-pro-high",
        "Gemini 3 Pro High (Antigravity)",
        1_048_576,
        65_535,
        TEXT_IMAGE,
        Cost(2, 12, 0.2, 2.375),
        reasoning=True,
    ),
    Model(
        "gemini-3-pro-low",
        "Gemini 3 Pro Low (Antigravity)",
        1_048_576,
        65_535,
        TEXT_IMAGE,
        Cost(2, 12, 0.2, 2.375),
        reasoning=True,
    ),
    Model("gpt-oss-120b-medium", "GPT-OSS 120B Medium (Antigravity)", 131_072, 32_768, cost=Cost(0.09, 0.36)),
)


PROVIDER = Provider(
    id="google-antigravity",
    label="Google Antigravity",
    docs_path="/providers/models",
    base_url="https://daily-cloudcode-pa.sandbox.googleapis.com",
    api="google-gemini-cli",
    group=google.GROUP,
    auth=(
        AuthMethod(
            id="oauth",
            choice="google-antigravity",
            kind="oauth",
            label="Google Antigravity OAuth",
            hint="Uses the bundled Antigravity auth plugin",
            runner="plugin:google-antigravity-auth/oauth",
            order=130,
            oauth=OAuth(
                hosts=(
                    "accounts.google.com",
                    "oauth2.googleapis.com",
                    "www.googleapis.com",
                    "cloudcode-pa.googleapis.com",
                    "daily-cloudcode-pa.sandbox.googleapis.com",
                ),
                redirect_uri="http://localhost:51121/oauth-callback",
                pasted="url",
            ),
            profile="google-antigravity:{email}",
            supplied_by="google-antigravity-auth",
        ),
    ),
    models=_MODELS,
    default_model="google-antigravity/claude-opus-4-5-thinking",
    advisories=(
        Advisory(
            id="manual-url",
            title="Google Antigravity OAuth",
            text="If no browser can come back to this machine, paste the whole address you are sent to.",
            when="before-login",
        ),
        Advisory(
            id="notes",
            title="Provider notes",
            text="Requests count against the quota of your Google Cloud project; enable Gemini for Google Cloud there.",
            when="after-login",
        ),
    ),
    tags=RuntimeTags(
        transcript=google.PROVIDER.tags.transcript,
        reasoning_tag=True,
        json_api_key=True,
        usage_label="Antigravity",
        usage_order=40,
        current_models=("gemini-3*", "claude-*-4-5*"),
        quirks=("claude-keep-signatures", "claude-normalize-thinking"),
    ),
)
