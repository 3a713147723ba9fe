"""The registration block of a model provider: one frozen value that holds all there is to know about it.

A block holds data and the *names* of strategies (`runner`, `discovery.kind`, ...); who runs them is decided by the
application. Everything the program shows or asks about providers is derived from the registered blocks by the pure
functions in `jackfield.providers.views`.

Units: money in USD per million tokens, context and output in tokens, times in seconds.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Literal

from jackfield.diagnostics import Diagnostic
from jackfield.ids import canonical_id, is_id
from jackfield.providers.parts import FrozenMap, Part, fault, part

ApiStyle = Literal[
    "openai-completions",
    "openai-responses",
    "openai-codex-responses",
    "anthropic-messages",
    "google-generative-ai",
    "google-gemini-cli",
    "google-vertex",
    "github-copilot",
    "bedrock-converse-stream",
    "cli",
]
"""The wire formats that models are spoken to in."""

AuthKind = Literal["api_key", "token", "oauth", "device_code", "custom", "none"]
Modality = Literal["text", "image", "audio", "video"]
PLUGIN_RUNNER = "plugin:"
"""How the names of strategies begin that a plugin brings."""

TEXT: tuple[Modality, ...] = ("text",)
TEXT_IMAGE: tuple[Modality, ...] = ("text", "image")

_ENV_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")
_FLAG = re.compile(r"--[a-z0-9]+(-[a-z0-9]+)*")
_CHOICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# Its form only; what may be connected to is decided by jackfield.net, and urllib costs start-up time here.
_URL = re.compile(r"https?://[^\s/?#@\\]+(/\S*)?")
_PROFILE = re.compile(r"[^:{}\s]+:([^{}\s]+|\{[a-z]+\})")


def _check_variables(names: tuple[str, ...], *path: str) -> Iterator[Diagnostic]:
    """Yield faults of a list of variables, by place: what stands there may be a key pasted by mistake."""
    for place, name in enumerate(names):
        if not _ENV_NAME.fullmatch(name):
            yield fault("is not a variable name (A-Z, 0-9, _)", *path, f"[{place}]")
    if len(set(names)) < len(names):
        yield fault("names a variable twice", *path)


def _check_url(url: str, *path: str) -> Iterator[Diagnostic]:
    if not _URL.fullmatch(url):
        yield fault("must be an http or https URL", *path)


@part
class Cost(Part):
    """Price of a model in USD per million tokens; all zero means free or unknown."""

    input: float = 0.0
    output: float = 0.0
    cache_read: float = 0.0
    cache_write: float = 0.0

    def check(self) -> Iterator[Diagnostic]:
        """Yield a fault for each negative price."""
        for name in ("input", "output", "cache_read", "cache_write"):
            if not 0 <= getattr(self, name) < float("inf"):
                yield fault("must be zero or more", name)


@part
class Model(Part):
    """One model as its vendor spells it, with what it takes and costs."""

    id: str
    name: str
    context_window: int
    max_tokens: int
    input: tuple[Modality, ...] = TEXT
    cost: Cost = Cost()
    reasoning: bool = False
    api: ApiStyle | None = None
    headers: Mapping[str, str] = FrozenMap()
    developer_role: bool = True
    privacy: Literal["private", "anonymized"] | None = None

    def check(self) -> Iterator[Diagnostic]:
        """Yield faults of sizes and of the id."""
        if self.context_window < 1:
            yield fault("must be at least 1", "context_window")
        if self.max_tokens < 1:
            yield fault("must be at least 1", "max_tokens")
        if self.id != self.id.strip() or not self.id.isprintable():
            yield fault("must be printable, without white space around it", "id")
        if not self.input:
            yield fault("must name at least one kind of input", "input")


@part
class Group(Part):
    """A heading that login choices stand under. Blocks of one vendor share the same group object."""

    id: str
    label: str
    hint: str
    order: int


@part
class EnvSet(Part):
    """Variables that count only together: all of `all_of`, one of `any_of` (if given), and the file (if named).

    `file_variable` names the variable holding a path; without it `file_default` (with `~`) is looked for.
    """

    all_of: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    file_variable: str | None = None
    file_default: str | None = None

    def check(self) -> Iterator[Diagnostic]:
        """Yield a fault for a set without variables."""
        if not self.all_of and not self.any_of:
            yield fault("must name at least one variable", "all_of")

    @property
    def names(self) -> tuple[str, ...]:
        """Every variable of the set, in order."""
        return (*self.all_of, *self.any_of, *((self.file_variable,) if self.file_variable else ()))


@part
class EnvVars(Part):
    """Environment variables a provider reads. Blank counts as unset; values are trimmed.

    Attributes:
        any_of: each of these alone is a credential; the first one set wins.
        sets: alternatives that need several variables at once, tried in order.
        login_shell: may be imported from the user's login shell when none is set here.
        settings: read for other things than credentials (region, project, client id).
        usage: looked at first when usage or quota is asked for.
        cleared: removed from the environment of the provider's own command-line program.
    """

    any_of: tuple[str, ...] = ()
    sets: tuple[EnvSet, ...] = ()
    login_shell: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    usage: tuple[str, ...] = ()
    cleared: tuple[str, ...] = ()

    def check(self) -> Iterator[Diagnostic]:
        """Yield faults of names: their form, repeats, and shell imports of variables nobody reads."""
        for field in ("any_of", "login_shell", "settings", "usage", "cleared"):
            yield from _check_variables(getattr(self, field), field)
        for place, each in enumerate(self.sets):
            yield from _check_variables(each.names, "sets", f"[{place}]")
        for place, name in enumerate(self.login_shell):
            if name not in self.any_of:
                yield fault("must also stand in any_of", "login_shell", f"[{place}]")


@part
class ApiKey(Part):
    """How a key or token is asked for, cleaned, checked and offered.

    Attributes:
        flags: command-line spellings; the first one takes the key.
        field: its name in an answers file and in older option objects.
        prompt: what the user is asked.
        normalize: `shell` strips `export X=`, quotes, backticks and trailing semicolons; `trim` only white space.
        prefix: what every right key starts with, when the vendor says so.
        min_length: in characters, after cleaning.
        offer_env: whether a key found in the environment is offered instead of a paste.
        url: where the user gets a key.
    """

    prompt: str
    flags: tuple[str, ...] = ()
    field: str | None = None
    normalize: Literal["shell", "trim"] = "shell"
    prefix: str | None = None
    min_length: int = 1
    offer_env: bool = True
    url: str | None = None

    def check(self) -> Iterator[Diagnostic]:
        """Yield faults of flags and lengths."""
        for place, flag in enumerate(self.flags):
            if not _FLAG.fullmatch(flag):
                yield fault("is not a flag such as --acme-api-key", "flags", f"[{place}]")
        if self.min_length < 1:
            yield fault("must be at least 1", "min_length")
        if self.url is not None:
            yield from _check_url(self.url, "url")


@part
class OAuth(Part):
    """What an OAuth or device-code flow of this provider needs (RFC 6749, 7636, 8252, 8628).

    Attributes:
        hosts: whom the flow talks to.
        redirect_uri: the one the vendor registered; without one it is on a port that the system chooses.
        client_id: of a client that is public, as those of programs on users' machines are.
        client_env: where other clients are described, in this order: variables for the client's id, its secret, its
            redirect address, and its scopes (parted by white space).
        authorize_params: what the vendor's authorization page wants beside the standard's parameters.
        pasted: what a user may paste when no browser can reach this machine: the whole address that they are sent to,
            or also a code alone, for vendors that show nothing else. None stands for the address.
        account_claim: where the account's id stands in what the vendor tells of the user, outermost key first.
        needs_account: whether a grant without that id is of no use.
        timeout_s: how long the user has; `expiry_margin_s` before its end a token counts as ended.
        keeps_refresh_token: a refresh without a new refresh token leaves the old one in force.
        refresh_runner: name of the strategy that renews a grant, where the standard's will not do; `refresh_url` is
            where it asks, where that is not `token_url`.
    """

    hosts: tuple[str, ...]
    authorize_url: str | None = None
    token_url: str | None = None
    device_code_url: str | None = None
    userinfo_url: str | None = None
    redirect_uri: str | None = None
    scopes: tuple[str, ...] = ()
    client_id: str | None = None
    client_env: tuple[str, ...] = ()
    authorize_params: Mapping[str, str] = FrozenMap()
    pasted: Literal["url", "url-or-code"] | None = None
    account_claim: tuple[str, ...] = ()
    needs_account: bool = False
    timeout_s: int = 300
    expiry_margin_s: int = 300
    keeps_refresh_token: bool = False
    refresh_runner: str | None = None
    refresh_url: str | None = None

    def check(self) -> Iterator[Diagnostic]:
        """Yield faults of URLs, times and the account's claim."""
        for name in ("authorize_url", "token_url", "device_code_url", "userinfo_url", "redirect_uri", "refresh_url"):
            value = getattr(self, name)
            if value is not None:
                yield from _check_url(value, name)
        if not self.hosts:
            yield fault("must name the hosts the flow talks to", "hosts")
        if self.timeout_s < 1:
            yield fault("must be at least 1", "timeout_s")
        if self.expiry_margin_s < 0:
            yield fault("must be zero or more", "expiry_margin_s")
        if self.needs_account and not self.account_claim:
            yield fault("must say where the account's id stands", "account_claim")


