"""Qwen Portal: Qwen models by a device login that comes with a plugin."""

from __future__ import annotations

from jackfield.providers.block import (
    TEXT_IMAGE,
    Advisory,
    AuthMethod,
    EnvVars,
    Group,
    LegacyProfile,
    Model,
    OAuth,
    Provider,
    RuntimeTags,
)
from jackfield.providers.parts import FrozenMap

_MODELS = (
    Model("coder-model", "Qwen Coder", 128_000, 8192),
    Model("vision-model", "Qwen Vision", 128_000, 8192, TEXT_IMAGE),
)


PROVIDER = Provider(
    id="qwen-portal",
    label="Qwen",
    aliases=("qwen",),
    docs_path="/providers/qwen",
    base_url="https://portal.qwen.ai/v1",
    api="openai-completions",
    group=Group(id="qwen", label="Qwen", hint="OAuth", order=40),
    auth=(
        AuthMethod(
            id="device",
            choice="qwen-portal",
            kind="device_code",
            label="Qwen OAuth",
            runner="plugin:qwen-portal-auth/device",
            order=160,
            # The client id is the public one of the vendor's own program (github.com/QwenLM/qwen-code,
            # packages/core/src/qwen/qwenOAuth2.ts); core needs it to renew what the plugin got.
            oauth=OAuth(
                hosts=("chat.qwen.ai",),
                client_id="f0304373b74a44d2b584a3fb70ca9e56",
                scopes=("openid", "profile", "email", "model.completion"),
                keeps_refresh_token=True,
                refresh_runner="qwen-refresh",
                refresh_url="https://chat.qwen.ai/api/v1/oauth2/token",
            ),
            profile="qwen-portal:default",
            supplied_by="qwen-portal-auth",
        ),
    ),
    env=EnvVars(any_of=("QWEN_OAUTH_TOKEN", "QWEN_PORTAL_API_KEY")),
    models=_MODELS,
    seed_aliases=FrozenMap({"coder-model": "qwen"}),
    default_model="qwen-portal/coder-model",
    implicit_order=60,
    legacy=(
        LegacyProfile(
            rule="external-sync",
            subject="qwen-portal:qwen-cli",
            where=("load",),
            source="~/.qwen/oauth_creds.json",
            fresh_s=900,
        ),
    ),
    advisories=(
        Advisory(
            id="approve",
            title="Qwen OAuth",
            text="Open the address shown and enter the code to let this machine in.",
            when="before-login",
        ),
        Advisory(
            id="retired",
            title="Qwen OAuth",
            text="The portal's free tier for OAuth logins ended on 15 April 2026; requests fail even after a login.",
            when="status",
        ),
        Advisory(
            id="fail",
            title="Qwen OAuth",
            text="The login did not finish. Check that your account may use the Qwen portal, then try again.",
            when="login-failed",
        ),
        Advisory(
            id="notes",
            title="Provider notes",
            text="Tokens are renewed by themselves. To use another endpoint, set models.providers.qwen-portal.baseUrl.",
            when="after-login",
        ),
    ),
    tags=RuntimeTags(custom_refresh="qwen-refresh"),
)
