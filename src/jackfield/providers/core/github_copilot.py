"""GitHub Copilot: models of a Copilot subscription, by GitHub's device login."""

from __future__ import annotations

from jackfield.providers.block import (
    TEXT_IMAGE,
    Advisory,
    AuthMethod,
    Check,
    EnvVars,
    Group,
    Model,
    OAuth,
    Provider,
    RuntimeTags,
    TokenExchange,
)

_MODELS = (
    Model("gpt-4o", "gpt-4o", 128_000, 8192, TEXT_IMAGE),
    Model("gpt-4.1", "gpt-4.1", 128_000, 8192, TEXT_IMAGE),
    Model("gpt-4.1-mini", "gpt-4.1-mini", 128_000, 8192, TEXT_IMAGE),
    Model("gpt-4.1-nano", "gpt-4.1-nano", 128_000, 8192, TEXT_IMAGE),
    Model("o1", "o1", 128_000, 8192, TEXT_IMAGE),
    Model("o1-mini", "o1-mini", 128_000, 8192, TEXT_IMAGE),
    Model("o3-mini", "o3-mini", 128_000, 8192, TEXT_IMAGE),
    Model(
        "claude-haiku-4.5", "Claude Haiku 4.5", 128_000, 16_000, TEXT_IMAGE, reasoning=True, api="openai-completions"
    ),
    Model("claude-opus-4.5", "Claude Opus 4.5", 128_000, 16_000, TEXT_IMAGE, reasoning=True, api="openai-completions"),
    Model("claude-sonnet-4", "Claude Sonnet 4", 128_000, 16_000, TEXT_IMAGE, reasoning=True, api="openai-completions"),
    Model(
        "claude-sonnet-4.5", "Claude Sonnet 4.5", 128_000, 16_000, TEXT_IMAGE, reasoning=True, api="openai-completions"
    ),
    Model("gemini-2.5-pro", "Gemini 2.5 Pro", 128_000, 64_000, TEXT_IMAGE, api="openai-completions"),
    Model(
        "gemini-3-flash-preview",
        "Gemini 3 Flash",
        128_000,
        64_000,
        TEXT_IMAGE,
        reasoning=True,
        api="openai-completions",
    ),
    Model(
        "gemini-3-pro-preview",
        "Gemini 3 Pro Preview",
        128_000,
        64_000,
        TEXT_IMAGE,
        reasoning=True,
        api="openai-completions",
    ),
    Model("gpt-5", "GPT-5", 128_000, 128_000, TEXT_IMAGE, reasoning=True),
    Model("gpt-5-mini", "GPT-5-mini", 128_000, 64_000, TEXT_IMAGE, reasoning=True),
    Model("gpt-5.1", "GPT-5.1", 128_000, 128_000, TEXT_IMAGE, reasoning=True),
    Model("gpt-5.1-codex", "GPT-5.1-Codex", 128_000, 128_000, TEXT_IMAGE, reasoning=True),
    Model("gpt-5.1-codex-max", "GPT-5.1-Codex-max", 128_000, 128_000, TEXT_IMAGE, reasoning=True),
    Model("gpt-5.1-codex-mini", "GPT-5.1-Codex-mini", 128_000, 100_000, TEXT_IMAGE, reasoning=True),
    Model("gpt-5.2", "GPT-5.2", 128_000, 64_000, TEXT_IMAGE, reasoning=True),
    Model("gpt-5.2-codex", "GPT-5.2-Codex", 272_000, 128_000, TEXT_IMAGE, reasoning=True),
    Model("grok-code-fast-1", "Grok Code Fast 1", 128_000, 64_000, reasoning=True, api="openai-completions"),
)


GROUP = Group(id="copilot", label="Copilot", hint="GitHub + local proxy", order=80)

PROVIDER = Provider(
    id="github-copilot",
    label="GitHub Copilot",
    docs_path="/providers/github-copilot",
    base_url="https://api.individual.githubcopilot.com",
    api="openai-responses",
    group=GROUP,
    auth=(
        AuthMethod(
            id="device",
            choice="github-copilot",
            kind="device_code",
            label="GitHub Copilot (GitHub device login)",
            hint="Uses GitHub device flow",
            runner="device-code",
            order=110,
            # The public client id that GitHub's Copilot plugins sign in with (as in github.com/openclaw/openclaw,
            # src/providers/github-copilot-auth.ts): the exchange of tokens takes those of a Copilot client only.
            oauth=OAuth(
                hosts=("github.com",),
                client_id="Iv1.b507a08c87ecfe98",
                device_code_url="https://github.com/login/device/code",
                token_url="https://github.com/login/oauth/access_token",
                scopes=("read:user",),
            ),
            profile="github-copilot:github",
        ),
    ),
    env=EnvVars(any_of=("COPILOT_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN")),
    models=_MODELS,
    default_model="github-copilot/gpt-4o",
    picker_order=100,
    implicit_order=90,
    verify=Check("https://api.github.com/user", refused=(401,)),
    token_exchange=TokenExchange(url="https://api.github.com/copilot_internal/v2/token"),
    advisories=(
        Advisory(
            id="device-intro",
            title="GitHub Copilot",
            text="A page of GitHub opens and asks for a code. The account needs a Copilot subscription.",
            when="before-login",
        ),
        Advisory(
            id="needs-tty",
            title="GitHub Copilot",
            text="The device login shows a code to type, so it needs a terminal.",
            when="no-terminal",
        ),
        Advisory(
            id="login-failed",
            title="GitHub Copilot",
            text="The login did not finish; nothing was changed.",
            when="login-failed",
        ),
    ),
    tags=RuntimeTags(token_exchange=True, usage_label="Copilot", usage_order=20),
)