@part
class Check(Part):
    """A free request that tells whether the service is there and takes the credential.

    `url` may use `{base}` (the base URL in force) and `{origin}`. `auth` names how the credential is sent. The statuses
    in `refused` mean a wrong credential; 2xx and those in `accepted` a right one; any other answer tells nothing.
    `public` says that the service answers anyone, so that it proves only that it is there.
    """

    url: str
    auth: Literal["bearer", "x-api-key", "x-goog-api-key", "none"] = "bearer"
    headers: Mapping[str, str] = FrozenMap()
    refused: tuple[int, ...] = (401, 403)
    accepted: tuple[int, ...] = ()
    public: bool = False

    def check(self) -> Iterator[Diagnostic]:
        """Yield a fault when the URL is neither absolute nor built from `{base}` or `{origin}`."""
        if not self.url.startswith(("{base}", "{origin}", "https://", "http://")):
            yield fault("must start with {base}, {origin} or https://", "url")


@part
class AuthMethod(Part):
    """One way to log in.

    Attributes:
        id: unique within the provider.
        choice: what the wizard and `--auth-choice` call it; unique among all providers.
        runner: name of the strategy that carries it out.
        order: place in the flat list of choices; without one it comes after all that have one.
        hidden: works when named, but is not offered.
        legacy_choices: older spellings that still work; each is told to be deprecated.
        profile: id of the credential profile written; `{email}` and the like are filled in by the flow and become
            `default` when it does not know.
        default_model: model ref proposed as default when it differs from the provider's.
        supplied_by: id of the one plugin whose code runs this method; until it is there, the choice says so.
        allowed_models: model refs this credential may use; empty means all.
        verify: how this credential is checked, where it differs from the provider's own `verify`.
    """

    id: str
    choice: str
    kind: AuthKind
    label: str
    runner: str
    hint: str | None = None
    order: int | None = None
    hidden: bool = False
    legacy_choices: tuple[str, ...] = ()
    key: ApiKey | None = None
    oauth: OAuth | None = None
    profile: str | None = None
    default_model: str | None = None
    supplied_by: str | None = None
    allowed_models: tuple[str, ...] = ()
    verify: Check | None = None

    def check(self) -> Iterator[Diagnostic]:
        """Yield faults that depend on the kind, and of the choice's and profile's form."""
        if not is_id(self.id):
            yield fault("must be an id (a-z, 0-9, . - _)", "id")
        names: list[tuple[str, tuple[str, ...]]] = [(self.choice, ("choice",))]
        names += [(name, ("legacy_choices", f"[{place}]")) for place, name in enumerate(self.legacy_choices)]
        for name, where in names:
            if not _CHOICE.fullmatch(name):
                yield fault("must be 1 to 64 letters, digits, . - _ and start with a letter or digit", *where)
        if self.runner.startswith(PLUGIN_RUNNER):
            # What a flow needs, its plugin knows.
            yield from self._check_profile()
            return
        if self.kind in {"api_key", "token"} and self.key is None:
            yield fault(f"a method of kind {self.kind} says how its key is asked for", "key")
        if self.kind in {"oauth", "device_code"} and self.oauth is None and self.supplied_by is None:
            yield fault(f"a method of kind {self.kind} says how its flow works, or which plugin supplies it", "oauth")
        if self.kind != "none" and self.profile is None and self.supplied_by is None:
            yield fault("a method that yields a credential names its profile", "profile")
        yield from self._check_profile()

    def _check_profile(self) -> Iterator[Diagnostic]:
        if self.profile is not None and not _PROFILE.fullmatch(self.profile):
            yield fault("must look like provider:name or provider:{email}", "profile")


