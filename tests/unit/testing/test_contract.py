"""The contract suite for plugin authors: a plugin that keeps the contract passes, another is told what it breaks."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING, ClassVar

import pytest

from jackfield.errors import AnswerError, CancelledError, PluginError
from jackfield.plugins.scaffold import new_plugin
from jackfield.plugins.session import Limits
from jackfield.testing import Login, PluginContract

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MANIFEST = """
id = "acme"
name = "Acme"
entry = "plugin.py"

[[providers]]
id = "acme"
label = "Acme"
aliases = ["acme-ai"]
env_vars = ["ACME_API_KEY"]

[[providers.auth]]
id = "key"
choice = "acme-key"
label = "Key"
kind = "api_key"
"""
PLUGIN = """
import os, urllib.request, json, sys
PROVIDER = {
    "id": "acme", "label": "Acme", "aliases": ["acme-ai"], "env_vars": ["ACME_API_KEY"],
    "auth": [{"id": "key", "choice": "acme-key", "label": "Key", "kind": "api_key", "run": lambda ctx: login(ctx)}],
}
RESULT = {
    "profiles": [{"profile_id": "acme:default", "credential": {"type": "api_key", "provider": "acme", "key": "k"}}],
    "default_model": "acme/m",
}
def login(ctx):
    url = ctx.prompter.text("URL")
    RESULT["config_patch"] = {"models": {"providers": {"acme": {
        "baseUrl": url, "api": "openai-completions", "models": [{"id": "m", "name": "M"}]}}}}
    AT_LOGIN
    return RESULT
def register(api):
    AT_REGISTER
    api.register_provider(PROVIDER)
