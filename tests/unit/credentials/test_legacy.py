"""Reading the credential files of older programs: every entry is a credential or says why it is none; nothing else."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield.credentials.foreign import MAX_BYTES
from jackfield.credentials.legacy import (
    LEGACY_FILES,
    LegacyEntry,
    legacy_folders,
    read_folder,
    read_legacy,
)
from jackfield.credentials.profile import ApiKeyCredential, OAuthCredential, TokenCredential
from jackfield.credentials.secret import Secret
from jackfield.errors import RequestError
from support.cli import leaks

if TYPE_CHECKING:
    from pathlib import Path

KEY = "sk-canary/Zq7+Xk2Lw9=Pd4Rt6Uv8"
PROFILES, PROVIDERS, LOGINS = LEGACY_FILES[0], "auth.json", "credentials/oauth.json"


def one(fields: object, name: str = "acme:default", file: str = PROFILES) -> LegacyEntry:
    value: dict[str, object] = {name: fields}
    data = json.dumps({"version": 1, "profiles": value} if file == PROFILES else value).encode()
    (entry,) = read_legacy(file, data)
    assert entry.file == file
    return entry


def key(provider: object = "acme", text: object = KEY, **more: object) -> dict[str, object]:
    return {"type": "api_key", "provider": provider, "key": text, **more}


def oauth(**fields: object) -> dict[str, object]:
    return {"type": "oauth", "provider": "acme", **fields}


# What an entry holds


@pytest.mark.parametrize(
    ("fields", "credential", "email"),
    [
        (key(), ApiKeyCredential(Secret(KEY)), None),
        (key(text=f"  {KEY}\n", email=" me@acme.test "), ApiKeyCredential(Secret(KEY)), "me@acme.test"),
        (key(email="\x1b[31m", metadata={"x": 1}), ApiKeyCredential(Secret(KEY)), None),
        ({"type": "token", "token": KEY, "expires": 17.9}, TokenCredential(Secret(KEY), 17), None),
        ({"type": "token", "token": KEY}, TokenCredential(Secret(KEY)), None),
        ({"type": "token", "token": KEY, "expires": 0}, TokenCredential(Secret(KEY)), None),
        ({"type": "token", "token": KEY, "expires": -5}, TokenCredential(Secret(KEY)), None),
        (
            oauth(access=KEY, refresh="r", expires=9, email="me@acme.test"),
            OAuthCredential(Secret(KEY), Secret("r"), 9, "me@acme.test"),
            "me@acme.test",
        ),
        (oauth(refresh=f" {KEY}"), OAuthCredential(Secret(""), Secret(KEY), 0), None),
        (oauth(access=KEY, refresh="", expires=9), OAuthCredential(Secret(KEY), None, 9), None),
        (
            oauth(access=KEY, expires=9, accountId="a-1", projectId="p", clientId=None, scopes=["x"]),
            OAuthCredential(Secret(KEY), None, 9, None, {"accountId": "a-1", "projectId": "p", "scopes": ["x"]}),
            None,
        ),
    ],
)
def test_an_entry_becomes_a_credential(fields: dict[str, object], credential: object, email: str | None) -> None:
    entry = one(fields)

    assert (entry.credential, entry.email, entry.fault) == (credential, email, None)
    assert (entry.name, entry.provider, entry.profile_name) == ("acme:default", "acme", "default")
    assert leaks(repr(entry), KEY) == []


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        (None, "is no credential"),
        ([KEY], "is no credential"),
        (KEY, "is no credential"),
        ({}, "is of no known type"),
        ({"type": KEY, "key": KEY}, "is of no known type"),
        ({"type": ["api_key"], "key": KEY}, "is of no known type"),
        (key(text=""), "has no key"),
        (key(text="  "), "has no key"),
        (key(text=7), "has no key"),
        (key(text="${ACME_API_KEY}"), "only refers to a variable"),
        ({"type": "token"}, "has no token"),
        ({"type": "token", "token": KEY, "expires": "soon"}, "has a wrong expires"),
        ({"type": "token", "token": KEY, "expires": True}, "has a wrong expires"),
        (oauth(expires=3), "has no access and no refresh"),
        (oauth(access=KEY, expires="soon"), "has a wrong expires"),
        (oauth(access=KEY, expires=1e300), "has a wrong expires"),
        (oauth(access=KEY, refresh=7, expires=-1), "has a wrong refresh"),
        (key(text="x" * 70_000), "has a wrong key"),
        (key(text="\ud800"), "has a wrong key"),
        (key(provider="a b"), "names no provider"),
        (key(provider=""), "names no provider"),
    ],
)
def test_an_entry_that_is_none_says_why_without_its_secret(fields: object, fault: str) -> None:
    entry = one(fields)

    assert (entry.credential, entry.fault) == (None, fault)
    assert leaks(repr(entry), KEY) == []


@pytest.mark.parametrize(
    ("name", "provider", "expected"),
    [
        ("acme:default", "acme", ("acme:default", "acme", "default", "acme")),
        (" ACME:Me@Acme.test ", " Acme ", ("acme:Me@Acme.test", "acme", "Me@Acme.test", "acme")),
        ("acme:a:b", "acme", ("acme:a:b", "acme", "a:b", "acme")),
        ("beta:x", "acme", ("beta:x", "acme", "x", "beta")),
        ("acme:x", None, ("acme:x", "acme", "x", "acme")),
        ("Work (EU)", "acme", ("Work (EU)", "acme", "work-eu", None)),
        ("acme:with space", "acme", ("acme:with space", "acme", "acme-with-space", None)),
        ("***", "acme", ("***", "acme", None, None)),
        (KEY + "x" * 40, "acme", ("a text of 70 characters", "acme", None, None)),
        ("a\x1b[31m", "acme", ("'a\\x1b[31m'", "acme", "a-31m", None)),
    ],
)
def test_a_profile_is_called_what_the_file_calls_it(
    name: str, provider: str | None, expected: tuple[str, str, str | None, str | None]
) -> None:
    entry = one(key(provider), name)

    assert (entry.name, entry.provider, entry.profile_name, entry.named_for) == expected


@pytest.mark.parametrize("file", ["auth.json", "agents/main/agent/auth.json"])
def test_a_file_by_provider_gives_default_profiles(file: str) -> None:
    entry = one({"type": "api_key", "key": KEY}, "Acme", file)

    assert (entry.name, entry.provider, entry.profile_name, entry.named_for) == ("Acme", "acme", "default", None)
    assert entry.credential == ApiKeyCredential(Secret(KEY))
    assert one(key("beta"), "acme", file).provider == "beta"
    assert one({"access": KEY}, "acme", file).fault == "is of no known type"


def test_a_file_of_logins_needs_no_types() -> None:
    entry = one({"access": KEY, "refresh": "r", "expires": 5}, "acme", LOGINS)

    assert (entry.provider, entry.profile_name) == ("acme", "default")
    assert entry.credential == OAuthCredential(Secret(KEY), Secret("r"), 5)
    assert one(KEY, "acme", LOGINS).fault == "is no credential"
    assert one({"key": KEY}, "acme", LOGINS).fault == "has no access and no refresh"


def test_entries_come_in_the_order_of_the_file() -> None:
    data = json.dumps({"profiles": {f"acme:{name}": key() for name in "zab"}}).encode()

    assert [each.profile_name for each in read_legacy(PROFILES, data)] == ["z", "a", "b"]


# Whole files


@pytest.mark.parametrize(
    ("file", "data", "code", "message"),
    [
        (PROFILES, b"", "import.format", "is not JSON."),
        (PROFILES, KEY.encode(), "import.format", "is not JSON."),
        (PROFILES, b"\xff\xfe\xff", "import.format", "is not JSON."),
        (PROFILES, b"[" * 200_000, "import.format", "is not JSON."),
        (PROFILES, b"[]", "import.format", "has no object `profiles`."),
        (PROFILES, b'{"version": 1}', "import.format", "has no object `profiles`."),
        (PROFILES, b'{"profiles": []}', "import.format", "has no object `profiles`."),
        (PROVIDERS, b"[]", "import.format", "is not an object."),
        (LOGINS, b"null", "import.format", "is not an object."),
        (LOGINS, b" " * (MAX_BYTES + 1), "import.too-large", "has more than 8 MiB, so it is not what it should be."),
    ],
)
def test_a_file_of_another_form_is_refused_and_not_repeated(file: str, data: bytes, code: str, message: str) -> None:
    with pytest.raises(RequestError) as caught:
        read_legacy(file, data)

    assert (caught.value.code, caught.value.message) == (code, message)
    # The cause would quote the text around the fault.
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("data", [b"{}", b'{"profiles": {}}'])
@pytest.mark.parametrize("file", LEGACY_FILES)
def test_an_empty_file_has_no_entries(file: str, data: bytes) -> None:
    fits = (b"profiles" in data) is file.endswith("auth-profiles.json")

    if fits:
        assert read_legacy(file, data) == ()
    elif file.endswith("auth-profiles.json"):
        with pytest.raises(RequestError):
            read_legacy(file, data)


VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.dictionaries(
    st.sampled_from(("type", "provider", "key", "token", "access", "refresh", "expires", "email", "x")),
    st.sampled_from(("api_key", "token", "oauth", "acme")) | VALUES,
)


@given(entries=st.dictionaries(st.text(max_size=12), FIELDS | VALUES, max_size=4), file=st.sampled_from(LEGACY_FILES))
def test_whatever_a_file_holds_each_entry_is_a_credential_or_a_fault(entries: dict[str, Any], file: str) -> None:
    value = {"profiles": entries} if file.endswith("auth-profiles.json") else entries
    found = read_legacy(file, json.dumps(value).encode())

    assert len(found) == len(entries)
    for each in found:
        assert (each.credential is None) is (each.fault is not None)
        assert each.name.isprintable()
        assert each.provider.isprintable()


# Folders


def write(folder: Path, name: str, value: object) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
    return path


def test_a_folder_is_read_the_file_that_counts_most_first(tmp_path: Path) -> None:
    write(tmp_path, LOGINS, {"gamma": {"access": "a", "expires": 1}})
    write(tmp_path, PROVIDERS, {"beta": {"type": "api_key", "key": "k"}})
    write(tmp_path, PROFILES, {"profiles": {"acme:work": key()}})
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.json")}

    found = read_folder(tmp_path)

    assert found.folder == tmp_path
    assert found.files == (PROFILES, PROVIDERS, LOGINS)
    assert [(each.file, each.provider) for each in found.entries] == [
        (PROFILES, "acme"),
        (PROVIDERS, "beta"),
        (LOGINS, "gamma"),
    ]
    assert found.diagnostics == ()
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.json")} == before


def test_the_folder_of_one_agent_will_do(tmp_path: Path) -> None:
    write(tmp_path, "auth-profiles.json", {"profiles": {"acme:work": key()}})

    assert [each.file for each in read_folder(tmp_path).entries] == ["auth-profiles.json"]


def test_a_file_that_is_broken_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    path = write(tmp_path, PROVIDERS, KEY.encode())
    write(tmp_path, LOGINS, {"gamma": {"access": "a", "expires": 1}})

    found = read_folder(tmp_path)

    assert [each.provider for each in found.entries] == ["gamma"]
    (fault,) = found.diagnostics
    assert (fault.code, fault.severity, fault.path) == ("import.format", "error", (PROVIDERS,))
    assert fault.message == f"{path} is not JSON."


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs permissions that bind")
def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    write(tmp_path, PROVIDERS, {}).chmod(0)

    (fault,) = read_folder(tmp_path).diagnostics

    assert (fault.code, fault.path) == ("import.unreadable", (PROVIDERS,))


def test_a_link_that_leads_nowhere_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "auth.json").symlink_to(tmp_path / "nowhere")

    assert read_folder(tmp_path).files == ()
    assert read_folder(tmp_path / "missing").files == ()


def test_what_has_a_files_name_and_is_none_is_told_and_never_waited_for(tmp_path: Path) -> None:
    (tmp_path / "auth-profiles.json").mkdir()
    os.mkfifo(tmp_path / "auth.json")
    write(tmp_path, LOGINS, {"gamma": {"access": "a", "expires": 1}})

    found = read_folder(tmp_path)

    assert found.files == ("auth-profiles.json", "auth.json", LOGINS)
    assert [(each.code, each.path) for each in found.diagnostics] == [
        ("import.not-a-file", ("auth-profiles.json",)),
        ("import.not-a-file", ("auth.json",)),
    ]
    assert [each.provider for each in found.entries] == ["gamma"]


def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    write(tmp_path / "kept", "real.json", {"beta": {"type": "api_key", "key": "k"}})
    (tmp_path / "auth.json").symlink_to(tmp_path / "kept" / "real.json")

    assert [each.provider for each in read_folder(tmp_path).entries] == ["beta"]


def test_a_key_that_stands_twice_is_told_and_the_last_one_counts(tmp_path: Path) -> None:
    path = write(tmp_path, PROVIDERS, b'{"beta": {"type": "api_key", "key": "one", "key": "two"}}')

    found = read_folder(tmp_path)

    (entry,), (fault,) = found.entries, found.diagnostics
    assert entry.credential == ApiKeyCredential(Secret("two"))
    assert (fault.code, fault.severity, fault.path) == ("import.duplicate-key", "warning", (PROVIDERS,))
    assert fault.message == f"{path} has a key twice, of which the last one counts: key."


@pytest.mark.parametrize(
    ("env", "folders"),
    [
        ({}, ()),
        ({"HOME": " "}, ()),
        ({"HOME": "/h"}, ("/h/.openclaw", "/h/.moltbot", "/h/.clawdbot")),
        ({"HOME": "/h", "CLAWDBOT_STATE_DIR": "/s"}, ("/s", "/h/.openclaw", "/h/.moltbot", "/h/.clawdbot")),
        ({"HOME": "/h", "MOLTBOT_STATE_DIR": "~/s"}, ("/h/s", "/h/.openclaw", "/h/.moltbot", "/h/.clawdbot")),
        ({"HOME": "/h", "MOLTBOT_STATE_DIR": "~"}, ("/h", "/h/.openclaw", "/h/.moltbot", "/h/.clawdbot")),
        ({"CLAWDBOT_STATE_DIR": "~other/s"}, ()),
        ({"MOLTBOT_STATE_DIR": "/s", "CLAWDBOT_STATE_DIR": "/s"}, ("/s",)),
        ({"MOLTBOT_STATE_DIR": "/m", "OPENCLAW_STATE_DIR": "/o"}, ("/o", "/m")),
    ],
)
def test_folders_come_from_the_environment(env: dict[str, str], folders: tuple[str, ...]) -> None:
    assert tuple(map(str, legacy_folders(env))) == folders