@part
class Discovery(Part):
    """How models that are not in the block are found: a named strategy, its URL, and defaults for unknown models."""

    kind: str
    url: str | None = None
    timeout_s: float = 5.0
    refresh_s: int | None = None
    authenticated: bool = False
    context_window: int = 128_000
    max_tokens: int = 8_192

    def check(self) -> Iterator[Diagnostic]:
        """Yield faults of times and sizes."""
        if not 0 < self.timeout_s < float("inf"):
            yield fault("must be more than zero", "timeout_s")
        if self.refresh_s is not None and self.refresh_s < 1:
            yield fault("must be at least 1", "refresh_s")
        for name in ("context_window", "max_tokens"):
            if getattr(self, name) < 1:
                yield fault("must be at least 1", name)


@part
class TokenExchange(Part):
    """A stored credential that is traded for a short-lived one before each use."""

    url: str
    margin_s: int = 300

    def check(self) -> Iterator[Diagnostic]:
        """Yield faults of the URL and of the margin."""
        yield from _check_url(self.url, "url")
        if self.margin_s < 0:
            yield fault("must be zero or more", "margin_s")


@part
class LegacyProfile(Part):
    """A rule for credential profiles and model refs that older programs left behind; `jackfield doctor` applies it.

    Attributes:
        rule: `repair-default-id` (a default profile that stands for a named one), `remove` (a profile no longer used,
            with everything that mentions it), `migrate-mode` (its config entry gets the mode `to`), `model-ref` (the
            ref `subject` means the ref `to`), `external-sync` (kept equal to another program's file `source`).
        subject: the profile id or model ref the rule is about.
        to: what it becomes, where the rule needs it.
        where: at which moments it applies.
        source: path of another program's file, with `~`.
        fresh_s: how long a copy counts as fresh.
    """

    rule: Literal["repair-default-id", "remove", "migrate-mode", "model-ref", "external-sync"]
    subject: str
    to: str | None = None
    where: tuple[Literal["doctor", "refresh", "config", "load"], ...] = ("doctor",)
    source: str | None = None
    fresh_s: int | None = None

    def check(self) -> Iterator[Diagnostic]:
        """Yield faults of rules that lack what they need."""
        if self.rule in {"migrate-mode", "model-ref"} and self.to is None:
            yield fault(f"the rule {self.rule} says what it turns into", "to")
        if self.rule == "external-sync" and self.source is None:
            yield fault("the rule external-sync names its file", "source")


