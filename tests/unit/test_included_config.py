"""Commits and the doctor on a config that takes in other files: those are read, told, and never written."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from jackfield.commits import Commits, Draft
from jackfield.config.file import Change, LoadedConfig, load_config
from jackfield.config.host import ABSENT
from jackfield.config.plan import plan_patch
from jackfield.credentials.profile import ApiKeyCredential, Profile
from jackfield.credentials.secret import Secret
from jackfield.credentials.sources import Surroundings
from jackfield.credentials.store import CredentialStore
from jackfield.doctor import Case, Finding, draft_repairs, entry_faults, examine
from jackfield.errors import ConfigError
from jackfield.providers.registry import ProviderRegistry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jackfield.config.plan import PatchPlan

NOW = 1_800_000_000_000
MAIN = """\
{ // mine
  $include: './shared.json5', // ours all
  voice: { a: 1 },
}
"""
SHARED = """\
// kept in another place
{
  models: { providers: { acme: { baseUrl: 'https://api.acme.test/v1', api: 'openai-completions', models: [] } } },
  agents: { defaults: { model: { primary: 'acme/one', fallbacks: ['acme/two'] } } },
  auth: {
    profiles: { 'acme:shared': { provider: 'acme', mode: 'api_key' } },
    order: { acme: ['acme:shared'] },
  },
}
"""
PRIMARY = ("agents", "defaults", "model", "primary")
SHARED_PROFILE = ("auth", "profiles", "acme:shared")
BASE_URL = ("models", "providers", "acme", "baseUrl")


class Killed(BaseException):
    """Ends a commit where a kill would."""


class Bench:
    """A config with an included file, a store, and what both come to."""

    def __init__(self, folder: Path, store: CredentialStore) -> None:
        self.folder = folder
        self.config = folder / "config.json5"
        self.shared = folder / "shared.json5"
        self.store = store
        self.commits = Commits(self.config, store, lambda: NOW)
        self.config.write_text(MAIN)
        self.shared.write_text(SHARED)
        for each in (self.config, self.shared):
            each.chmod(0o600)

    def state(self) -> object:
        profiles = [(each.id, each.credential.to_secret_dict()) for each in self.store.profiles()]
        return self.config.read_bytes(), self.shared.read_bytes(), profiles

    def commit(
        self, *changes: tuple[tuple[str, ...], object], keep: str | None = None, remove: str | None = None
    ) -> None:
        profiles = (Profile(keep, ApiKeyCredential(Secret("k-1"))),) if keep else ()
        draft = Draft(tuple(Change(*each) for each in changes), profiles, (remove,) if remove else ())
        self.commits.commit("user", "a login", lambda _: draft)

    def value(self) -> object:
        return load_config(self.config).document.value

    def at(self, path: tuple[str, ...]) -> object:
        here = self.value()
        for key in path:
            here = here.get(key, ABSENT) if isinstance(here, dict) else ABSENT
        return here

    def case(self, config: LoadedConfig | None = None) -> Case:
        config = config or load_config(self.config)
        registry = ProviderRegistry.with_core()
        where = Surroundings(
            settings=config.settings,
            profiles=self.store.profiles(),
            stored_order={},
            env={},
            now=NOW,
            file_exists=lambda _: False,
        )
        return Case(registry, config, where)

    def findings(self, code: str) -> list[Finding]:
        return [each for each in examine(self.case()) if each.code == code]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    folder = tmp_path / "home"
    folder.mkdir()
    with CredentialStore(tmp_path / "s.db", clock=lambda: NOW) as store:
        yield Bench(folder, store)


# --- commits ---------------------------------------------------------------------------------------------------------


def test_a_commit_writes_beside_the_include_and_leaves_the_included_file_alone(bench: Bench) -> None:
    before = bench.shared.stat()
    bench.commit((PRIMARY, "acme/three"), keep="acme:new")
    assert bench.at(PRIMARY) == "acme/three"
    assert bench.at(PRIMARY[:-1]) == {"primary": "acme/three", "fallbacks": ["acme/two"]}
    assert bench.config.read_text().startswith(MAIN.removesuffix("}\n"))
    after = bench.shared.stat()
    assert bench.shared.read_text() == SHARED
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert sorted(each.name for each in bench.folder.iterdir()) == [
        "config.json5",
        "config.json5.bak",
        "config.json5.lock",
        "shared.json5",
    ]


def test_what_a_commit_wrote_beside_an_include_is_taken_back_byte_for_byte(bench: Bench) -> None:
    before = bench.state()
    bench.commit((PRIMARY, "acme/three"), (BASE_URL, "https://two.acme.test"), keep="acme:new")
    assert bench.commits.preview_undo() == (bench.config.read_text(), MAIN)
    _, kept = bench.commits.undo()
    assert (bench.state(), kept) == (before, ())
    assert (bench.at(PRIMARY), bench.at(BASE_URL)) == ("acme/one", "https://api.acme.test/v1")


def test_the_record_tells_what_the_main_file_said_before(bench: Bench) -> None:
    bench.commit((PRIMARY, "acme/three"))
    (commit,) = bench.commits.history()
    assert [(each.path, each.before, each.after) for each in commit.steps] == [(PRIMARY, ABSENT, "acme/three")]


def test_undo_sets_the_main_file_back_also_after_the_included_one_was_changed(bench: Bench) -> None:
    bench.commit((PRIMARY, "acme/three"))
    bench.shared.write_text(SHARED.replace("acme/one", "acme/nine"))
    _, kept = bench.commits.undo()
    assert (bench.config.read_text(), kept, bench.at(PRIMARY)) == (MAIN, (), "acme/nine")


def test_undo_leaves_what_was_changed_by_hand_in_the_main_file_since(bench: Bench) -> None:
    bench.commit((PRIMARY, "acme/three"), (("voice", "b"), 2))
    bench.config.write_text(bench.config.read_text().replace("acme/three", "acme/mine"))
    _, kept = bench.commits.undo()
    assert [(each.code, each.path) for each in kept] == [("config.changed-since", PRIMARY)]
    assert (bench.at(PRIMARY), bench.at(("voice",))) == ("acme/mine", {"a": 1})


@pytest.mark.parametrize(
    ("path", "value"),
    [(SHARED_PROFILE, None), (("auth", "order", "acme"), ["acme:new", "acme:shared"]), (("agents",), None)],
)
def test_a_change_that_the_main_file_cannot_make_is_refused_whole(
    bench: Bench, path: tuple[str, ...], value: object
) -> None:
    bench.store.put(Profile("acme:shared", ApiKeyCredential(Secret("k-0"))))
    before = bench.state()
    with pytest.raises(ConfigError) as caught:
        bench.commit((("voice", "b"), 2), (path, value), keep="acme:new", remove="acme:shared")
    assert caught.value.code == "config.included"
    assert [each.path for each in caught.value.diagnostics] == [path]
    assert str(bench.shared) in caught.value.message
    assert bench.state() == before
    assert bench.commits.history() == ()
    assert bench.store.intents() == ()


def test_a_commit_reads_the_included_files_anew_under_the_lock(bench: Bench) -> None:
    assert load_config(bench.config).settings.default_model == "acme/one"
    bench.shared.write_text(SHARED.replace("acme/one", "acme/nine"))
    seen: list[str | None] = []

    def draft(config: LoadedConfig) -> Draft:
        seen.append(config.settings.default_model)
        return Draft(())

    bench.commits.commit("user", "look", draft)
    assert seen == ["acme/nine"]


def test_a_plan_does_not_fit_when_an_included_leaf_was_changed_meanwhile(bench: Bench) -> None:
    plan = plan_for(bench, {"baseUrl": "https://api.acme.test/v2"})
    bench.shared.write_text(SHARED.replace("https://api.acme.test/v1", "https://other.acme.test/v1"))
    now = bench.value()
    assert isinstance(now, dict)
    with pytest.raises(ConfigError) as caught:
        plan.apply(now, ("overwrite", "origin-change"))
    assert caught.value.code == "config.changed"


def test_nothing_is_committed_while_a_file_cannot_be_taken_in(bench: Bench) -> None:
    bench.shared.unlink()
    with pytest.raises(ConfigError) as caught:
        bench.commit((("voice", "b"), 2))
    assert [each.code for each in caught.value.diagnostics] == ["config.include-missing"]
    assert bench.config.read_text() == MAIN


def test_a_linked_config_commits_with_what_stands_beside_the_link(bench: Bench, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.json5"
    bench.config.rename(real)
    bench.config.symlink_to(real)
    linked = Commits(bench.config, bench.store, lambda: NOW)
    linked.commit("user", "a login", lambda _: Draft((Change(PRIMARY, "acme/three"),)))
    assert bench.at(PRIMARY) == "acme/three"
    assert bench.config.is_symlink()
    linked.undo()
    assert real.read_text() == MAIN


@pytest.mark.parametrize("point", ["stored", "written"])
@pytest.mark.parametrize("meanwhile", ["nothing", "changed", "gone"])
def test_what_a_kill_cut_off_is_finished_whatever_became_of_the_included_file(
    bench: Bench, point: str, meanwhile: str
) -> None:
    killed_at(bench, point, Change(PRIMARY, "acme/three"))
    if meanwhile == "changed":
        bench.shared.write_text(SHARED.replace("acme/one", "acme/nine"))
    elif meanwhile == "gone":
        bench.shared.unlink()
    assert [each.code for each in bench.commits.recover()] == ["config.finished"]
    assert "acme/three" in bench.config.read_text()
    bench.shared.write_text(SHARED)
    bench.commits.undo()
    assert bench.config.read_text() == MAIN


def test_a_commit_that_was_cut_off_is_laid_over_an_edit_by_hand(bench: Bench) -> None:
    killed_at(bench, "stored", Change(PRIMARY, "acme/three"))
    bench.config.write_text(MAIN.replace("a: 1", "a: 2"))
    assert [each.code for each in bench.commits.recover()] == ["config.finished"]
    assert (bench.at(PRIMARY), bench.at(("voice",))) == ("acme/three", {"a": 2})


def killed_at(bench: Bench, point: str, change: Change) -> None:
    def crash(name: str) -> None:
        if name == point:
            raise Killed

    with contextlib.suppress(Killed):
        Commits(bench.config, bench.store, lambda: NOW, crash=crash).commit("user", "x", lambda _: Draft((change,)))


# --- who wrote what --------------------------------------------------------------------------------------------------


def plan_for(bench: Bench, fields: dict[str, object]) -> PatchPlan:
    value = bench.value()
    assert isinstance(value, dict)
    return plan_patch(
        value,
        {"models": {"providers": {"acme": fields}}},
        provider_id="acme",
        owner="user",
        registry=ProviderRegistry.with_core(),
        written=bench.commits.written(),
    )


def test_an_included_leaf_counts_as_set_by_hand(bench: Bench) -> None:
    plan = plan_for(bench, {"api": "anthropic-messages"})
    assert [(each.code, each.path) for each in plan.consents] == [("overwrite", ("models", "providers", "acme", "api"))]
    assert plan.granted() == []
    assert bench.commits.origin_of(PRIMARY, "acme/one") is None


def test_what_a_login_wrote_beside_an_include_counts_as_its_own(bench: Bench) -> None:
    path = ("models", "providers", "acme", "api")
    bench.commit((path, "anthropic-messages"))
    assert bench.commits.written() == {path: "anthropic-messages"}
    assert plan_for(bench, {"api": "google-vertex"}).consents == ()
    origin = bench.commits.origin_of(path, "anthropic-messages")
    assert origin is not None
    assert origin.title == "a login"


def test_an_object_whose_files_were_read_needs_no_consent_to_be_written_into(bench: Bench) -> None:
    assert plan_for(bench, {"authHeader": True}).consents == ()


# --- the doctor ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("break_it", "code"),
    [
        (lambda path: path.unlink(), "config.include-missing"),
        (lambda path: path.write_text("{"), "config.include-syntax"),
        (lambda path: path.write_text("{$include: 'config.json5'}"), "config.include-cycle"),
    ],
)
def test_the_doctor_tells_what_could_not_be_taken_in(
    bench: Bench, break_it: Callable[[Path], object], code: str
) -> None:
    break_it(bench.shared)
    (finding,) = bench.findings(code)
    assert (finding.severity, finding.repair) == ("error", None)
    assert f"({bench.config}:2:3)" in finding.message


@pytest.mark.parametrize(
    ("mode", "entry", "expected"),
    [
        (0o644, "apiKey: 'sk-literal'", True),
        (0o604, "apiKey: 'sk-literal'", True),
        (0o600, "apiKey: 'sk-literal'", False),
        (0o644, "apiKey: '${ACME_API_KEY}'", False),
        (0o644, "apiKey: 'profile:acme:work'", False),
        (0o644, "api: 'cli'", False),
    ],
)
def test_an_included_file_with_a_literal_key_must_be_private(
    bench: Bench, mode: int, entry: str, expected: bool
) -> None:
    bench.shared.write_text(SHARED.replace("api: 'openai-completions'", entry))
    bench.shared.chmod(mode)
    found = bench.findings("doctor.file-mode")
    assert [each.repair.private for each in found if each.repair] == [(str(bench.shared),)] * expected
    assert len(found) == expected


def test_a_key_in_an_included_file_is_open_also_where_another_one_wins(bench: Bench) -> None:
    keys = bench.folder / "keys.json5"
    keys.write_text("{apiKey: 'sk-literal'}")
    keys.chmod(0o644)
    bench.config.write_text(
        "{models: {providers: {acme: {$include: 'keys.json5', baseUrl: 'https://a.test', apiKey: '${K}'}}}}"
    )
    assert [each.message for each in bench.findings("doctor.file-mode")] == [
        f"{keys} holds secrets, and other accounts of this machine may read it."
    ]


def test_a_repair_that_would_change_an_included_file_is_left_to_the_user(bench: Bench) -> None:
    (missing,) = bench.findings("doctor.missing-credential")
    assert missing.path == SHARED_PROFILE
    assert missing.repair is None
    assert missing.fix.startswith("Mend it by hand: ")
    assert f'auth.profiles["acme:shared"]: stands in {bench.shared}:6:17' in missing.fix
    assert draft_repairs([missing], bench.case()) == Draft(())


def test_a_repair_that_the_main_file_can_make_is_made_there(bench: Bench) -> None:
    bench.shared.write_text(SHARED.replace("mode: 'api_key'", "mode: 'token'"))
    bench.store.put(Profile("acme:shared", ApiKeyCredential(Secret("k-0"))))
    (finding,) = bench.findings("doctor.mode")
    assert finding.repair is not None
    bench.commits.commit("doctor", "1 repair", lambda config: draft_repairs([finding], bench.case(config)))
    assert bench.findings("doctor.mode") == []
    assert bench.at((*SHARED_PROFILE, "mode")) == "api_key"
    assert "mode: 'token'" in bench.shared.read_text()
    bench.commits.undo()
    assert bench.config.read_text() == MAIN


def test_a_bad_address_of_an_included_file_is_told_with_its_place(bench: Bench) -> None:
    bench.shared.write_text("{models: {providers: {openai: {\n baseUrl: 'ftp://x'}}}}")
    (fault,) = entry_faults(load_config(bench.config), ProviderRegistry.with_core())
    assert (fault.code, fault.line, fault.column) == ("config.base-url", 2, 3)
    assert f"(in {bench.shared}:2:2)" in fault.message
