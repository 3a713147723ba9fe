"""Amazon Bedrock: many vendors' models with AWS credentials."""

from __future__ import annotations

from jackfield.providers.block import Discovery, EnvSet, EnvVars, Provider, RuntimeTags

PROVIDER = Provider(
    id="amazon-bedrock",
    label="Amazon Bedrock",
    docs_path="/bedrock",
    base_url="https://bedrock-runtime.{region}.amazonaws.com",
    api="bedrock-converse-stream",
    auth_mode="aws-sdk",
    env=EnvVars(
        sets=(
            EnvSet(all_of=("AWS_BEARER_TOKEN_BEDROCK",)),
            EnvSet(all_of=("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")),
            EnvSet(all_of=("AWS_PROFILE",)),
        ),
        settings=("AWS_REGION", "AWS_DEFAULT_REGION"),
    ),
    implicit_order=80,
    discovery=Discovery(
        kind="bedrock-models", refresh_s=3600, authenticated=True, context_window=32_000, max_tokens=4_096
    ),
    tags=RuntimeTags(aws_sdk=True),
)