@part
class Advisory(Part):
    """Something a user should be told, and when.

    `condition` narrows the moment down: `config-entry` (the config has its own `models.providers` entry for the
    provider), `group-sibling` (no credential here, but for another provider of its group), `legacy-profile` (a profile
    that a legacy rule removes is there), `in-use` (its models are configured, and there is no credential).
    """

    id: str
    title: str
    text: str
    when: Literal["before-login", "after-login", "login-failed", "no-terminal", "doctor", "status", "refresh-failed"]
    url: str | None = None
    condition: Literal["config-entry", "group-sibling", "legacy-profile", "in-use"] | None = None

    def check(self) -> Iterator[Diagnostic]:
        """Yield faults of the id and the URL."""
        if not is_id(self.id):
            yield fault("must be an id (a-z, 0-9, . - _)", "id")
        if self.url is not None:
            yield from _check_url(self.url, "url")


@part
class RuntimeTags(Part):
    """What a runtime must know to talk to the provider rightly.

    Attributes:
        transcript: name of the policy by which message history is cleaned before it is sent.
        reasoning_tag: reasoning comes inside tags in the text.
        binary_thinking: thinking is on or off, without levels.
        xhigh_models: models that take the highest reasoning effort.
        cache_ttl: patterns of models whose prompt cache takes a time to live.
        json_api_key: the credential is sent as JSON `{token, projectId}`.
        token_exchange: the credential is traded before use (see `TokenExchange`).
        custom_refresh: name of the provider's own refresh strategy.
        openai_family: follows the tool conventions of the first of its style.
        aws_sdk: requests are signed by the AWS credential chain.
        cli: a command-line program runs the model; there is no HTTP endpoint.
        usage_label: its name in usage and quota reports; `usage_order` its place there.
        current_models: patterns of models that are current; `!` in front excludes.
        quirks: named behaviours that fit no field above.
    """

    transcript: str | None = None
    reasoning_tag: bool = False
    binary_thinking: bool = False
    xhigh_models: tuple[str, ...] = ()
    cache_ttl: tuple[str, ...] = ()
    json_api_key: bool = False
    token_exchange: bool = False
    custom_refresh: str | None = None
    openai_family: bool = False
    aws_sdk: bool = False
    cli: bool = False
    usage_label: str | None = None
    usage_order: int | None = None
    current_models: tuple[str, ...] = ()
    quirks: tuple[str, ...] = ()