"""
LOGIN = Login("acme", "key", ("https://api.acme.example/v1",), ("acme:default",), "acme/m")
CHECKS = [name for name in vars(PluginContract) if name.startswith("test_")]


def contract(
    folder: Path,
    *,
    login: str = "pass",
    register: str = "pass",
    manifest: str = MANIFEST,
    logins: Sequence[Login] = (LOGIN,),
) -> PluginContract:
    """Return the contract of a plugin that is written into `folder`."""
    folder.mkdir(exist_ok=True)
    source = PLUGIN.replace("AT_LOGIN", login).replace("AT_REGISTER", register)
    (folder / "plugin.py").write_text(dedent(source), encoding="utf-8")
    (folder / "jackfield.plugin.toml").write_text(manifest, encoding="utf-8")
    return _of(folder, logins)


def _of(place: Path, own_logins: Sequence[Login] = ()) -> PluginContract:
    class Contract(PluginContract):
        plugin = place
        logins = own_logins
        limits: ClassVar[Limits] = Limits(login_s=30.0)

    return Contract()


def run(suite: PluginContract, check: str, folder: Path) -> None:
    """Run one test of the contract."""
    folder.mkdir(exist_ok=True)
    getattr(suite, check)(folder)


def test_there_is_a_test_for_each_promise() -> None:
    assert CHECKS == [
        "test_it_is_found_without_running_it",
        "test_it_registers_providers",
        "test_its_names_are_free",
        "test_it_registers_what_its_manifest_says",
        "test_its_logins_pass_the_gate",
        "test_it_leaves_nothing_behind",
    ]


@pytest.mark.parametrize("check", CHECKS)
def test_a_plugin_that_keeps_the_contract_passes(tmp_path: Path, check: str) -> None:
    run(contract(tmp_path / "acme"), check, tmp_path / "run")


@pytest.mark.parametrize("check", CHECKS)
def test_a_single_file_passes(tmp_path: Path, check: str) -> None:
    folder = new_plugin(tmp_path, "single")
    file = tmp_path / "single.py"
    (folder / "plugin.py").rename(file)
    answers = ("https://api.single.example/v1", "a-key-for-tests")
    run(_of(file, [Login("single", "api-key", answers, ("single:default",))]), check, tmp_path / "run")


@pytest.mark.parametrize("check", CHECKS)
def test_a_plugin_for_node_passes(tmp_path: Path, check: str) -> None:
    folder = tmp_path / "acme"
    folder.mkdir()
    (folder / "openclaw.plugin.json").write_text('{"id": "acme", "providers": ["acme"], "configSchema": {}}')
    (folder / "index.ts").write_text(
        """
        export default {
          id: "acme",
          register(api: any) {
            api.registerProvider({ id: "acme", label: "Acme", auth: [{ id: "key", label: "Key", kind: "api_key",
              run: async (ctx: any) => {
                const key: string = await ctx.prompter.text({ message: "Key" });
                const credential = { type: "api_key", provider: "acme", key };
                return { profiles: [{ profileId: "acme:default", credential }] };
              } }] });
          },
        };
        """
    )
    run(_of(folder, [Login("acme", "key", ("a-key-for-tests",), ("acme:default",))]), check, tmp_path / "run")


BROKEN: list[tuple[str, dict[str, str], str]] = [
    ("test_it_is_found_without_running_it", {"manifest": "id = "}, "plugin.manifest-toml"),
    ("test_it_is_found_without_running_it", {"manifest": "id = 'acme'\nentry = 'no.py'"}, "no.py"),
    ("test_it_is_found_without_running_it", {"manifest": MANIFEST + "\nunknown = 1"}, "unknown"),
    ("test_it_registers_providers", {"register": "return"}, "registers no provider"),
    ("test_it_registers_providers", {"register": "PROVIDER['id'] = 'a b'"}, "plugin.provider-id"),
    ("test_it_registers_providers", {"register": "PROVIDER['env_vars'] = ['no']"}, "envVars[0]"),
    ("test_it_registers_providers", {"register": "PROVIDER['label'] = object()"}, "plugin.not-json"),
    ("test_its_names_are_free", {"register": "PROVIDER['aliases'] = ['gpt', 'openai']"}, "alias openai"),
    ("test_its_names_are_free", {"register": "PROVIDER['env_vars'] = ['OPENAI_API_KEY']"}, "OPENAI_API_KEY"),
    ("test_it_registers_what_its_manifest_says", {"register": "PROVIDER['id'] = 'other'"}, "['other']"),
    ("test_it_registers_what_its_manifest_says", {"register": "PROVIDER['label'] = 'X'"}, "acme: label is 'Acme'"),
    ("test_it_registers_what_its_manifest_says", {"register": "PROVIDER['aliases'] = []"}, "acme: aliases is"),
    ("test_it_registers_what_its_manifest_says", {"register": "PROVIDER['env_vars'] = []"}, "acme: env_vars is"),
    ("test_it_registers_what_its_manifest_says", {"register": "PROVIDER['auth'] = []"}, "acme: auth is ('key',)"),
    (
        "test_it_registers_what_its_manifest_says",
        {"register": "PROVIDER['auth'][0].update(choice='x', label='Y', kind='token')"},
        "acme: auth.key.choice is 'acme-key' in the manifest, registered is 'x'",
    ),
    (
        "test_its_logins_pass_the_gate",
        {"login": "RESULT['profiles'][0]['profile_id'] = 'openai:default'"},
        "login.profile",
    ),
    (
        "test_its_logins_pass_the_gate",
        {"login": "RESULT['config_patch']['models']['providers']['openai'] = {}"},
        "openai",
    ),
    ("test_its_logins_pass_the_gate", {"login": "RESULT['default_model'] = 'openai/gpt'"}, "login.default-model"),
    ("test_its_logins_pass_the_gate", {"login": "RESULT['profiles'] = []"}, "should return the profiles"),
    ("test_its_logins_pass_the_gate", {"login": "del RESULT['default_model']"}, "should return the default model"),
    ("test_its_logins_pass_the_gate", {"login": "return 7"}, "login.result"),
    ("test_it_leaves_nothing_behind", {"register": "open('left.txt', 'w').close()"}, "work/left.txt"),
    (
        "test_it_leaves_nothing_behind",
        {"login": "open(os.path.expanduser('~/.acme'), 'w').close()"},
        "home/.acme",
    ),
    ("test_it_leaves_nothing_behind", {"login": "open(ctx.agent_dir + '/auth.json', 'w').close()"}, "agent/auth.json"),
    ("test_it_leaves_nothing_behind", {"login": "import tempfile; tempfile.mkstemp()"}, "tmp/"),
    ("test_it_leaves_nothing_behind", {"login": "open(os.path.dirname(__file__) + '/x', 'w').close()"}, "own folder"),
]


@pytest.mark.parametrize(("check", "change", "words"), BROKEN, ids=[f"{each[0][5:]}-{each[2]}" for each in BROKEN])
def test_a_plugin_that_breaks_a_promise_is_told_which(
    tmp_path: Path, check: str, change: dict[str, str], words: str
) -> None:
    with pytest.raises(AssertionError) as caught:
        run(contract(tmp_path / "acme", **change), check, tmp_path / "run")  # type: ignore[arg-type]
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"register": "raise ValueError('own words')"}, "plugin.register-failed", "own words"),
        ({"register": "os._exit(3)"}, "plugin.exited", "3"),
        ({"login": "1 / 0"}, "plugin.run-failed", "division by zero"),
        ({"login": "return object()"}, "plugin.bad-result", "type object"),
    ],
)
def test_a_plugin_that_fails_is_an_error_that_names_it(
    tmp_path: Path, change: dict[str, str], code: str, words: str
) -> None:
    with pytest.raises(PluginError) as caught:
        run(contract(tmp_path / "acme", **change), "test_its_logins_pass_the_gate", tmp_path / "run")  # type: ignore[arg-type]
    assert caught.value.code == code
    assert words in caught.value.message
    assert "'acme'" in caught.value.message


def test_a_script_with_too_few_answers_is_told(tmp_path: Path) -> None:
    suite = contract(tmp_path / "acme", logins=(Login("acme", "key"),))
    with pytest.raises(AnswerError) as caught:
        run(suite, "test_its_logins_pass_the_gate", tmp_path / "run")
    assert caught.value.code == "answers.too-few"


def test_a_script_with_too_many_answers_is_told(tmp_path: Path) -> None:
    suite = contract(tmp_path / "acme", logins=(Login("acme", "key", ("https://a.example", "more")),))
    with pytest.raises(AssertionError, match="asked 1 questions and left 1 answers"):
        run(suite, "test_its_logins_pass_the_gate", tmp_path / "run")


@pytest.mark.parametrize("login", [Login("acme", "none"), Login("none", "key")])
def test_a_login_that_is_not_there_is_told(tmp_path: Path, login: Login) -> None:
    suite = contract(tmp_path / "acme", logins=(login,))
    with pytest.raises(AssertionError, match=f"no login {login.method} of {login.provider}"):
        run(suite, "test_its_logins_pass_the_gate", tmp_path / "run")


def test_a_login_that_ends_itself_as_cancelled_is_no_success(tmp_path: Path) -> None:
    source = "from jackfield.plugins.api import WizardCancelledError; raise WizardCancelledError('no')"
    with pytest.raises((PluginError, CancelledError)):
        run(contract(tmp_path / "acme", login=source), "test_its_logins_pass_the_gate", tmp_path / "run")


def test_a_login_can_speak_to_a_server_on_this_machine(tmp_path: Path) -> None:
    fetch = (
        "request = urllib.request.Request(url + '/token?a=1', b'code', {'X-A': 'b'}); "
        "RESULT['profiles'][0]['credential']['key'] = json.load(urllib.request.urlopen(request))['key']; "
        "RESULT['config_patch'] = {}"
    )
    login = Login("acme", "key", ("{server}",), ("acme:default",), server={"POST /token": {"key": "from-the-server"}})
    suite = contract(tmp_path / "acme", login=fetch, logins=(login,))
    run(suite, "test_its_logins_pass_the_gate", tmp_path / "run")


@pytest.mark.parametrize("remote", [True, False])
def test_a_login_is_told_whether_a_browser_can_be_opened(tmp_path: Path, remote: bool) -> None:
    check = f"assert ctx.is_remote is {remote}; ctx.open_url('https://acme.example/')"
    suite = contract(tmp_path / "acme", login=check, logins=(Login("acme", "key", LOGIN.answers, remote=remote),))
    run(suite, "test_its_logins_pass_the_gate", tmp_path / "run")


def test_a_plugin_is_given_the_config_of_the_contract(tmp_path: Path) -> None:
    suite = contract(tmp_path / "acme", register="assert api.plugin_config == {'region': 'eu'}")
    type(suite).config = {"region": "eu"}
    run(suite, "test_it_registers_providers", tmp_path / "run")


def test_secrets_of_the_environment_do_not_reach_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/elsewhere")
    check = "assert not [name for name in os.environ if 'KEY' in name or name.startswith('XDG_')], sorted(os.environ)"
    run(contract(tmp_path / "acme", register=check), "test_it_registers_providers", tmp_path / "run")
