"""Google Vertex AI: Gemini models with Application Default Credentials."""

from __future__ import annotations

from jackfield.providers.block import TEXT_IMAGE, Cost, EnvSet, EnvVars, Model, Provider

_MODELS = (
    Model("gemini-1.5-flash", "Gemini 1.5 Flash (Vertex)", 1_000_000, 8192, TEXT_IMAGE, Cost(0.075, 0.3, 0.01875)),
    Model("gemini-1.5-flash-8b", "Gemini 1.5 Flash-8B (Vertex)", 1_000_000, 8192, TEXT_IMAGE, Cost(0.0375, 0.15, 0.01)),
    Model("gemini-1.5-pro", "Gemini 1.5 Pro (Vertex)", 1_000_000, 8192, TEXT_IMAGE, Cost(1.25, 5, 0.3125)),
    Model("gemini-2.0-flash", "Gemini 2.0 Flash (Vertex)", 1_048_576, 8192, TEXT_IMAGE, Cost(0.15, 0.6, 0.0375)),
    Model(
        "gemini-2.0-flash-lite",
        "Gemini 2.0 Flash Lite (Vertex)",
        1_048_576,
        65_536,
        TEXT_IMAGE,
        Cost(0.075, 0.3, 0.01875),
        reasoning=True,
    ),
    Model(
        "gemini-2.5-flash",
        "Gemini 2.5 Flash (Vertex)",
        1_048_576,
        65_536,
        TEXT_IMAGE,
        Cost(0.3, 2.5, 0.03),
        reasoning=True,
    ),
    Model(
        "gemini-2.5-flash-lite",
        "Gemini 2.5 Flash Lite (Vertex)",
        1_048_576,
        65_536,
        TEXT_IMAGE,
        Cost(0.1, 0.4, 0.01),
        reasoning=True,
    ),
    Model(
        "gemini-2.5-flash-lite-preview-09-2025",
        "Gemini 2.5 Flash Lite Preview 09-25 (Vertex)",
        1_048_576,
        65_536,
        TEXT_IMAGE,
        Cost(0.1, 0.4, 0.01),
        reasoning=True,
    ),
    Model(
        "gemini-2.5-pro",
        "Gemini 2.5 Pro (Vertex)",
        1_048_576,
        65_536,
        TEXT_IMAGE,
        Cost(1.25, 10, 0.125),
        reasoning=True,
    ),
    Model(
        "gemini-3-flash-preview",
        "Gemini 3 Flash Preview (Vertex)",
        1_048_576,
        65_536,
        TEXT_IMAGE,
        Cost(0.5, 3, 0.05),
        reasoning=True,
    ),
    Model(
        "gemini-3-pro-preview",
        "Gemini 3 Pro Preview (Vertex)",
        1_000_000,
        64_000,
        TEXT_IMAGE,
        Cost(2, 12, 0.2),
        reasoning=True,
    ),
)


PROVIDER = Provider(
    id="google-vertex",
    label="Google Vertex",
    base_url="https://{location}-aiplatform.googleapis.com",
    api="google-vertex",
    auth_mode="adc",
    env=EnvVars(
        sets=(
            EnvSet(
                all_of=("GOOGLE_CLOUD_LOCATION",),
                any_of=("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"),
                file_variable="GOOGLE_APPLICATION_CREDENTIALS",
                file_default="~/.config/gcloud/application_default_credentials.json",
            ),
        ),
    ),
    models=_MODELS,
)
