"""The doctor: what it finds in real configs and stores, and that its repairs mend just that."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from jackfield.commits import Commits
from jackfield.config.document import Document
from jackfield.config.file import LoadedConfig, load_config
from jackfield.config.host import find
from jackfield.config.overlay import CONFIG, config_providers
from jackfield.config.settings import Settings, read_settings
from jackfield.credentials.profile import ApiKeyCredential, OAuthCredential, Profile, TokenCredential
from jackfield.credentials.secret import Secret
from jackfield.credentials.sources import Surroundings
from jackfield.credentials.store import CredentialStore
from jackfield.diagnostics import Diagnostic, format_path
from jackfield.doctor import Case, Finding, Repair, draft_repairs, entry_faults, examine
from jackfield.errors import ConfigError, UnknownNameError
from jackfield.providers.block import Advisory, AuthMethod, LegacyProfile, Provider
from jackfield.providers.registry import ProviderRegistry
from jackfield.providers.views import legacy_profiles
from jackfield.records import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from jackfield.credentials.profile import Credential

NOW = 1_800_000_000_000
HOUR = 3_600_000
CANARY = "sk-canary-0123456789abcdef"


def key(text: str = CANARY) -> Credential:
    return ApiKeyCredential(Secret(text))


def token(expires: int | None = None) -> Credential:
    return TokenCredential(Secret(CANARY), expires)


def oauth(email: str | None = None, *, expires: int = NOW + HOUR, refresh: str | None = CANARY) -> Credential:
    return OAuthCredential(Secret(CANARY), Secret(refresh) if refresh else None, expires, email)


class Ward:
    """A config file and a store, looked at as an application does."""

    def __init__(self, folder: Path, store: CredentialStore) -> None:
        self.config = folder / "config.json5"
        self.store = store
        self.env: Mapping[str, str] = {}
        self.files: frozenset[str] = frozenset()
        self.blocks: tuple[Provider, ...] = ()
        self.diagnostics: tuple[Diagnostic, ...] = ()
        self.more: dict[str, Any] = {}
        self.commits = Commits(self.config, store, lambda: NOW)

    def load(self) -> LoadedConfig:
        try:
            return load_config(self.config)
        except ConfigError as error:
            faults = error.diagnostics or (Diagnostic(error.code, error.message, hint=error.fix),)
            return LoadedConfig(self.config, True, Document.empty(), Settings(), tuple(faults))

    def case(self, loaded: LoadedConfig | None = None) -> Case:
        loaded = loaded or self.load()
        registry = ProviderRegistry.with_core()
        registry.register_providers(self.blocks)
        blocks, _ = config_providers(loaded.settings, lambda name: _is_known(registry, name))
        registry.register_providers(blocks, owner=CONFIG)
        profiles = self.store.profiles()
        where = Surroundings(
            settings=loaded.settings,
            profiles=profiles,
            stored_order={each.provider: self.store.order(each.provider) for each in profiles},
            env=self.env,
            now=NOW,
            file_exists=self.files.__contains__,
        )
        return Case(registry, loaded, where, self.diagnostics, **self.more)

    def put(self, profiles: Mapping[str, Credential]) -> None:
        for name, credential in profiles.items():
            self.store.put(Profile(name, credential))

    def examine(self) -> tuple[Finding, ...]:
        return examine(self.case())

    def codes(self) -> list[str]:
        return [each.code for each in self.examine()]

    def one(self, code: str) -> Finding:
        found = [each for each in self.examine() if each.code == code]
        assert len(found) == 1, (code, self.codes())
        return found[0]

    def mend(self, findings: Iterable[Finding]) -> None:
        chosen = tuple(findings)
        self.commits.commit("doctor", "doctor --fix", lambda loaded: draft_repairs(chosen, self.case(loaded)))

    def state(self) -> object:
        profiles = [(each.id, each.credential.to_secret_dict(), each.usage.to_dict()) for each in self.store.profiles()]
        return self.config.read_text() if self.config.exists() else None, profiles, self.store.order("anthropic")


def _is_known(registry: ProviderRegistry, name: str) -> bool:
    try:
        registry.resolve_provider(name)
    except UnknownNameError:
        return False
    return True


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    with CredentialStore(tmp_path / "s.db", clock=lambda: NOW) as store:
        yield Ward(tmp_path, store)


HEALTHY = """\
{ // by hand
  agents: { defaults: {
    model: { primary: "zai/glm-4.7", fallbacks: ["anthropic/claude-opus-4-5"] },
    models: { "zai/glm-4.7": { alias: "GLM" }, "anthropic/claude-opus-4-5": { alias: "opus" } },
  } },
  models: { providers: { local: { baseUrl: "http://127.0.0.1:8000/v1", api: "openai-completions", models: [] } } },
  auth: {
    profiles: {
      "anthropic:me@example.test": { provider: "anthropic", mode: "oauth", email: "me@example.test" },
      "anthropic:work": { provider: "anthropic", mode: "token" },
    },
    order: { anthropic: ["anthropic:work", "anthropic:me@example.test"] },
  },
  plugins: { enabled: true, deny: ["other"] },
}
"""


def test_nothing_is_found_on_a_healthy_set_up(ward: Ward) -> None:
    ward.config.write_text(HEALTHY)
    ward.put({"anthropic:me@example.test": oauth("me@example.test"), "anthropic:work": token(), "zai:default": key()})
    assert ward.examine() == ()


def test_nothing_is_found_where_nothing_is_set_up(ward: Ward) -> None:
    assert ward.examine() == ()
    assert not ward.store.path.exists()


PROFILES = "{{ auth: {{ profiles: {{ {} }} }} }}"
MODEL = '{{ agents: {{ defaults: {{ model: "{}" }} }} }}'
DEFAULTS = "{{ agents: {{ defaults: {{ {} }} }} }}"
CLAUDE_CLI = '"anthropic:claude-cli": { provider: "anthropic", mode: "token" }'
CODEX_CLI = '"openai-codex:codex-cli": { provider: "openai-codex", mode: "oauth" }'
DEFAULT = '"anthropic:default": { provider: "anthropic", mode: "oauth" }'

# Config text, profiles, then code, severity, provider, path and whether it can be mended.
FINDINGS: dict[str, tuple[str, dict[str, Credential], tuple[str, str, str | None, tuple[str, ...], bool]]] = {
    "a profile no longer used, in the config": (
        PROFILES.format(CLAUDE_CLI), {},
        ("doctor.legacy-profile", "warning", "anthropic", ("auth", "profiles", "anthropic:claude-cli"), True),
    ),
    "a profile no longer used, in the store": (
        "{}", {"anthropic:claude-cli": token()},
        ("doctor.legacy-profile", "warning", "anthropic", ("auth", "profiles", "anthropic:claude-cli"), True),
    ),
    "another profile no longer used, in both": (
        PROFILES.format(CODEX_CLI), {"openai-codex:codex-cli": oauth()},
        ("doctor.legacy-profile", "warning", "openai-codex", ("auth", "profiles", "openai-codex:codex-cli"), True),
    ),
    "a default that stands for the one login": (
        PROFILES.format(DEFAULT), {"anthropic:me@example.test": oauth("me@example.test")},
        ("doctor.default-id", "warning", "anthropic", ("auth", "profiles", "anthropic:default"), True),
    ),
    "a default that may be either of two logins": (
        PROFILES.format(DEFAULT), {"anthropic:a": oauth("a@example.test"), "anthropic:b": oauth("b@example.test")},
        ("doctor.default-id", "warning", "anthropic", ("auth", "profiles", "anthropic:default"), False),
    ),
    "a model with a new name": (
        MODEL.format("opencode-zen/claude-opus-4-5"), {"opencode:default": key()},
        ("doctor.model-renamed", "warning", "opencode", ("agents", "defaults", "model"), True),
    ),
    "a fallback with a new name": (
        DEFAULTS.format('model: { primary: "zai/glm-4.7", fallbacks: ["opencode-zen/claude-opus-4-5"] }'),
        {"opencode:default": key(), "zai:default": key()},
        ("doctor.model-renamed", "warning", "opencode", ("agents", "defaults", "model", "fallbacks"), True),
    ),
    "an entry with a new name": (
        DEFAULTS.format('models: { "opencode-zen/claude-opus-4-5": { alias: "o" } }'), {"opencode:default": key()},
        ("doctor.model-renamed", "warning", "opencode",
         ("agents", "defaults", "models", "opencode-zen/claude-opus-4-5"), True),
    ),
    "a listed profile without a credential": (
        PROFILES.format('"zai:default": { provider: "zai", mode: "api_key" }'), {},
        ("doctor.missing-credential", "warning", "zai", ("auth", "profiles", "zai:default"), True),
    ),
    "a default whose account is not stored": (
        PROFILES.format(DEFAULT), {},
        ("doctor.missing-credential", "warning", "anthropic", ("auth", "profiles", "anthropic:default"), True),
    ),
    "a credential for nobody": (
        "{}", {"gone:default": key()}, ("doctor.orphan", "info", "gone", (), False),
    ),
    "a mode that is not the stored one": (
        PROFILES.format('"zai:default": { provider: "zai", mode: "oauth" }'), {"zai:default": key()},
        ("doctor.mode", "warning", "zai", ("auth", "profiles", "zai:default", "mode"), True),
    ),
    "a profile said to be another provider's": (
        PROFILES.format('"zai:default": { provider: "anthropic", mode: "api_key" }'), {"zai:default": key()},
        ("doctor.profile-provider", "warning", "zai", ("auth", "profiles", "zai:default", "provider"), False),
    ),
    "an order with a profile that is not there": (
        '{ auth: { order: { zai: ["zai:gone", "zai:default"] } } }', {"zai:default": key()},
        ("doctor.order", "warning", "zai", ("auth", "order", "zai"), True),
    ),
    "an order that names a profile twice": (
        '{ auth: { order: { zai: ["zai:default", "zai:default"] } } }', {"zai:default": key()},
        ("doctor.order", "warning", "zai", ("auth", "order", "zai"), True),
    ),
    "an order of none that are there": (
        '{ auth: { order: { zai: ["zai:gone"] } } }', {},
            ("doctor.order", "warning", "zai", ("auth", "order", "zai"), True),
    ),
    "two orders of one provider": (
        '{ auth: { order: { zai: ["zai:default"], "z.ai": ["zai:default"] } } }', {"zai:default": key()},
        ("doctor.order-twice", "warning", "zai", ("auth", "order", "z.ai"), False),
    ),
    "two entries of one provider": (
        "{ models: { providers: { zai: {}, 'z.ai': {} } } }", {},
        ("doctor.twice", "warning", "zai", ("models", "providers", "z.ai"), False),
    ),
    "an address that cannot be used": (
        '{ models: { providers: { zai: { baseUrl: "https://a\\\\b@zai.test" } } } }', {},
        ("doctor.base-url", "error", "zai", ("models", "providers", "zai", "baseUrl"), False),
    ),
    "a literal key": (
        f'{{ models: {{ providers: {{ zai: {{ apiKey: "{CANARY}" }} }} }} }}', {},
        ("doctor.literal-key", "info", "zai", ("models", "providers", "zai", "apiKey"), False),
    ),
    "every provider hidden": (
        '{ models: { mode: "replace" } }', {}, ("doctor.replaced", "error", None, ("models", "mode"), False),
    ),
    "a default model of nobody": (
        MODEL.format("gone/x"), {}, ("doctor.unknown-provider", "error", None, ("agents", "defaults", "model"), False),
    ),
    "a fallback of nobody": (
        DEFAULTS.format('model: { fallbacks: ["gone/x"] }'), {},
        ("doctor.unknown-provider", "warning", None, ("agents", "defaults", "model", "fallbacks"), False),
    ),
    "a default model without a login": (
        MODEL.format("zai/glm-4.7"), {},
            ("doctor.missing-auth", "error", "zai", ("agents", "defaults", "model"), False),
    ),
    "a default model in a longer entry": (
        DEFAULTS.format('model: { primary: "zai/glm-4.7" }'), {},
        ("doctor.missing-auth", "error", "zai", ("agents", "defaults", "model", "primary"), False),
    ),
    "a default model that may not be used": (
        DEFAULTS.format('model: "zai/glm-4.7", models: { "zai/glm-4.6": {} }'), {"zai:default": key()},
        ("doctor.not-allowed", "warning", None, ("agents", "defaults", "models", "zai/glm-4.7"), True),
    ),
    "one alias for two models": (
        DEFAULTS.format('models: { "zai/glm-4.6": { alias: "g" }, "zai/glm-4.7": { alias: "G" } }'),
        {"zai:default": key()},
        ("doctor.alias-twice", "warning", None, ("agents", "defaults", "models", "zai/glm-4.7", "alias"), False),
    ),
    "a token that has expired": (
        "{}", {"anthropic:default": token(NOW - 1)}, ("doctor.expired", "error", "anthropic", (), False),
    ),
    "a login without renewal that has expired": (
        "{}", {"anthropic:default": oauth(expires=NOW, refresh=None)},
            ("doctor.expired", "error", "anthropic", (), False),
    ),
    "a token that will expire": (
        "{}", {"anthropic:default": token(NOW + 23 * HOUR)}, ("doctor.expires", "warning", "anthropic", (), False),
    ),
    "a profile that the config does not name": (
        PROFILES.format('"zai:work": { provider: "zai", mode: "api_key" }'), {"zai:work": key(), "zai:home": key()},
        ("doctor.unused-profile", "info", "zai", (), False),
    ),
    "a broken setting": (
        "{ models: { mode: 7 } }", {}, ("config.type", "error", None, ("models", "mode"), False),
    ),
    "a model without its provider": (
        MODEL.format("opus"), {}, ("config.bare-model", "warning", None, ("agents", "defaults", "model"), False),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FINDINGS)
def test_a_finding_has_its_code_severity_provider_path_and_repair(ward: Ward, name: str) -> None:
    text, profiles, expected = FINDINGS[name]
    ward.config.write_text(text)
    ward.put(profiles)
    found = ward.one(expected[0])
    assert (found.code, found.severity, found.provider, found.path, found.repair is not None) == expected
    assert found.to_dict()["fixable"] is expected[4]


@pytest.mark.parametrize("name", FINDINGS)
def test_findings_are_plain_sentences_with_a_fix_and_hold_no_secret(ward: Ward, name: str) -> None:
    text, profiles, _ = FINDINGS[name]
    ward.config.write_text(text)
    ward.put(profiles)
    for each in ward.examine():
        assert re.fullmatch(r"[a-z]+(\.[a-z0-9-]+)+", each.code)
        assert re.search(r"[.!?]( \(.+\))?$", each.message), each.message
        assert each.fix
        assert each.message.isprintable()
        assert CANARY not in f"{each.to_dict()}{each!r}"


MENDABLE = [name for name, (_, _, expected) in FINDINGS.items() if expected[4]]


@pytest.mark.parametrize("name", MENDABLE)
def test_a_repair_makes_its_finding_disappear_and_changes_nothing_else(ward: Ward, name: str) -> None:
    text, profiles, expected = FINDINGS[name]
    ward.config.write_text("// by hand\n" + text.replace("{", "{ gateway: { port: 1 }, ", 1))
    ward.put({**profiles, "mistral:default": key()})
    before, value = ward.state(), ward.load().document.value
    codes = ward.codes()
    found = ward.one(expected[0])
    ward.mend([found])
    after = ward.load().document.value
    assert expected[0] not in ward.codes()
    assert set(ward.codes()) <= set(codes), "the repair made another finding"
    assert found.repair is not None
    touched = {change.path for change in found.repair.changes}
    assert list(_differences(value, after)) != [] or found.repair.remove
    assert all(any(_near(path, each) for each in touched) for path in _differences(value, after))
    assert re.match(r"// by hand\n\{\s+gateway: \{ port: 1 \}", ward.config.read_text())
    gone = {name for name in profiles if ward.store.get(name) is None}
    assert gone == set(found.repair.remove)
    _, kept = ward.commits.undo()
    assert kept == ()
    assert ward.state() == before


def _differences(one: object, other: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(one, dict) and isinstance(other, dict):
        for name in one.keys() | other.keys():
            yield from _differences(find(one, (name,)), find(other, (name,)), (*path, name))
    elif one != other:
        yield path


def _near(path: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return path[: len(other)] == other or other[: len(path)] == path


EVERYTHING = """\
{ // by hand
  agents: { defaults: { model: { primary: "opencode-zen/claude-opus-4-5" } } },
  auth: {
    profiles: {
      "anthropic:claude-cli": { provider: "anthropic", mode: "token" },
      "anthropic:default": { provider: "anthropic", mode: "oauth", note: "mine" },
      "openai-codex:codex-cli": { provider: "openai-codex", mode: "oauth" },
      "zai:gone": { provider: "zai", mode: "api_key" },
      "zai:work": { provider: "zai", mode: "token" },
    },
    order: {
      anthropic: ["anthropic:claude-cli", "anthropic:default", "anthropic:never"],
      zai: ["zai:gone", "zai:work"],
    },
  },
}
"""


def test_all_repairs_at_once_do_not_get_in_each_others_way(ward: Ward) -> None:
    ward.config.write_text(EVERYTHING)
    ward.put(
        {
            "anthropic:claude-cli": token(),
            "anthropic:me": oauth("me@example.test"),
            "openai-codex:codex-cli": oauth(),
            "opencode:default": key(),
            "zai:work": key(),
        }
    )
    ward.store.set_order("anthropic", ["anthropic:claude-cli", "anthropic:me"])
    before = ward.state()
    findings = ward.examine()
    ward.mend(findings)
    assert [each.code for each in ward.examine() if each.repair] == []
    settings = read_settings(ward.load().document.value)
    assert {each.id: each.mode for each in settings.profiles} == {"anthropic:me": "oauth", "zai:work": "api_key"}
    assert settings.order == (("anthropic", ("anthropic:me",)), ("zai", ("zai:work",)))
    assert settings.default_model == "opencode/claude-opus-4-5"
    assert ward.load().document.get(("auth", "profiles", "anthropic:me", "note")) == "mine"
    assert [each.id for each in ward.store.profiles()] == ["anthropic:me", "opencode:default", "zai:work"]
    assert ward.store.order("anthropic") == ("anthropic:me",)
    ward.commits.undo()
    assert ward.state() == before


def test_a_finding_that_the_config_no_longer_shows_is_not_repaired(ward: Ward) -> None:
    ward.config.write_text('{ auth: { order: { zai: ["zai:gone", "zai:default"] } } }')
    ward.put({"zai:default": key()})
    findings = ward.examine()
    edited = '{ auth: { order: { zai: ["zai:default"] } } }'
    ward.config.write_text(edited)
    assert draft_repairs(findings, ward.case()).changes == ()
    ward.mend(findings)
    assert (ward.config.read_text(), ward.commits.history()) == (edited, ())


# ------------------------------------------------------------------------------------------------ accounts and legacy


ACCOUNTS: dict[str, tuple[str | None, dict[str, str | None], str | None]] = {
    "the same e-mail": ("a@example.test", {"anthropic:x": "a@example.test"}, "anthropic:x"),
    "the same e-mail, in other letters": ("A@Example.test", {"anthropic:x": "a@example.test"}, "anthropic:x"),
    "the e-mail as the profile's name": ("a@example.test", {"anthropic:a@example.test": None},
    "anthropic:a@example.test"),
    "the right one of two": (
        "b@example.test", {"anthropic:x": "a@example.test", "anthropic:y": "b@example.test"}, "anthropic:y",
    ),
    "another account": ("a@example.test", {"anthropic:x": "b@example.test"}, None),
    "a login whose account is not known": ("a@example.test", {"anthropic:x": None}, None),
    "the only login": (None, {"anthropic:x": "b@example.test"}, "anthropic:x"),
    "two logins": (None, {"anthropic:x": "a@example.test", "anthropic:y": "b@example.test"}, None),
    "two profiles of one account": (
        "a@example.test", {"anthropic:x": "a@example.test", "anthropic:y": "a@example.test"}, None),
    "another provider's login": (None, {"zai:x": "a@example.test"}, None),
}  # fmt: skip


@pytest.mark.parametrize("name", ACCOUNTS)
def test_a_default_is_renamed_only_where_both_are_one_account(ward: Ward, name: str) -> None:
    email, stored, chosen = ACCOUNTS[name]
    said = f', email: "{email}"' if email else ""
    ward.config.write_text(PROFILES.format(DEFAULT.replace(" }", said + " }")))
    ward.put({each: oauth(mail) for each, mail in stored.items()})
    found = [each for each in ward.examine() if each.code == "doctor.default-id" and each.repair]
    assert [each.repair is not None for each in found] == ([True] if chosen else [])
    ward.mend(found)
    listed = read_settings(ward.load().document.value).profiles
    assert [(each.id, each.email) for each in listed] == [(chosen or "anthropic:default", email)]
    assert {each.id for each in ward.store.profiles()} == set(stored)


def test_a_repair_never_collapses_two_accounts_into_one(ward: Ward) -> None:
    """The config names two accounts, and only one of them is stored: the other entry is not renamed to it."""
    entries = DEFAULT + ', "anthropic:b": { provider: "anthropic", mode: "oauth", email: "b@example.test" }'
    ward.config.write_text(PROFILES.format(entries))
    ward.put({"anthropic:b": oauth("b@example.test")})
    assert "doctor.default-id" not in ward.codes()
    found = ward.one("doctor.missing-credential")
    assert found.path == ("auth", "profiles", "anthropic:default")
    ward.mend(each for each in ward.examine() if each.repair)
    assert [each.id for each in read_settings(ward.load().document.value).profiles] == ["anthropic:b"]
    assert [each.id for each in ward.store.profiles()] == ["anthropic:b"]


def test_a_default_that_is_stored_under_its_own_name_is_healthy(ward: Ward) -> None:
    ward.config.write_text(PROFILES.format(DEFAULT))
    ward.put({"anthropic:default": oauth()})
    assert ward.examine() == ()


def test_a_renamed_default_keeps_its_place_in_the_order(ward: Ward) -> None:
    work = '"anthropic:work": { provider: "anthropic", mode: "token" }'
    order = 'order: { anthropic: ["anthropic:default", "anthropic:work"] }'
    ward.config.write_text(f"{{ auth: {{ profiles: {{ {DEFAULT}, {work} }}, {order} }} }}")
    ward.put({"anthropic:me": oauth(), "anthropic:work": token()})
    ward.mend([ward.one("doctor.default-id")])
    assert read_settings(ward.load().document.value).order == (("anthropic", ("anthropic:me", "anthropic:work")),)


def test_every_legacy_rule_of_a_core_block_is_exercised_here(ward: Ward) -> None:
    rules = legacy_profiles(ward.case().registry.snapshot())
    assert {(each.rule, each.subject) for each in rules if each.rule != "choice-alias"} == {
        ("repair-default-id", "anthropic:default"),
        ("remove", "anthropic:claude-cli"),
        ("migrate-mode", "anthropic:claude-cli"),
        ("remove", "openai-codex:codex-cli"),
        ("model-ref", "opencode-zen/claude-opus-4-5"),
        ("external-sync", "qwen-portal:qwen-cli"),
        ("import-file", "<provider>:default"),
    }


def test_a_profile_that_goes_is_not_given_a_new_mode_first(ward: Ward) -> None:
    """Both rules are about one profile; setting the mode after the removal would leave half an entry."""
    ward.config.write_text(PROFILES.format(CLAUDE_CLI))
    assert ward.codes() == ["doctor.legacy-profile", "advisory.deprecated-claude-cli"]
    ward.mend(ward.examine())
    assert ward.load().document.value == {"auth": {"profiles": {}}}
    assert ward.examine() == ()


def test_a_rule_for_a_mode_sets_it(ward: Ward) -> None:
    ward.blocks = (Provider("acme", "Acme", legacy=(LegacyProfile("migrate-mode", "acme:cli", to="oauth"),)),)
    ward.config.write_text(PROFILES.format('"acme:cli": { provider: "acme", mode: "token" }'))
    ward.put({"acme:cli": oauth()})
    found = ward.one("doctor.legacy-mode")
    assert (found.severity, found.provider, found.path[-1]) == ("warning", "acme", "mode")
    ward.mend([found])
    assert ward.examine() == ()


@pytest.mark.parametrize(("stored", "there", "told"), [(False, True, True), (True, True, False), (False, False, False)])
def test_another_programs_login_is_told_where_it_is_not_taken_over(
    ward: Ward, stored: bool, there: bool, told: bool
) -> None:
    ward.files = frozenset({"~/.qwen/oauth_creds.json"} if there else ())
    ward.put({"qwen-portal:qwen-cli": oauth()} if stored else {})
    assert ("doctor.external-login" in ward.codes()) is told


@pytest.mark.parametrize("name", ["auth.json", "credentials/oauth.json"])
def test_an_older_programs_credential_files_are_told(ward: Ward, name: str) -> None:
    ward.files = frozenset({f"/home/me/.older/{name}"})
    ward.more = {"old_folders": ("/home/me/.older/", "/home/me/.none")}
    found = ward.one("doctor.old-file")
    assert f"/home/me/.older/{name}" in found.message
    assert found.fix == "Take them over with: jackfield import openclaw --from /home/me/.older/"


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ("", []),
        ("zai: {}, acme: {baseUrl: 'https://a.test'}", []),
        ("zai: {baseUrl: 'ftp://a.test'}", [("config.base-url", "error", "models.providers.zai.baseUrl", 1)]),
        ("zai: {baseUrl: '${GATEWAY}'}", []),
        ("zai: {},\n 'z.ai': {}", [("config.same-provider", "warning", 'models.providers["z.ai"]', 2)]),
        ("acme: {},\n ACME: {}", [("config.same-provider", "warning", "models.providers.ACME", 2)]),
        ("zai: {baseUrl: 3}", []),
        ("acme: {baseUrl: 'ftp://a.test'}", []),
        (
            "zai: {baseUrl: 'ftp://a.test'},\n 'Z.AI': {baseUrl: 'http://203.0.113.5'}",
            [
                ("config.same-provider", "warning", 'models.providers["Z.AI"]', 2),
                ("config.base-url", "error", "models.providers.zai.baseUrl", 1),
                ("config.base-url", "error", 'models.providers["Z.AI"].baseUrl', 2),
            ],
        ),
    ],
)
def test_faults_of_entries_are_told_with_their_places(
    ward: Ward, entries: str, expected: list[tuple[str, str, str, int]]
) -> None:
    ward.config.write_text("{models: {providers: {" + entries + "}}}")
    case = ward.case()

    found = entry_faults(case.config, case.registry)

    assert sorted((each.code, each.severity, format_path(each.path), each.line) for each in found) == sorted(expected)
    assert all(each.hint and each.column for each in found)
    assert [each for each in ward.codes() if each in {"doctor.twice", "doctor.base-url"}] == [
        *["doctor.base-url"] * sum(each[1] == "error" for each in expected),
        *["doctor.twice"] * sum(each[1] == "warning" for each in expected),
    ]


def test_a_model_entry_is_not_renamed_over_another_one(ward: Ward) -> None:
    both = 'models: { "opencode-zen/claude-opus-4-5": { alias: "a" }, "opencode/claude-opus-4-5": { alias: "b" } }'
    ward.config.write_text(DEFAULTS.format(both))
    ward.put({"opencode:default": key()})
    assert ward.one("doctor.model-renamed").repair is None


# -------------------------------------------------------------------------------------- credentials, files, advisories


def test_a_resting_profile_says_how_long_and_why(ward: Ward) -> None:
    ward.put({"zai:default": key()})
    ward.store.record_failure("zai:default", "rate_limit")
    assert ward.one("doctor.cooldown").message == "The profile zai:default rests for 1 more minutes after rate_limit."


@pytest.mark.parametrize(
    ("reason", "expires", "told"), [("auth", NOW, True), ("auth", NOW + 1, False), ("timeout", NOW, False)]
)
def test_a_login_that_could_not_be_renewed_is_told(ward: Ward, reason: str, expires: int, told: bool) -> None:
    ward.put({"anthropic:default": oauth(expires=expires)})
    ward.store.record_failure("anthropic:default", reason)
    assert ("doctor.not-renewed" in ward.codes()) is told


@pytest.mark.parametrize("expires", [NOW + 24 * HOUR + 1, None])
def test_a_token_that_lasts_is_not_told(ward: Ward, expires: int | None) -> None:
    ward.put({"anthropic:default": token(expires)})
    assert ward.examine() == ()


@pytest.mark.parametrize(("env", "told"), [("sk-other-key", True), (CANARY, False)])
def test_a_shadowed_credential_is_told_unless_it_is_the_same(ward: Ward, env: str, told: bool) -> None:
    ward.env = {"ZAI_API_KEY": env}
    ward.put({"zai:default": key()})
    found = [each for each in ward.examine() if each.code == "doctor.shadowed"]
    assert [each.message.partition(" uses ")[2] for each in found] == (
        ["profile zai:default; it hides env ZAI_API_KEY."] if told else []
    )


@pytest.mark.parametrize(
    ("origin", "told"), [("https://api.else.test", True), ("https://proxy.test:8443", False), (None, False)]
)
def test_a_credential_issued_for_another_origin_is_told(ward: Ward, origin: str | None, told: bool) -> None:
    ward.config.write_text('{ models: { providers: { zai: { baseUrl: "https://proxy.test:8443/v1" } } } }')
    ward.store.put(Profile("zai:default", key(), origin=origin))
    found = [each for each in ward.examine() if each.code == "doctor.origin"]
    assert [each.path for each in found] == ([("models", "providers", "zai", "baseUrl")] if told else [])


def test_open_files_are_told_once_and_made_private(ward: Ward) -> None:
    path = str(ward.store.path)
    hint = f"chmod 600 {path}"
    ward.diagnostics = (Diagnostic("store.open-mode", "It has mode 644.", "warning", (path,), hint=hint),)
    ward.more = {"open_files": (path, "/tmp/my config.json5")}
    found = [each for each in ward.examine() if each.repair]
    assert [(each.code, each.severity, each.path, each.repair) for each in found] == [
        ("store.open-mode", "warning", (), Repair(private=(path,))),
        ("doctor.file-mode", "warning", (), Repair(private=("/tmp/my config.json5",))),
    ]
    assert [each.fix for each in found] == [hint, "chmod 600 '/tmp/my config.json5'"]


@pytest.mark.parametrize(
    ("text", "profiles", "code"),
    [
        (PROFILES.format(CLAUDE_CLI), {}, "advisory.deprecated-claude-cli"),
        (PROFILES.format(CODEX_CLI), {}, "advisory.deprecated-codex-cli"),
        (MODEL.format("anthropic/claude-opus-4-5"), {}, "advisory.missing-auth-hint"),
        ("{}", {"openai-codex:default": oauth()}, "advisory.codex-only"),
        ("{ models: { providers: { opencode: {} } } }", {}, "advisory.override-warning"),
    ],
)
def test_an_advisory_is_told_when_its_condition_is_met(
    ward: Ward, text: str, profiles: dict[str, Credential], code: str
) -> None:
    assert code not in ward.codes()
    ward.config.write_text(text)
    ward.put(profiles)
    assert ward.one(code).severity == "info"


@pytest.mark.parametrize(
    ("when", "configured", "told"),
    [("doctor", True, True), ("status", True, True), ("doctor", False, False), ("before-login", True, False)],
)
def test_an_advisory_without_a_condition_is_for_those_who_use_the_provider(
    ward: Ward, when: Any, configured: bool, told: bool
) -> None:
    ward.blocks = (Provider("acme", "Acme", advisories=(Advisory("note", "Note", "Mind the gap.", when),)),)
    ward.put({"acme:default": key()} if configured else {})
    assert ("advisory.note" in ward.codes()) is told


@pytest.mark.parametrize(
    ("plugins", "place"),
    [
        ("enabled: false", ("plugins", "enabled")),
        ('deny: ["acme-auth"]', ("plugins", "deny")),
        ('entries: { "acme-auth": { enabled: false } }', ("plugins", "entries", "acme-auth", "enabled")),
        ("enabled: true", None),
        ('deny: ["other"]', None),
    ],
)
@pytest.mark.parametrize("used", [True, False])
def test_a_switched_off_plugin_of_a_login_in_use_is_told(
    ward: Ward, plugins: str, place: tuple[str, ...] | None, used: bool
) -> None:
    method = AuthMethod("oauth", "acme", "oauth", "Acme", "plugin", supplied_by="acme-auth")
    ward.blocks = (Provider("acme", "Acme", auth=(method,)),)
    ward.config.write_text(f"{{ plugins: {{ {plugins} }} }}")
    ward.put({"acme:default": oauth()} if used else {})
    found = [each.path for each in ward.examine() if each.code == "doctor.plugin-disabled"]
    assert found == ([place] if place and used else [])


# -------------------------------------------------------------------------------------------------- broken and hostile


@pytest.mark.parametrize(
    ("text", "code"),
    [(b"{ models: ", "config.syntax"), (b"\xff\xfe", "config.encoding"), (b"{ a: 1, models: 7 }", "config.type")],
)
def test_one_broken_config_still_yields_findings(ward: Ward, text: bytes, code: str) -> None:
    ward.config.write_bytes(text)
    ward.put({"anthropic:default": token(NOW - 1), "anthropic:claude-cli": token()})
    codes = ward.codes()
    assert codes[0] == code
    assert {"doctor.expired", "doctor.legacy-profile"} <= set(codes)


HOSTILE = [
    "{ agents: 1, auth: 2, models: 3, plugins: 4 }",
    "[1, 2]",
    "{ auth: { profiles: [1], order: { zai: 7, a: [1, null] } } }",
    '{ auth: { profiles: { "no colon": { provider: "zai", mode: "api_key" } } } }',
    '{ auth: { profiles: { "zai:\\u001b[31m": { provider: "\\u202ezai", mode: "api_key" } } } }',
    f'{{ auth: {{ profiles: {{ "{CANARY * 8}": {{ provider: "zai", mode: "api_key" }} }} }} }}',
    f'{{ agents: {{ defaults: {{ model: "{CANARY * 8}/x" }} }} }}',
    '{ agents: { defaults: { model: { primary: 1, fallbacks: [1, "a/b"] }, models: [1] } } }',
    '{ models: { providers: { zai: null, "": {}, "A B": { baseUrl: 7 } } } }',
    '{ plugins: { deny: "all", entries: [1] } }',
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_config_yields_findings_and_no_exception(ward: Ward, text: str) -> None:
    ward.config.write_text(text)
    for each in ward.examine():
        assert each.message.isprintable(), each
        assert each.fix
        assert CANARY not in f"{each.message}{each.path}"


def test_errors_come_first_and_each_finding_once(ward: Ward) -> None:
    fault = Diagnostic("store.tampered", "It was damaged", "error", hint="Store it anew.")
    ward.diagnostics = (fault, fault)
    ward.config.write_text(PROFILES.format(CLAUDE_CLI))
    found = ward.examine()
    assert [each.severity for each in found] == ["error", "warning", "info"]
    assert (found[0].code, found[0].message, found[0].fix) == ("store.tampered", "It was damaged.", "Store it anew.")


def test_a_finding_of_the_config_says_where_it_stands(ward: Ward) -> None:
    ward.config.write_text("{\n  models: { providers: { 'z.ai': { auth: 'none' } } },\n}")
    found = ward.one("config.value")
    assert found.message.startswith('models.providers["z.ai"].auth must be one of api-key')
    assert found.message.endswith(f"({ward.config}:2:36)")


def test_a_model_that_is_in_no_list_is_told_where_the_list_is_whole(ward: Ward) -> None:
    listed = {each.id: each for each in ward.case().registry.list_providers() if each.models and each.discovery is None}
    provider = listed["zai"]
    ward.put({"zai:default": key()})
    ward.config.write_text(MODEL.format(f"zai/{provider.models[0].id}"))
    assert ward.examine() == ()
    ward.config.write_text(MODEL.format("zai/never-heard-of"))
    found = ward.one("doctor.unknown-model")
    assert (found.severity, found.provider, found.path) == ("info", "zai", ("agents", "defaults", "model"))
    own = '{ models: { providers: { zai: { models: [{ id: "never-heard-of" }] } } },'
    ward.config.write_text(own + MODEL.format("zai/never-heard-of")[1:])
    assert "doctor.unknown-model" not in ward.codes()


def test_an_address_that_cannot_be_read_is_told_once(ward: Ward) -> None:
    ward.config.write_text('{ models: { providers: { zai: { baseUrl: "https://a b.test" } } } }')
    ward.store.put(Profile("zai:default", key(), origin="https://api.z.ai"))
    assert ward.codes() == ["doctor.base-url"]


def test_an_address_from_the_environment_is_not_judged(ward: Ward) -> None:
    ward.config.write_text('{ models: { providers: { zai: { baseUrl: "${ZAI_URL}" } } } }')
    assert ward.examine() == ()


@pytest.mark.parametrize("text", ["n/a", "${ZAI_KEY_FOR_THE_WHOLE_TEAM}", "profile:zai:the-work-account"])
def test_a_marker_and_a_reference_are_no_literal_keys(ward: Ward, text: str) -> None:
    ward.config.write_text(f'{{ models: {{ providers: {{ zai: {{ apiKey: "{text}" }} }} }} }}')
    assert "doctor.literal-key" not in ward.codes()


def test_an_open_folder_is_told_and_not_given_the_mode_of_a_file(ward: Ward) -> None:
    folder = str(ward.store.path.parent)
    ward.diagnostics = (Diagnostic("store.open-mode", "It is open.", "warning", (folder,), hint=f"chmod 700 {folder}"),)
    found = ward.one("store.open-mode")
    assert (found.repair, found.fix) == (None, f"chmod 700 {folder}")


# ------------------------------------------------------------------------------------------------ what cannot be seen

SHUT = "it is sealed with another key than the one in use"
ORDER = "{{ auth: {{ profiles: {{ {} }}, order: {{ {} }} }} }}"
ZAI = '"zai:default": { provider: "zai", mode: "api_key" }'


def seen_with(ward: Ward, shut: Iterable[str], *, unread: bool = False) -> dict[str, Finding]:
    case = ward.case()
    where = replace(case.where, shut=dict.fromkeys(shut, SHUT), unread=unread)
    return {each.code: each for each in examine(replace(case, where=where))}


@pytest.mark.parametrize(
    ("text", "shut", "code"),
    [
        (PROFILES.format(ZAI), "zai:default", "doctor.missing-credential"),
        (MODEL.format("zai/glm-4.7"), "zai:default", "doctor.missing-auth"),
        (ORDER.format("", 'zai: ["zai:work"]'), "zai:work", "doctor.order"),
        (PROFILES.format(DEFAULT), "anthropic:me@example.test", "doctor.default-id"),
    ],
)
def test_what_is_there_and_cannot_be_opened_is_not_missing(ward: Ward, text: str, shut: str, code: str) -> None:
    ward.config.write_text(text)
    ward.put({"anthropic:other@example.test": oauth("other@example.test")})
    assert code in seen_with(ward, ())
    assert code not in seen_with(ward, [shut])
    assert code not in seen_with(ward, (), unread=True)


def test_a_profile_that_cannot_be_opened_does_not_hide_that_another_is_missing(ward: Ward) -> None:
    ward.config.write_text(PROFILES.format(ZAI))
    assert seen_with(ward, ["zai:work"])["doctor.missing-credential"].repair is not None


def test_no_repair_is_offered_that_no_commit_can_make(ward: Ward) -> None:
    ward.config.write_text(PROFILES.format(ZAI))
    ward.more = {"open_files": (str(ward.config),), "unwritable": "Set the key."}
    missing, open_file = ward.one("doctor.missing-credential"), ward.one("doctor.file-mode")
    assert (missing.repair, missing.fix[:18]) == (None, "Set the key. Then:")
    assert open_file.repair == Repair(private=(str(ward.config),))


@pytest.mark.parametrize(("owner", "told"), [("plugin:acme", False), ("config", True), (None, True)])
def test_a_place_is_put_on_the_config_only_for_what_is_in_it(ward: Ward, owner: str | None, told: bool) -> None:
    ward.diagnostics = (Diagnostic("plugin.manifest-json", "It is no JSON.", owner=owner, line=2, column=1),)
    assert (f"({ward.config}:2:1)" in ward.one("plugin.manifest-json").message) is told


def test_what_only_tells_something_asks_for_nothing(ward: Ward) -> None:
    ward.diagnostics = (Diagnostic("config.finished", "It is finished.", "info"),)
    assert ward.one("config.finished").fix == "Nothing needs to be done."