@part
class Provider(Part):
    """The registration block of one provider.

    Attributes:
        id: canonical (`jackfield.ids.is_id`).
        aliases: other names that mean this provider; canonical too.
        docs_path: page of its documentation, as older programs name it.
        base_url: root of its API; `{region}` and `{location}` are filled in from settings. `None`: no endpoint.
        api: wire format of its models; a model may name its own, and `api_rules` (pattern, style) come between.
        local: runs on the user's machine; needs no key, and status says whether it is reachable.
        auth_mode: `api-key` for all that send a key or token; `aws-sdk` and `adc` use the vendor's credential chain.
        model_aliases: other spellings of model ids.
        short_names: short names for its models in config files (`opus`), to model ids.
        seed_aliases: alias proposed for a model when it becomes the default, by model id.
        default_model: model ref proposed as default.
        hidden_models: model refs left out of pickers.
        picker_order: place among preferred providers in model pickers; without one, after them.
        implicit_order: place among providers that are there without any config entry.
    """

    id: str
    label: str
    aliases: tuple[str, ...] = ()
    docs_path: str | None = None
    base_url: str | None = None
    api: ApiStyle | None = None
    api_rules: Mapping[str, str] = FrozenMap()
    local: bool = False
    auth_mode: Literal["api-key", "aws-sdk", "adc"] = "api-key"
    group: Group | None = None
    auth: tuple[AuthMethod, ...] = ()
    env: EnvVars = EnvVars()
    verify: Check | None = None
    models: tuple[Model, ...] = ()
    model_aliases: Mapping[str, str] = FrozenMap()
    short_names: Mapping[str, str] = FrozenMap()
    seed_aliases: Mapping[str, str] = FrozenMap()
    default_model: str | None = None
    hidden_models: tuple[str, ...] = ()
    picker_order: int | None = None
    implicit_order: int | None = None
    discovery: Discovery | None = None
    token_exchange: TokenExchange | None = None
    legacy: tuple[LegacyProfile, ...] = ()
    advisories: tuple[Advisory, ...] = ()
    tags: RuntimeTags = RuntimeTags()

    def check(self) -> Iterator[Diagnostic]:
        """Yield faults between fields: ids, repeats, and refs that leave the provider."""
        yield from self._check_names()
        if self.base_url is not None:
            yield from _check_url(self.base_url, "base_url")
        for field in ("models", "auth", "advisories"):
            first: dict[str, int] = {}
            for place, each in enumerate(getattr(self, field)):
                if first.setdefault(each.id, place) != place:
                    yield fault(f"repeats the id of {field}[{first[each.id]}]", field, f"[{place}]", "id")
        yield from self._check_refs()

    def _check_names(self) -> Iterator[Diagnostic]:
        names: list[tuple[str, tuple[str, ...]]] = [(self.id, ("id",))]
        names += [(alias, ("aliases", f"[{place}]")) for place, alias in enumerate(self.aliases)]
        for name, where in names:
            if not is_id(name):
                hint = "Write it in lower case, without white space around it." if is_id(canonical_id(name)) else None
                yield fault(
                    "is not an id: 1 to 64 of a-z 0-9 . - _ with a letter or digit at both ends", *where, hint=hint
                )
        if len({self.id, *self.aliases}) <= len(self.aliases):
            yield fault("repeats a name", "aliases")

    def _check_refs(self) -> Iterator[Diagnostic]:
        yield from self._check_model_refs((self.default_model,), "default_model")
        yield from self._check_model_refs(self.hidden_models, "hidden_models")
        choices = [name for method in self.auth for name in (method.choice, *method.legacy_choices)]
        if len(set(choices)) < len(choices):
            yield fault("two methods have the same choice", "auth")
        for place, method in enumerate(self.auth):
            where = ("auth", f"[{place}]")
            if method.profile is not None and not method.profile.startswith(f"{self.id}:"):
                yield fault("must start with the provider's id and a colon", *where, "profile")
            yield from self._check_model_refs((method.default_model,), *where, "default_model")
            yield from self._check_model_refs(method.allowed_models, *where, "allowed_models")

    def _check_model_refs(self, refs: tuple[str | None, ...], *path: str) -> Iterator[Diagnostic]:
        own = f"{self.id}/"
        if any(ref is not None and (not ref.startswith(own) or ref == own) for ref in refs):
            yield fault("must be a model of this provider: its id, a slash, then the model", *path)

    def model(self, model_id: str) -> Model | None:
        """Return the model with this id or alias, or None."""
        wanted = self.model_aliases.get(model_id, model_id)
        return next((each for each in self.models if each.id == wanted), None)
