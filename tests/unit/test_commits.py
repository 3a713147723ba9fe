"""Commits: config and credentials together or not at all, taken back exactly, and never over what came later."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import stat
import time
from typing import TYPE_CHECKING

import pytest

from jackfield import commits as module
from jackfield._files import locked
from jackfield.commits import DONE, KEPT, KEPT_IN_ALL, PENDING, UNDO_DEPTH, Commits, Draft, Step
from jackfield.config.file import Change, LoadedConfig, load_config, write_config
from jackfield.config.host import ABSENT
from jackfield.credentials.envelope import EnvelopeCipher, Label
from jackfield.credentials.profile import ApiKeyCredential, OAuthCredential, Profile, TokenCredential
from jackfield.credentials.secret import Secret
from jackfield.credentials.store import CredentialStore
from jackfield.errors import ConfigError, InternalError, RequestError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NOW = 1_800_000_000_000
TEXT = """\
// by hand
{
  gateway: { port: 18789 }, // theirs
  models: {
    'providers': {
      acme: { baseUrl: "https://api.acme.test", apiKey: "${ACME_KEY}", }, /* ours */
    },
  },
  auth: {
    profiles: {
      "acme:default": { provider: "acme", mode: "api_key" }, // the work account
      "zeta:default": { mode: 'token', provider: "zeta" },
    },
    order: { acme: ["acme:default", "acme:old"] },
  },
}
"""
ACME = ("auth", "profiles", "acme:new")
ENTRY = {"provider": "acme", "mode": "api_key"}


class Killed(BaseException):
    """Ends a commit where a kill would."""


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


class Bench:
    """A config file, a store and the commits of both, in one folder."""

    def __init__(self, folder: Path, store: CredentialStore, clock: Clock) -> None:
        self.config = folder / "config.json5"
        self.store = store
        self.clock = clock
        self.commits = Commits(self.config, store, clock)

    @property
    def text(self) -> str | None:
        return self.config.read_text() if self.config.exists() else None

    def write(self, text: str) -> None:
        self.config.write_text(text)

    def put(self, name: str, key: str, **more: object) -> Profile:
        return self.store.put(Profile(name, ApiKeyCredential(Secret(key)), **more))  # type: ignore[arg-type]

    def key(self, name: str) -> str | None:
        profile = self.store.get(name)
        return None if profile is None else key_of(profile)

    def login(self, name: str, key: str, *, model: str | None = None) -> module.Commit:
        changes = [Change(("auth", "profiles", name), {"provider": name.partition(":")[0], "mode": "api_key"})]
        if model is not None:
            changes.append(Change(("agents", "defaults", "model", "primary"), model))
        draft = Draft(tuple(changes), keep=(Profile(name, ApiKeyCredential(Secret(key))),))
        return self.commits.commit("user", f"login to {name}", lambda _: draft)

    def logout(self, name: str) -> module.Commit:
        draft = Draft((Change(("auth", "profiles", name), None),), remove=(name,))
        return self.commits.commit("user", f"logout of {name}", lambda _: draft)

    def killed(self, point: str, act: Callable[[Commits], object]) -> None:
        def crash(name: str) -> None:
            if name == point:
                raise Killed

        with pytest.raises(Killed):
            act(Commits(self.config, self.store, self.clock, crash=crash))

    def state(self) -> object:
        """Everything that a commit may change, but for `updated`, which tells when the row was written."""
        profiles = [(each.id, dump(each)) for each in self.store.profiles()]
        return self.text, profiles, self.store.order("acme")


def key_of(profile: Profile) -> str:
    assert isinstance(profile.credential, ApiKeyCredential)
    return profile.credential.key.reveal()


def dump(profile: Profile) -> object:
    return profile.credential.to_secret_dict(), profile.origin, profile.owner, profile.created, profile.usage.to_dict()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    clock = Clock()
    with CredentialStore(tmp_path / "credentials.sqlite3", clock=clock, deadline=5.0) as store:
        yield Bench(tmp_path, store, clock)


def set_leaf(*path: str, value: object) -> Callable[[object], Draft]:
    return lambda _: Draft((Change(path, value),))


# ------------------------------------------------------------------------------------------------------------- commit


def test_a_commit_changes_config_and_credentials_and_tells_both(bench: Bench) -> None:
    bench.write(TEXT)
    done = bench.login("acme:new", "sk-1", model="acme/large")
    assert bench.text is not None
    assert load_config(bench.config).document.get(ACME) == ENTRY
    assert bench.text.startswith("// by hand\n{\n  gateway: { port: 18789 }, // theirs\n")
    assert bench.key("acme:new") == "sk-1"
    assert (done.at, done.owner, done.title, done.profiles) == (NOW, "user", "login to acme:new", ("acme:new",))
    assert done.steps == (
        Step(ACME, ABSENT, ENTRY, 2),
        Step(("agents", "defaults", "model", "primary"), ABSENT, "acme/large", 0),
    )
    assert bench.commits.history() == (done,)
    assert [each.state for each in bench.store.intents()] == [DONE]


@pytest.mark.parametrize(
    ("path", "root"),
    [
        (("gateway",), 0),
        (("gateway", "port"), 1),
        (("gateway", "tls", "cert"), 1),
        (("auth", "profiles", "acme:default"), 2),
        (("new", "deep", "leaf"), 0),
        (("gateway", "port", "x"), 1),
    ],
)
def test_the_root_of_a_step_is_how_far_objects_were_there(path: tuple[str, ...], root: int) -> None:
    assert module._root({"gateway": {"port": 1}, "auth": {"profiles": {"acme:default": {"a": 1}}}}, path) == root


@pytest.mark.parametrize(
    "change",
    [Change(("gateway", "port"), 18789), Change(("nothing",), None), Change(("gateway",), {"port": 18789.0})],
)
def test_a_commit_that_changes_nothing_writes_nothing(bench: Bench, change: Change) -> None:
    bench.write(TEXT)
    before = bench.config.stat().st_mtime_ns
    done = bench.commits.commit("user", "nothing", lambda _: Draft((change,)))
    assert (done.steps, done.profiles, bench.commits.history()) == ((), (), ())
    assert bench.config.stat().st_mtime_ns == before
    assert not bench.store.path.exists()


def test_a_commit_of_credentials_alone_leaves_the_file_alone_and_is_done_at_once(bench: Bench) -> None:
    bench.write(TEXT)
    seen: list[str] = []
    commits = Commits(bench.config, bench.store, bench.clock, crash=seen.append)
    profile = Profile("acme:default", ApiKeyCredential(Secret("sk-2")))
    before = bench.config.stat().st_mtime_ns
    commits.commit("user", "key", lambda _: Draft((), keep=(profile,)))
    assert bench.config.stat().st_mtime_ns == before
    assert seen == ["stored", "closed"]
    commits.undo()
    assert bench.key("acme:default") is None


def test_the_points_of_a_crash_come_in_order(bench: Bench) -> None:
    seen: list[str] = []
    commits = Commits(bench.config, bench.store, bench.clock, crash=seen.append)
    commits.commit("user", "a", set_leaf("models", "mode", value="merge"))
    assert seen == ["stored", "written", "closed"]


def test_the_draft_sees_the_config_as_it_is_under_the_lock_and_may_read_the_store(bench: Bench) -> None:
    bench.write(TEXT)
    bench.put("acme:old", "sk-0")

    def draft(loaded: object) -> Draft:
        assert isinstance(loaded, LoadedConfig)
        assert loaded.document.text == TEXT
        with pytest.raises(TimeoutError), locked(bench.config.with_name("config.json5.lock"), timeout=0):
            pass
        assert bench.store.get("acme:old") is not None
        assert bench.commits.written() == {}
        return Draft((Change(("models", "mode"), "merge"),))

    bench.commits.commit("user", "a", draft)
    assert bench.commits.written() == {("models", "mode"): "merge"}


@pytest.mark.parametrize("error", [OSError("other"), TimeoutError("network"), ValueError("bug")])
def test_what_a_draft_raises_comes_out_as_it_is_and_nothing_is_changed(bench: Bench, error: Exception) -> None:
    bench.write(TEXT)

    def draft(_: object) -> Draft:
        raise error

    with pytest.raises(type(error)) as caught:
        bench.commits.commit("user", "a", draft)
    assert caught.value is error
    assert (bench.text, bench.store.path.exists()) == (TEXT, False)


@pytest.mark.parametrize(
    ("keep", "remove"), [(("a:1", "a:1"), ()), (("a:1",), ("a:1",)), ((), ("a:1", "a:1"))], ids=["kept", "both", "gone"]
)
def test_a_draft_that_names_a_profile_twice_is_refused(
    bench: Bench, keep: tuple[str, ...], remove: tuple[str, ...]
) -> None:
    kept = tuple(Profile(each, ApiKeyCredential(Secret("k"))) for each in keep)
    with pytest.raises(InternalError) as caught:
        bench.commits.commit("user", "a", lambda _: Draft((), keep=kept, remove=remove))
    assert caught.value.code == "internal.draft"
    assert not bench.store.path.exists()


@pytest.mark.parametrize(
    ("text", "code"), [("{ models: 7 }", "config.invalid"), ("{ models: ", "config.syntax")], ids=["wrong", "broken"]
)
@pytest.mark.parametrize("act", ["commit", "undo", "preview"])
def test_a_config_with_errors_is_left_alone(bench: Bench, text: str, code: str, act: str) -> None:
    bench.login("acme:new", "sk-1")
    bench.write(text)
    acts: dict[str, Callable[[], object]] = {
        "commit": lambda: bench.login("acme:other", "sk-2"),
        "undo": bench.commits.undo,
        "preview": bench.commits.preview_undo,
    }
    with pytest.raises(ConfigError) as caught:
        acts[act]()
    assert caught.value.code == code
    assert (bench.text, bench.key("acme:new"), bench.key("acme:other")) == (text, "sk-1", None)
    assert len(bench.commits.history()) == 1


def test_a_new_config_is_private_and_an_old_one_keeps_its_mode(bench: Bench) -> None:
    bench.login("acme:new", "sk-1")
    assert stat.S_IMODE(bench.config.stat().st_mode) == 0o600
    bench.config.chmod(0o640)
    bench.login("acme:two", "sk-2")
    assert stat.S_IMODE(bench.config.stat().st_mode) == 0o640


# -------------------------------------------------------------------------------------------- locks, seals, failures


def test_a_locked_config_is_told_and_nothing_is_changed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.write(TEXT)
    monkeypatch.setattr(Commits._locked.__wrapped__, "__defaults__", (0.05,))  # type: ignore[attr-defined]
    with locked(bench.config.with_name("config.json5.lock"), timeout=1), pytest.raises(ConfigError) as caught:
        bench.login("acme:new", "sk-1")
    assert caught.value.code == "config.locked"
    assert (bench.text, bench.store.path.exists()) == (TEXT, False)


def test_a_locked_store_is_told_after_the_config_was_locked_and_nothing_is_changed(bench: Bench) -> None:
    bench.write(TEXT)
    bench.put("acme:old", "sk-0")
    before = bench.state()
    holder = sqlite3.connect(bench.store.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with (
        CredentialStore(bench.store.path, clock=bench.clock, deadline=0.05) as hasty,
        pytest.raises(StoreError) as caught,
    ):
        Commits(bench.config, hasty, bench.clock).commit("user", "a", set_leaf("models", "mode", value="merge"))
    holder.execute("ROLLBACK")
    holder.close()
    assert caught.value.code == "store.locked"
    assert bench.state() == before
    with locked(bench.config.with_name("config.json5.lock"), timeout=0):
        pass  # the config's lock was given back


def test_a_store_that_cannot_be_sealed_stops_the_commit_before_the_config_is_written(bench: Bench) -> None:
    bench.write(TEXT)
    with CredentialStore(bench.store.path, cipher=EnvelopeCipher(bytes(32)), clock=bench.clock) as sealed:
        sealed.put(Profile("acme:old", ApiKeyCredential(Secret("sk-0"))))
    with pytest.raises(StoreError) as caught:
        bench.login("acme:new", "sk-1")
    assert (caught.value.code, bench.text) == ("store.sealed", TEXT)


def test_another_owners_profile_is_not_replaced_and_nothing_is_changed(bench: Bench) -> None:
    bench.write(TEXT)
    bench.put("acme:new", "sk-0", owner="plugin:acme")
    before = bench.state()
    with pytest.raises(StoreError) as caught:
        bench.login("acme:new", "sk-1")
    assert caught.value.code == "store.other-owner"
    assert bench.state() == before
    assert bench.store.intents() == ()


def make_profiles(bench: Bench) -> None:
    """Three profiles that differ in everything a store keeps."""
    bench.clock.now = NOW - 1_000
    bench.put("acme:default", "sk-d", origin="https://api.acme.test", owner="user")
    bench.store.put(
        Profile("acme:old", OAuthCredential(Secret("a"), Secret("r"), NOW, "me@example.test", {"project": "p"}))
    )
    bench.store.put(Profile("zeta:default", TokenCredential(Secret("t"), NOW), owner="plugin:zeta"))
    bench.store.set_order("acme", ["acme:old", "acme:default"])
    bench.store.record_use("acme:default")
    bench.store.record_failure("acme:default", "rate_limit")
    bench.store.record_failure("zeta:default", "billing")
    bench.clock.now = NOW


def replace_and_remove(_: object) -> Draft:
    return Draft(
        (Change(("auth", "profiles", "zeta:default"), None), Change(ACME, ENTRY)),
        keep=(
            Profile("acme:default", ApiKeyCredential(Secret("sk-other")), origin="https://else.test"),
            Profile("acme:new", ApiKeyCredential(Secret("sk-1"))),
        ),
        remove=("zeta:default", "acme:old"),
    )


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_failing_config_write_sets_the_credentials_back_exactly(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    bench.write(TEXT)
    make_profiles(bench)
    before = bench.state()

    def fail(*_: object) -> None:
        assert bench.key("acme:new") == "sk-1"  # the store's half is done by now
        raise failure

    monkeypatch.setattr(module, "write_config", fail)
    with pytest.raises((ConfigError, KeyboardInterrupt)) as caught:
        bench.commits.commit("user", "a", replace_and_remove)
    if isinstance(caught.value, ConfigError):
        assert caught.value.code == "config.write-failed"
    assert bench.state() == before
    assert bench.store.intents() == ()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a folder that cannot be written")
def test_a_real_read_only_folder_changes_nothing(tmp_path: Path) -> None:
    place = tmp_path / "config"
    place.mkdir()
    config = place / "config.json5"
    config.write_text(TEXT)
    with CredentialStore(tmp_path / "s.db") as store:
        commits = Commits(config, store, lambda: NOW)
        place.chmod(0o500)
        with pytest.raises(ConfigError) as caught:
            commits.commit("user", "a", replace_and_remove)
        place.chmod(0o700)
        assert caught.value.code == "config.write-failed"
        assert (config.read_text(), store.profiles(), store.intents()) == (TEXT, (), ())


def test_a_failing_write_over_a_folder_in_the_files_place_changes_nothing(bench: Bench) -> None:
    # The backup's name is taken by a folder: the write of the config fails for real, after the store's half.
    bench.write(TEXT)
    make_profiles(bench)
    before = bench.state()
    (bench.config.parent / "config.json5.bak.4").mkdir()
    (bench.config.parent / "config.json5.bak.4" / "x").touch()
    for number in range(4):
        (bench.config.parent / ("config.json5.bak" + (f".{number}" if number else ""))).write_text("old")
    with pytest.raises(ConfigError) as caught:
        bench.commits.commit("user", "a", replace_and_remove)
    assert caught.value.code == "config.write-failed"
    assert bench.state() == before
    assert bench.store.intents() == ()


def test_a_disk_that_fails_after_the_config_was_written_is_told_and_settled_at_the_next_start(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.write(TEXT)

    def write_then_fail(path: Path, text: str) -> None:
        write_config(path, text)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(module, "write_config", write_then_fail)
    with pytest.raises(ConfigError) as caught:
        bench.login("acme:new", "sk-1")
    assert caught.value.code == "config.unsure"
    assert bench.key("acme:new") == "sk-1"
    assert [each.state for each in bench.store.intents()] == [PENDING]
    assert [each.code for each in bench.commits.recover()] == ["config.finished"]
    assert len(bench.commits.history()) == 1


def test_a_rollback_leaves_a_credential_that_was_renewed_in_the_meantime(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def renew_then_fail(*_: object) -> None:
        bench.put("acme:new", "sk-renewed")
        raise OSError(errno.EIO, "Input/output error")

    bench.put("acme:new", "sk-0")
    monkeypatch.setattr(module, "write_config", renew_then_fail)
    with pytest.raises(ConfigError):
        bench.login("acme:new", "sk-1")
    assert bench.key("acme:new") == "sk-renewed"


# --------------------------------------------------------------------------------------------------------------- undo

DRAFTS: dict[str, tuple[Change, ...]] = {
    "a new profile": (Change(ACME, ENTRY),),
    "objects on the way": (Change(("agents", "defaults", "model", "primary"), "acme/x"),),
    "a removal in the middle": (Change(("auth", "profiles", "acme:default"), None),),
    "a removal with comments": (Change(("models", "providers", "acme"), None),),
    "a value in other quotes": (Change(("auth", "profiles", "zeta:default", "mode"), "oauth"),),
    "a list": (Change(("auth", "order", "acme"), ["acme:new", "acme:default"]),),
    "a whole object": (Change(("models",), {"mode": "merge", "providers": {}}),),
    "several at once": (
        Change(ACME, ENTRY),
        Change(("auth", "order", "acme"), None),
        Change(("voice", "enabled"), True),
        Change(("models", "providers", "acme", "baseUrl"), "https://else.test"),
    ),
    "a leaf twice": (Change(("models", "mode"), "merge"), Change(("models", "mode"), "replace")),
    "within what is new": (Change(ACME, ENTRY), Change((*ACME, "email"), "me@example.test")),
}


@pytest.mark.parametrize("name", DRAFTS)
@pytest.mark.parametrize("ending", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_undo_gives_back_the_config_byte_for_byte(bench: Bench, name: str, ending: str) -> None:
    source = TEXT.replace("\n", ending).encode()
    bench.config.write_bytes(source)
    bench.commits.commit("user", name, lambda _: Draft(DRAFTS[name]))
    assert bench.config.read_bytes() != source
    done, kept = bench.commits.undo()
    assert (done.title, kept) == (name, ())
    assert bench.config.read_bytes() == source
    assert bench.commits.history() == ()


@pytest.mark.parametrize(
    "source", ["{}", "{\n}\n", "\ufeff{}\n", "{ // nothing yet\n}", "{auth:{},}", "{models:{providers:{}}}"]
)
def test_undo_gives_back_small_files_too(bench: Bench, source: str) -> None:
    bench.config.write_text(source)
    bench.login("acme:new", "sk-1", model="acme/x")
    bench.commits.undo()
    assert bench.text == source


def test_undo_of_the_commit_that_made_the_file_removes_it(bench: Bench) -> None:
    bench.login("acme:new", "sk-1")
    assert bench.config.exists()
    bench.commits.undo()
    assert (bench.text, bench.key("acme:new")) == (None, None)
    bench.login("acme:new", "sk-2")
    assert bench.key("acme:new") == "sk-2"


def test_undo_gives_back_profiles_with_usage_order_origin_owner_and_age(bench: Bench) -> None:
    bench.write(TEXT)
    make_profiles(bench)
    before = bench.state()
    bench.commits.commit("user", "a", replace_and_remove)
    assert bench.state() != before
    assert bench.store.order("acme") == ("acme:default",)
    _, kept = bench.commits.undo()
    assert kept == ()
    assert bench.state() == before
    assert bench.store.intents() == ()


def test_what_was_used_since_counts_as_used_after_an_undo(bench: Bench) -> None:
    bench.put("acme:default", "sk-0")
    bench.store.record_use("acme:default")
    bench.login("acme:default", "sk-1")
    bench.clock.now += 5_000
    bench.store.record_use("acme:default")
    bench.commits.undo()
    profile = bench.store.get("acme:default")
    assert profile is not None
    assert (key_of(profile), profile.usage.last_used) == ("sk-0", NOW + 5_000)


def test_undo_after_undo_goes_back_further_and_then_there_is_nothing(bench: Bench) -> None:
    bench.write(TEXT)
    bench.login("acme:new", "sk-1")
    between = bench.state()
    bench.login("acme:new", "sk-2", model="acme/x")
    assert bench.commits.undo()[0].title == "login to acme:new"
    assert bench.state() == between
    bench.commits.undo()
    assert (bench.text, bench.key("acme:new")) == (TEXT, None)
    with pytest.raises(RequestError) as caught:
        bench.commits.undo()
    assert caught.value.code == "config.nothing-to-undo"
    assert bench.commits.preview_undo() is None


def test_undo_of_a_logout_brings_the_credential_back(bench: Bench) -> None:
    bench.write(TEXT)
    make_profiles(bench)
    before = bench.state()
    bench.logout("acme:default")
    assert (bench.key("acme:default"), bench.store.order("acme")) == (None, ("acme:old",))
    bench.commits.undo()
    assert bench.state() == before


def hand_edit(bench: Bench, old: str, new: str) -> None:
    assert bench.text is not None
    assert old in bench.text
    bench.write(bench.text.replace(old, new))


def test_undo_after_a_hand_edit_elsewhere_keeps_the_edit(bench: Bench) -> None:
    bench.write(TEXT)
    bench.login("acme:new", "sk-1", model="acme/x")
    hand_edit(bench, "port: 18789", "port: 1, /* mine */ host: 'here'")
    _, kept = bench.commits.undo()
    assert kept == ()
    assert bench.text == TEXT.replace("port: 18789", "port: 1, /* mine */ host: 'here'")


def test_undo_keeps_a_leaf_that_was_changed_since_and_says_so(bench: Bench) -> None:
    bench.write(TEXT)
    bench.login("acme:new", "sk-1", model="acme/x")
    hand_edit(bench, "acme/x", "zeta/y")
    _, kept = bench.commits.undo()
    assert [(each.code, each.severity, each.path) for each in kept] == [
        ("config.changed-since", "warning", ("agents", "defaults", "model", "primary"))
    ]
    value = load_config(bench.config).document.value
    assert value["agents"] == {"defaults": {"model": {"primary": "zeta/y"}}}  # type: ignore[index]
    assert "acme:new" not in (bench.text or "")


def test_undo_takes_back_the_untouched_fields_of_an_object_that_got_another_by_hand(bench: Bench) -> None:
    bench.write(TEXT)
    bench.login("acme:new", "sk-1")
    hand_edit(bench, '"acme:new": {', '"acme:new": { note: "mine",')
    _, kept = bench.commits.undo()
    assert kept == ()
    assert load_config(bench.config).document.get(ACME) == {"note": "mine"}


def test_undo_leaves_an_object_that_holds_a_comment(bench: Bench) -> None:
    bench.login("acme:new", "sk-1", model="acme/x")
    hand_edit(bench, '"defaults": {', '"defaults": { // remember')
    bench.commits.undo()
    assert "// remember" in (bench.text or "")
    assert load_config(bench.config).document.value == {"agents": {"defaults": {}}}


@pytest.mark.parametrize("now", ["[1]", "'text'", "null"])
def test_undo_leaves_alone_what_became_something_else_than_an_object(bench: Bench, now: str) -> None:
    bench.write("{ other: { deep: { leaf: 1 } } }")
    bench.commits.commit("user", "a", set_leaf("other", "deep", value=None))
    bench.write(f"{{ other: {now} }}")
    _, kept = bench.commits.undo()
    assert [(each.code, each.path) for each in kept] == [("config.changed-since", ("other", "deep"))]
    assert bench.text == f"{{ other: {now} }}"


def test_undo_brings_a_null_back_as_a_null_after_an_edit_elsewhere(bench: Bench) -> None:
    bench.write("{ other: { leaf: null }, more: 1 }")
    bench.commits.commit("user", "a", set_leaf("other", "leaf", value=3))
    hand_edit(bench, "more: 1", "more: 2")
    bench.commits.undo()
    assert bench.text == "{ other: { leaf: null }, more: 2 }"


def test_undo_does_not_make_a_difference_twice_that_the_user_made_already(bench: Bench) -> None:
    bench.write(TEXT)
    bench.login("acme:new", "sk-1")
    bench.write(TEXT + "// by hand again\n")
    _, kept = bench.commits.undo()
    assert (kept, bench.text, bench.key("acme:new")) == ((), TEXT + "// by hand again\n", None)


@pytest.mark.parametrize(
    ("before", "since", "after", "code"),
    [
        (None, "sk-newer", "sk-newer", "store.changed-since"),
        ("sk-0", "sk-newer", "sk-newer", "store.changed-since"),
        ("sk-0", None, None, "store.removed-since"),
        (None, None, None, None),
        ("sk-0", "sk-0", "sk-0", None),
        (None, "sk-1", None, None),
    ],
)
def test_undo_neither_overwrites_a_newer_credential_nor_brings_back_a_removed_one(
    bench: Bench, before: str | None, since: str | None, after: str | None, code: str | None
) -> None:
    bench.write(TEXT)
    if before:
        bench.put("acme:new", before)
    bench.login("acme:new", "sk-1")
    bench.store.delete("acme:new")
    if since:
        bench.put("acme:new", since)
    _, kept = bench.commits.undo()
    assert bench.key("acme:new") == after
    assert [each.code for each in kept] == ([code] if code else [])
    assert all(secret not in str(each.to_dict()) for each in kept for secret in ("sk-0", "sk-1", "sk-newer"))
    assert bench.text == TEXT


def test_undo_of_a_logout_leaves_a_login_that_came_since(bench: Bench) -> None:
    bench.put("acme:new", "sk-0")
    bench.logout("acme:new")
    bench.put("acme:new", "sk-newer")
    _, kept = bench.commits.undo()
    assert (bench.key("acme:new"), [each.code for each in kept]) == ("sk-newer", ["store.changed-since"])


def test_an_order_that_was_changed_since_stays_as_it_is(bench: Bench) -> None:
    make_profiles(bench)
    bench.write(TEXT)
    bench.logout("acme:default")
    bench.put("acme:third", "sk-3")
    bench.store.set_order("acme", ["acme:third", "acme:old"])
    bench.commits.undo()
    assert bench.key("acme:default") == "sk-d"
    assert bench.store.order("acme") == ("acme:third", "acme:old")


def test_an_undo_that_fails_can_be_done_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.write(TEXT)
    make_profiles(bench)
    bench.commits.commit("user", "a", replace_and_remove)
    after = bench.state()
    with monkeypatch.context() as patch:
        patch.setattr(module, "write_config", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
        with pytest.raises(ConfigError):
            bench.commits.undo()
    assert bench.state() == after
    assert len(bench.commits.history()) == 1
    bench.commits.undo()
    assert bench.text == TEXT


@pytest.mark.parametrize("edited", [False, True])
def test_the_preview_is_what_undo_does(bench: Bench, edited: bool) -> None:
    bench.write(TEXT)
    bench.login("acme:new", "sk-1", model="acme/x")
    if edited:
        hand_edit(bench, "acme/x", "zeta/y")
    preview = bench.commits.preview_undo()
    assert preview is not None
    assert preview[0] == bench.text
    bench.commits.undo()
    assert preview[1] == bench.text


def test_the_preview_of_a_file_that_goes_is_empty(bench: Bench) -> None:
    bench.login("acme:new", "sk-1")
    assert bench.commits.preview_undo() == (bench.text, "")


# ----------------------------------------------------------------------------------------------------------- recovery


def login(commits: Commits) -> object:
    draft = Draft((Change(ACME, ENTRY),), keep=(Profile("acme:new", ApiKeyCredential(Secret("sk-1"))),))
    return commits.commit("user", "login", lambda _: draft)


@pytest.mark.parametrize("point", ["stored", "written", "closed"])
def test_a_commit_killed_between_two_writes_is_finished(bench: Bench, point: str) -> None:
    bench.write(TEXT)
    bench.killed(point, login)
    told = bench.commits.recover()
    assert [each.code for each in told] == ([] if point == "closed" else ["config.finished"])
    assert told == bench.commits.recovered
    assert (bench.key("acme:new"), load_config(bench.config).document.get(ACME)) == ("sk-1", ENTRY)
    assert bench.commits.recover() == ()
    assert len(bench.commits.history()) == 1
    bench.commits.undo()
    assert (bench.text, bench.key("acme:new")) == (TEXT, None)


@pytest.mark.parametrize("point", ["stored", "written", "closed"])
@pytest.mark.parametrize("source", [TEXT, None], ids=["file", "no file"])
def test_an_undo_killed_between_two_writes_is_finished(bench: Bench, point: str, source: str | None) -> None:
    if source:
        bench.write(source)
    make_profiles(bench)
    before = bench.state()
    bench.commits.commit("user", "a", replace_and_remove)
    bench.killed(point, lambda commits: commits.undo())
    bench.commits.recover()
    assert bench.state() == before
    assert bench.store.intents() == ()


@pytest.mark.parametrize("first", ["stored", "written"])
@pytest.mark.parametrize("second", ["written", "closed"])
def test_a_recovery_that_is_killed_is_taken_up_again(bench: Bench, first: str, second: str) -> None:
    bench.write(TEXT)
    bench.killed(first, login)
    bench.killed(second, lambda commits: commits.recover())
    bench.commits.recover()
    assert (bench.key("acme:new"), load_config(bench.config).document.get(ACME)) == ("sk-1", ENTRY)
    assert [each.state for each in bench.store.intents()] == [DONE]


def test_the_next_commit_finishes_what_was_interrupted_first(bench: Bench) -> None:
    bench.write(TEXT)
    bench.killed("stored", login)
    bench.commits.commit("user", "more", set_leaf("models", "mode", value="merge"))
    value = load_config(bench.config).document
    assert (value.get(ACME), value.get(("models", "mode"))) == (ENTRY, "merge")
    assert [each.title for each in bench.commits.history()] == ["login", "more"]
    assert [each.code for each in bench.commits.recovered] == ["config.finished"]


def test_an_edit_elsewhere_is_kept_when_a_commit_is_finished(bench: Bench) -> None:
    bench.write(TEXT)
    bench.killed("stored", login)
    edited = TEXT.replace("18789", "9999")
    bench.write(edited)
    assert [each.code for each in bench.commits.recover()] == ["config.finished"]
    assert load_config(bench.config).document.get(ACME) == ENTRY
    bench.commits.undo()
    assert (bench.text, bench.key("acme:new")) == (edited, None)


def test_an_edit_of_the_same_leaf_takes_the_credentials_back(bench: Bench) -> None:
    bench.write(TEXT)
    make_profiles(bench)
    before = bench.state()
    bench.killed("stored", lambda commits: commits.commit("user", "a", replace_and_remove))
    edited = TEXT.replace("mode: 'token'", "mode: 'oauth'")
    bench.write(edited)
    told = bench.commits.recover()
    assert [(each.code, each.severity) for each in told] == [("config.rolled-back", "warning")]
    assert bench.text == edited
    bench.write(TEXT)
    assert bench.state() == before
    assert bench.store.intents() == ()


def test_a_rollback_at_the_start_leaves_a_newer_credential_and_says_so(bench: Bench) -> None:
    bench.write(TEXT)
    bench.killed("stored", login)
    bench.put("acme:new", "sk-newer")
    hand_edit(bench, "profiles: {", 'profiles: { "acme:new": { provider: "acme", mode: "token" },')
    assert [each.code for each in bench.commits.recover()] == ["config.rolled-back", "store.changed-since"]
    assert bench.key("acme:new") == "sk-newer"


@pytest.mark.parametrize(
    ("text", "reason"), [("{ models: ", "config.syntax"), ("{ models: 7 }", "config.invalid"), ("\xff", "syntax")]
)
def test_recovery_waits_until_a_broken_config_is_mended(bench: Bench, text: str, reason: str) -> None:
    bench.write(TEXT)
    bench.killed("stored", login)
    bench.config.write_bytes(text.encode("latin-1"))
    told = bench.commits.recover()
    assert [(each.code, each.severity) for each in told] == [("config.unfinished", "warning")], reason
    assert bench.config.read_bytes() == text.encode("latin-1")
    assert bench.key("acme:new") == "sk-1"
    with pytest.raises(ConfigError):
        bench.login("acme:other", "sk-2")
    bench.write(TEXT)
    assert [each.code for each in bench.commits.recover()] == ["config.finished"]
    assert load_config(bench.config).document.get(ACME) == ENTRY


def test_recovery_of_a_config_that_is_a_folder_by_now_waits(bench: Bench) -> None:
    bench.killed("stored", login)
    bench.config.mkdir()
    assert [each.code for each in bench.commits.recover()] == ["config.unfinished"]
    bench.config.rmdir()
    assert [each.code for each in bench.commits.recover()] == ["config.finished"]


def test_recovery_finishes_into_a_new_file_when_the_config_was_deleted(bench: Bench) -> None:
    bench.write(TEXT)
    bench.killed("stored", login)
    bench.config.unlink()
    assert [each.code for each in bench.commits.recover()] == ["config.finished"]
    assert load_config(bench.config).document.value == {"auth": {"profiles": {"acme:new": ENTRY}}}


def test_two_interrupted_commits_are_finished_oldest_first(bench: Bench) -> None:
    bench.write(TEXT)
    bench.killed("stored", login)
    (first,) = bench.store.intents()
    bench.store.remove_intent(first.id)
    bench.clock.now += 1
    bench.killed("stored", lambda commits: commits.commit("user", "mode", set_leaf("models", "mode", value="merge")))
    bench.store.put_intent(first.id, first.payload, state=PENDING)
    assert [each.message for each in bench.commits.recover()] == [
        "Finished what was interrupted: login.",
        "Finished what was interrupted: mode.",
    ]
    document = load_config(bench.config).document
    assert (document.get(ACME), document.get(("models", "mode"))) == (ENTRY, "merge")


def test_recovery_leaves_a_commit_that_is_under_way_to_its_process(bench: Bench) -> None:
    bench.write(TEXT)
    other = Commits(bench.config, bench.store, bench.clock)
    seen: list[object] = []

    def look(point: str) -> None:
        if point != "closed":
            began = time.monotonic()
            seen.append(other.recover())
            assert time.monotonic() - began < 5

    login(Commits(bench.config, bench.store, bench.clock, crash=look))
    assert seen == [(), ()]
    assert len(bench.commits.history()) == 1


def test_recovery_with_a_sealed_store_says_so_and_raises_nothing(bench: Bench) -> None:
    cipher = EnvelopeCipher(bytes(32))
    with CredentialStore(bench.store.path, cipher=cipher, clock=bench.clock) as sealed:
        Bench(bench.config.parent, sealed, bench.clock).killed("stored", login)
    assert [each.code for each in bench.commits.recover()] == ["config.unfinished"]
    with CredentialStore(bench.store.path, cipher=cipher, clock=bench.clock) as sealed:
        assert [each.code for each in Commits(bench.config, sealed, bench.clock).recover()] == ["config.finished"]


def test_recovery_that_cannot_write_waits(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.write(TEXT)
    bench.killed("stored", login)
    with monkeypatch.context() as patch:
        patch.setattr(module, "write_config", lambda *_: (_ for _ in ()).throw(OSError(errno.EROFS, "read-only")))
        assert [each.code for each in bench.commits.recover()] == ["config.unfinished"]
    assert [each.code for each in bench.commits.recover()] == ["config.finished"]


def test_recovery_of_nothing_makes_no_file(bench: Bench) -> None:
    assert bench.commits.recover() == ()
    assert list(bench.config.parent.iterdir()) == []


def damage_intents(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("UPDATE intents SET payload = CAST('p1:damaged' AS BLOB)")
    connection.close()


def test_damaged_records_are_told_and_do_not_stop_the_next_login(bench: Bench) -> None:
    bench.login("acme:new", "sk-1")
    damage_intents(bench.store.path)
    with pytest.raises(StoreError) as caught:
        bench.commits.history()
    assert caught.value.code == "store.tampered"
    assert [each.code for each in bench.store.diagnostics()] == ["store.tampered"]
    # It was done: there is nothing to finish.
    assert bench.commits.recover() == ()
    bench.login("acme:two", "sk-2")
    assert bench.key("acme:two") == "sk-2"
    assert [each.title for each in bench.commits.history()] == ["login to acme:two"]


def test_a_damaged_record_of_what_was_interrupted_is_told(bench: Bench) -> None:
    bench.killed("stored", login)
    damage_intents(bench.store.path)
    assert [each.code for each in bench.commits.recover()] == ["config.unfinished"]


def test_a_damaged_credential_can_be_replaced(bench: Bench) -> None:
    bench.put("acme:new", "sk-0")
    bench.put("acme:two", "sk-2")
    connection = sqlite3.connect(bench.store.path, isolation_level=None)
    connection.execute("UPDATE profiles SET payload = CAST('p1:damaged' AS BLOB) WHERE id = 'acme:new'")
    connection.close()
    bench.login("acme:new", "sk-1")
    assert bench.key("acme:new") == "sk-1"


# ----------------------------------------------------------------------------------------- several configs, links, time


def test_several_configs_share_a_store_and_each_has_commits_of_its_own(bench: Bench) -> None:
    other = Commits(bench.config.with_name("other.json5"), bench.store, bench.clock)
    bench.login("acme:new", "sk-1")
    other.commit("user", "other", set_leaf("models", "mode", value="merge"))
    assert [each.title for each in bench.commits.history()] == ["login to acme:new"]
    assert [each.title for each in other.history()] == ["other"]
    assert other.written() == {("models", "mode"): "merge"}
    bench.commits.undo()
    assert [each.title for each in other.history()] == ["other"]
    assert other.preview_undo() is not None


def test_undo_keeps_a_credential_that_another_configs_login_relies_on(bench: Bench) -> None:
    other = Commits(bench.config.with_name("other.json5"), bench.store, bench.clock)
    bench.login("acme:new", "sk-1")
    login(other)
    _, kept = bench.commits.undo()
    assert ([each.code for each in kept], bench.key("acme:new")) == (["store.shared"], "sk-1")
    _, kept = other.undo()
    assert kept == ()


def test_a_pending_commit_of_another_config_is_left_alone(bench: Bench) -> None:
    other = bench.config.with_name("other.json5")
    with pytest.raises(Killed):
        login(Commits(other, bench.store, bench.clock, crash=lambda _: (_ for _ in ()).throw(Killed)))
    assert bench.commits.recover() == ()
    bench.login("acme:two", "sk-2")
    assert not other.exists()
    assert [each.code for each in Commits(other, bench.store, bench.clock).recover()] == ["config.finished"]


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs symbolic links")
@pytest.mark.parametrize("there", [True, False], ids=["file", "dangling"])
def test_a_config_behind_a_link_is_one_config_with_its_target(bench: Bench, there: bool) -> None:
    target = bench.config.parent / "dotfiles" / "jackfield.json5"
    target.parent.mkdir()
    if there:
        target.write_text(TEXT)
    bench.config.symlink_to(target)
    login(Commits(bench.config, bench.store, bench.clock))
    assert bench.config.is_symlink()
    assert load_config(target).document.get(ACME) == ENTRY
    direct = Commits(target, bench.store, bench.clock)
    assert [each.title for each in direct.history()] == ["login"]
    assert not bench.config.with_name("config.json5.lock").exists()
    direct.undo()
    assert bench.text == (TEXT if there else None)
    assert bench.config.is_symlink()


def test_the_last_commit_is_the_last_whatever_the_clock_does(bench: Bench) -> None:
    bench.write(TEXT)
    first = bench.login("acme:new", "sk-1")
    bench.clock.now -= 10_000_000
    second = bench.login("acme:two", "sk-2")
    bench.clock.now += 1
    third = bench.login("acme:three", "sk-3")
    assert first.id < second.id < third.id
    assert (second.at, third.at) == (NOW - 10_000_000, NOW - 9_999_999)
    assert [bench.commits.undo()[0].id for _ in range(3)] == [third.id, second.id, first.id]
    assert bench.text == TEXT


# ------------------------------------------------------------------------------------------------ records and secrets


def test_records_hold_no_secret_outside_what_is_sealed(bench: Bench) -> None:
    cipher = EnvelopeCipher(bytes(range(32)))
    bench.write(TEXT.replace("${ACME_KEY}", "sk-literal-canary"))
    with CredentialStore(bench.store.path, cipher=cipher, clock=bench.clock) as sealed:
        sealed_bench = Bench(bench.config.parent, sealed, bench.clock)
        sealed_bench.put("acme:new", "sk-old-canary")
        sealed_bench.login("acme:new", "sk-new-canary")
        path = ("models", "providers", "acme", "apiKey")
        done = sealed_bench.commits.commit("user", "moved", lambda _: Draft((Change(path, "${ACME_KEY}"),)))
        assert "canary" not in repr(done)
        assert "canary" not in repr(sealed.intents())
        sealed_bench.killed("stored", lambda commits: commits.undo())
    data = b"".join(each.read_bytes() for each in bench.store.path.parent.glob("credentials.sqlite3*"))
    for canary in (b"sk-literal-canary", b"sk-old-canary", b"sk-new-canary"):
        assert canary not in data


def test_only_the_newest_commits_can_be_taken_back_and_older_records_hold_no_credential(bench: Bench) -> None:
    for number in range(UNDO_DEPTH + 3):
        bench.login("acme:new", f"sk-{number}")
        bench.commits.commit("user", "m", set_leaf("voice", "n", value=number))
    assert len(bench.commits.history()) == UNDO_DEPTH
    payloads = [json.dumps(dict(each.payload)) for each in sorted(bench.store.intents(), key=lambda each: each.id)]
    assert len(payloads) == 2 * (UNDO_DEPTH + 3)
    assert all('"key": "sk-' not in each for each in payloads[:-UNDO_DEPTH])
    assert any('"key": "sk-' in each for each in payloads[-UNDO_DEPTH:])
    for _ in range(UNDO_DEPTH):
        bench.commits.undo()
    with pytest.raises(RequestError):
        bench.commits.undo()
    # What can no longer be taken back is known to be written by a commit all the same.
    assert bench.commits.written()[("voice", "n")] == UNDO_DEPTH + 3 - 1 - UNDO_DEPTH // 2


def fill(bench: Bench, count: int, prefix: str, payload: dict[str, object]) -> None:
    with bench.store.transaction() as work:
        for number in range(count):
            work.put_intent(f"{prefix}{number:016d}-00000000", payload, state=DONE)


def test_records_of_one_config_are_trimmed(bench: Bench) -> None:
    bench.login("acme:new", "sk-1")
    payload = dict(bench.store.intents()[0].payload)
    fill(bench, KEPT + 50, bench.commits._own, payload)
    newest = bench.commits.commit("user", "new", set_leaf("models", "mode", value="merge"))
    kept = sorted(each.id for each in bench.store.intents())
    assert len(kept) == KEPT
    assert kept[-1] == newest.id


def test_a_store_with_ten_thousand_records_stays_quick_and_becomes_small(tmp_path: Path) -> None:
    clock = Clock()
    with CredentialStore(tmp_path / "s.db", cipher=EnvelopeCipher(bytes(32)), clock=clock) as store:
        bench = Bench(tmp_path, store, clock)
        bench.login("acme:new", "sk-1")
        fill(bench, 10_000, "commit-0123456789abcdef-", dict(store.intents()[0].payload))
        began = time.process_time()
        bench.login("acme:two", "sk-2")
        first = time.process_time() - began
        assert len(store.intents()) == KEPT_IN_ALL
        began = time.process_time()
        bench.login("acme:three", "sk-3")
        second = time.process_time() - began
        assert [each.title for each in bench.commits.history()][-1] == "login to acme:three"
    # Seconds of the processor, not of the clock on the wall: some 0.3 and 0.05 on a slow machine.
    assert first < 4
    assert second < 1


def test_pending_records_are_never_trimmed(bench: Bench) -> None:
    bench.killed("stored", login)
    (pending,) = bench.store.intents()
    other = Commits(bench.config.with_name("other.json5"), bench.store, bench.clock)
    fill(bench, KEPT_IN_ALL + 10, "commit-0123456789abcdef-", {**pending.payload})
    other.commit("user", "a", set_leaf("models", "mode", value="merge"))
    assert pending.id in {each.id for each in bench.store.intents()}


def test_values_that_utf8_cannot_say_are_recorded_too(bench: Bench) -> None:
    bench.write('{ other: "\\ud800" }')
    bench.commits.commit("user", "a", set_leaf("other", value="plain"))
    bench.commits.undo()
    assert bench.text == '{ other: "\\ud800" }'


# --------------------------------------------------------------------------------------------------------- provenance


def commit_leaf(bench: Bench, value: object, *path: str) -> None:
    bench.commits.commit("user", "leaf", set_leaf(*path, value=value))


def test_written_tells_what_commits_wrote_last(bench: Bench) -> None:
    commit_leaf(bench, "merge", "models", "mode")
    commit_leaf(bench, "replace", "models", "mode")
    assert bench.commits.written() == {("models", "mode"): "replace"}
    bench.commits.undo()
    assert bench.commits.written() == {("models", "mode"): "merge"}
    bench.commits.undo()
    assert bench.commits.written() == {}


def test_a_leaf_that_a_commit_removed_counts_as_set_by_hand_when_it_is_there_again(bench: Bench) -> None:
    commit_leaf(bench, "merge", "models", "mode")
    commit_leaf(bench, None, "models", "mode")
    bench.write('{ models: { mode: "merge" } }')
    assert bench.commits.written() == {}
    assert bench.commits.origin_of(("models", "mode"), "merge") is None


def test_written_follows_a_field_of_an_object_that_was_written_whole(bench: Bench) -> None:
    path = ("other", "a")
    commit_leaf(bench, {"x": 1, "y": {"z": 2}}, *path)
    commit_leaf(bench, 3, *path, "y", "z")
    assert bench.commits.written() == {path: {"x": 1, "y": {"z": 3}}, (*path, "y", "z"): 3}
    commit_leaf(bench, None, *path, "x")
    assert bench.commits.written()[path] == {"y": {"z": 3}}
    commit_leaf(bench, {"whole": True}, *path)
    assert bench.commits.written() == {path: {"whole": True}}


@pytest.mark.parametrize(
    ("path", "value", "index"),
    [
        (("other", "a"), {"x": 1, "y": {"z": 2}}, 0),
        (("other", "a"), {"x": 1}, None),
        (("other", "a", "x"), 1, 0),
        (("other", "a", "x"), 1.0, 0),
        (("other", "a", "x"), True, None),
        (("other", "a", "y", "z"), 2, 0),
        (("other", "a", "y", "q"), None, None),
        (("other", "b"), "new", 2),
        (("other", "b"), "old", None),
        (("other", "none"), "x", None),
    ],
)
def test_origin_of_names_the_commit_that_gave_a_leaf_its_value(
    bench: Bench, path: tuple[str, ...], value: object, index: int | None
) -> None:
    commit_leaf(bench, {"x": 1, "y": {"z": 2}}, "other", "a")
    commit_leaf(bench, "old", "other", "b")
    commit_leaf(bench, "new", "other", "b")
    found = bench.commits.origin_of(path, value)
    assert found == (None if index is None else bench.commits.history()[index])


def test_a_hand_edit_hides_the_commit_until_undo_brings_the_value_back(bench: Bench) -> None:
    commit_leaf(bench, "merge", "models", "mode")
    bench.write('{ models: { mode: "replace" } }')
    assert bench.commits.origin_of(("models", "mode"), "replace") is None
    commit_leaf(bench, "merge", "models", "mode")
    assert bench.commits.origin_of(("models", "mode"), "merge") == bench.commits.history()[-1]
    bench.commits.undo()
    assert bench.commits.origin_of(("models", "mode"), "replace") is None


def test_an_undone_commit_stays_undone_for_another_process(bench: Bench) -> None:
    bench.login("acme:new", "sk-1")
    bench.commits.undo()
    with CredentialStore(bench.store.path, clock=bench.clock) as again:
        assert Commits(bench.config, again, bench.clock).history() == ()


def test_a_folder_that_is_a_file_is_told_and_nothing_is_changed(bench: Bench) -> None:
    bench.write(TEXT)
    commits = Commits(bench.config / "config.json5", bench.store, bench.clock)
    with pytest.raises(ConfigError) as caught:
        login(commits)
    assert caught.value.code == "config.write-failed"
    assert (bench.text, bench.store.path.exists()) == (TEXT, False)


def test_a_sealed_record_that_does_not_open_stops_a_commit_since_it_may_be_half_done(bench: Bench) -> None:
    bench.write(TEXT)
    with CredentialStore(bench.store.path, cipher=EnvelopeCipher(bytes(32)), clock=bench.clock) as sealed:
        Bench(bench.config.parent, sealed, bench.clock).killed("stored", login)
    with pytest.raises(StoreError) as caught:
        bench.login("acme:two", "sk-2")
    assert (caught.value.code, bench.text) == ("store.sealed", TEXT)


def test_an_interrupted_undo_is_finished_though_the_config_was_edited_since(bench: Bench) -> None:
    bench.write(TEXT)
    bench.login("acme:new", "sk-1", model="acme/x")
    bench.killed("stored", lambda commits: commits.undo())
    hand_edit(bench, "18789", "9999")
    assert [each.code for each in bench.commits.recover()] == ["config.finished"]
    assert bench.text == TEXT.replace("18789", "9999")
    assert bench.key("acme:new") is None
    assert bench.commits.history() == ()


# ----------------------------------------------------------------------------- full disks, other keys, what was renewed


def no_room(*_: object, **__: object) -> object:
    raise OSError(errno.ENOSPC, "No space left on device")


def refuse_writes(bench: Bench) -> sqlite3.Connection:
    """Keep the store from being written by anybody else until the connection is closed."""
    other = sqlite3.connect(bench.store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other


def locked_at(bench: Bench, point: str, held: list[sqlite3.Connection]) -> Commits:
    """Return commits under which the store becomes one that cannot be written at a point."""
    impatient = CredentialStore(bench.store.path, clock=bench.clock, deadline=0.05)

    def crash(name: str) -> None:
        if name == point:
            held.append(refuse_writes(bench))

    return Commits(bench.config, impatient, bench.clock, crash=crash)


def test_a_commit_that_cannot_be_noted_as_done_is_made_and_told(bench: Bench) -> None:
    bench.write(TEXT)
    held: list[sqlite3.Connection] = []
    commits = locked_at(bench, "written", held)
    try:
        login(commits)
    finally:
        held.pop().close()
        commits._store.close()
    (told,) = commits.recovered
    assert (told.code, told.severity) == ("config.unfinished", "warning")
    assert "done" in told.message
    assert bench.key("acme:new") == "sk-1"
    assert load_config(bench.config).document.get(ACME) == ENTRY
    assert [each.code for each in bench.commits.recover()] == ["config.finished"]
    bench.commits.undo()
    assert (bench.text, bench.key("acme:new")) == (TEXT, None)


def test_where_neither_the_config_can_be_written_nor_the_store_set_back_it_is_not_said_that_nothing_was_changed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.write(TEXT)
    held: list[sqlite3.Connection] = []
    commits = locked_at(bench, "stored", held)
    with monkeypatch.context() as patch:
        patch.setattr(module, "write_config", no_room)
        try:
            with pytest.raises(ConfigError) as caught:
                login(commits)
        finally:
            held.pop().close()
            commits._store.close()
    assert caught.value.code == "config.unsure"
    assert caught.value.message.startswith("The credential store is changed, but ")
    assert (bench.text, bench.key("acme:new")) == (TEXT, "sk-1")
    assert [each.code for each in bench.commits.recover()] == ["config.finished"]
    assert load_config(bench.config).document.get(ACME) == ENTRY


def test_recovery_says_nothing_of_interruptions_when_the_store_cannot_be_read(bench: Bench) -> None:
    bench.login("acme:new", "sk-1")
    bench.store.close()
    for suffix in ("-wal", "-shm"):
        bench.store.path.with_name(bench.store.path.name + suffix).unlink(missing_ok=True)
    bench.store.path.write_bytes(b"a letter" * 100)
    with CredentialStore(bench.store.path, clock=bench.clock) as store:
        assert Commits(bench.config, store, bench.clock).recover() == ()
        assert [each.code for each in store.diagnostics()] == ["store.unreadable"]


def damage_newest(bench: Bench) -> None:
    connection = sqlite3.connect(bench.store.path, isolation_level=None)
    sql = "UPDATE intents SET payload = CAST('p1:damaged' AS BLOB) WHERE id = (SELECT max(id) FROM intents)"
    connection.execute(sql)
    connection.close()


def test_undo_does_not_take_an_older_change_back_for_a_newer_one_that_does_not_open(bench: Bench) -> None:
    bench.login("acme:one", "sk-1")
    bench.login("acme:two", "sk-2")
    damage_newest(bench)
    before = bench.state()
    for act in (bench.commits.undo, bench.commits.preview_undo):
        with pytest.raises(StoreError) as caught:
            act()
        assert caught.value.code == "store.tampered"
        assert caught.value.message.startswith("The last change cannot be taken back")
    assert bench.state() == before
    # What came after it can be taken back, and then the same is said again.
    bench.login("acme:three", "sk-3")
    assert bench.commits.undo()[0].title == "login to acme:three"
    with pytest.raises(StoreError):
        bench.commits.undo()


def test_a_record_that_does_not_open_goes_when_it_could_not_be_taken_back_anyway(bench: Bench) -> None:
    bench.login("acme:first", "sk-1")
    bench.login("acme:damaged", "sk-2")
    damage_newest(bench)
    (shut,) = bench.store.intent_faults()
    for number in range(UNDO_DEPTH - 1):
        bench.login("acme:n", f"sk-{number}")
    assert shut in bench.store.intent_ids()
    bench.login("acme:n", "sk-last")
    assert shut not in bench.store.intent_ids()
    assert bench.store.diagnostics() == ()


def mixed(bench: Bench) -> CredentialStore:
    """Return a store under one key in which a profile is sealed with another."""
    with CredentialStore(bench.store.path, cipher=EnvelopeCipher(bytes(32)), clock=bench.clock) as first:
        first.put(Profile("acme:old", ApiKeyCredential(Secret("sk-old"))))
        foreign = EnvelopeCipher(b"x" * 32).seal(b"{}", Label("profile", "acme:new", "user", None))
        first.put(Profile("acme:new", ApiKeyCredential(Secret("sk-gone"))))
    connection = sqlite3.connect(bench.store.path, isolation_level=None)
    connection.execute("UPDATE profiles SET payload = ? WHERE id = 'acme:new'", (foreign,))
    connection.close()
    return CredentialStore(bench.store.path, cipher=EnvelopeCipher(bytes(32)), clock=bench.clock)


def test_a_login_may_replace_the_one_credential_that_another_key_sealed(bench: Bench) -> None:
    with mixed(bench) as store:
        assert [each.code for each in store.diagnostics()] == ["store.other-key"]
        Bench(bench.config.parent, store, bench.clock).login("acme:new", "sk-1")
        assert [key_of(each) for each in store.profiles()] == ["sk-1", "sk-old"]
        assert store.diagnostics() == ()


def grant(access: str, refresh: str, email: str | None = "me@example.test") -> OAuthCredential:
    return OAuthCredential(Secret(access), Secret(refresh), NOW + 1, email)


def sign_in(bench: Bench, credential: OAuthCredential) -> None:
    entry = {"provider": "acme", "mode": "oauth"}
    draft = Draft((Change(ACME, entry),), keep=(Profile("acme:new", credential, origin="https://api.acme.test"),))
    bench.commits.commit("user", "sign in", lambda _: draft)


def renew(bench: Bench, credential: OAuthCredential) -> None:
    """Renew as the refresher does: with a lease, in one transaction."""
    with bench.store.transaction() as work:
        profile = work.get("acme:new")
        assert profile is not None
        lease = work.claim_refresh(profile, "tests", bench.clock.now + 1_000)
        assert work.complete_refresh(lease, credential) is not None


@pytest.mark.parametrize(
    ("email", "renewed"),
    [
        ("me@example.test", grant("a-2", "r-1")),
        ("me@example.test", grant("a-2", "r-2")),
        (None, grant("a-2", "r-2")),
        (None, grant("a-2", "r-2", None)),
    ],
)
def test_taking_a_sign_in_back_takes_the_renewed_credential_with_it(
    bench: Bench, email: str | None, renewed: OAuthCredential
) -> None:
    bench.write(TEXT)
    sign_in(bench, grant("a-1", "r-1", email))
    renew(bench, renewed)
    _, kept = bench.commits.undo()
    assert (kept, bench.text, bench.store.get("acme:new")) == ((), TEXT, None)


def test_a_sign_in_to_another_account_is_not_taken_for_a_renewal(bench: Bench) -> None:
    sign_in(bench, grant("a-1", "r-1"))
    other = Profile("acme:new", grant("a-9", "r-9", "you@example.test"), origin="https://api.acme.test")
    bench.store.put(other)
    _, kept = bench.commits.undo()
    assert [each.code for each in kept] == ["store.changed-since"]
    assert bench.store.get("acme:new") is not None


def test_a_sign_in_for_another_config_file_is_not_taken_for_a_renewal(bench: Bench) -> None:
    sign_in(bench, grant("a-1", "r-1"))
    bench.clock.now += 1
    draft = Draft((), keep=(Profile("acme:new", grant("a-2", "r-2"), origin="https://api.acme.test"),))
    Commits(bench.config.with_name("other.json5"), bench.store, bench.clock).commit("user", "again", lambda _: draft)
    _, kept = bench.commits.undo()
    assert [each.code for each in kept] == ["store.changed-since"]
    assert bench.store.get("acme:new") is not None


def test_what_the_records_still_hold_of_a_credential_is_known_and_can_be_purged_after_the_logout(bench: Bench) -> None:
    bench.login("acme:new", "sk-canary-1")
    assert bench.commits.remembered() == ()
    bench.logout("acme:new")
    assert bench.commits.remembered() == ("acme:new",)
    bench.commits.forget(["acme:new"])
    assert bench.commits.remembered() == ()
    assert "sk-canary-1" not in str([each.payload for each in bench.store.intents()])
    assert [each.title for each in bench.commits.history()] == []


def test_a_purge_says_when_a_record_that_does_not_open_may_still_hold_the_credential(bench: Bench) -> None:
    bench.login("acme:new", "sk-1")
    bench.logout("acme:new")
    bench.login("acme:two", "sk-2")
    damage_newest(bench)
    with pytest.raises(StoreError) as caught:
        bench.commits.forget(["acme:new"])
    assert caught.value.code == "store.tampered"
    assert caught.value.message.startswith("A record that does not open may still hold acme:new.")
    assert bench.commits.remembered() == ()
