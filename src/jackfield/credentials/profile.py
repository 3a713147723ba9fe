"""Credential profiles: who a stored credential is for, what it is, whose it is, and how it fared."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from jackfield.credentials.secret import Secret
from jackfield.credentials.usage import Usage, is_reason
from jackfield.diagnostics import Diagnostic
from jackfield.errors import RequestError
from jackfield.ids import is_id, parse_profile_id

if TYPE_CHECKING:
    from collections.abc import Iterator

Kind: TypeAlias = Literal["api_key", "token", "oauth"]

KINDS: tuple[Kind, ...] = ("api_key", "token", "oauth")

# Largest whole number that every JSON reader keeps exactly; as milliseconds it is far beyond any expiry.
MAX_TIME = 2**53 - 1
MAX_SECRET = 64 * 1024

_ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[1-9][0-9]{0,4}))?")
_DEFAULT_PORTS = {"http": "80", "https": "443"}


@dataclass(frozen=True, slots=True)
class ApiKeyCredential:
    """A key that does not expire by itself."""

    key: Secret
    kind: ClassVar[Kind] = "api_key"

    def to_secret_dict(self) -> dict[str, object]:
        """Return JSON-ready fields WITH the secret, for the store alone."""
        return {"kind": self.kind, "key": self.key.reveal()}


@dataclass(frozen=True, slots=True)
class TokenCredential:
    """A bearer token that cannot be refreshed; `expires` is in ms since the epoch, None when it is not known."""

    token: Secret
    expires: int | None = None
    kind: ClassVar[Kind] = "token"

    def to_secret_dict(self) -> dict[str, object]:
        """Return JSON-ready fields WITH the secret, for the store alone."""
        return {"kind": self.kind, "token": self.token.reveal(), "expires": self.expires}


@dataclass(frozen=True, slots=True)
class OAuthCredential:
    """An OAuth grant.

    Attributes:
        access: the access token; may be blank when there is a refresh token.
        refresh: the refresh token, None when the grant has none.
        expires: when `access` ends, ms since the epoch.
        email: the account, when the provider told it.
        extra: what else the provider needs with each call or refresh (project, account, client id), as JSON values;
            kept as a secret.
    """

    access: Secret
    refresh: Secret | None
    expires: int
    email: str | None = None
    extra: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    kind: ClassVar[Kind] = "oauth"

    def __post_init__(self) -> None:
        object.__setattr__(self, "extra", MappingProxyType(dict(self.extra)))

    def to_secret_dict(self) -> dict[str, object]:
        """Return JSON-ready fields WITH the secrets, for the store alone."""
        return {
            "kind": self.kind,
            "access": self.access.reveal(),
            "refresh": None if self.refresh is None else self.refresh.reveal(),
            "expires": self.expires,
            "email": self.email,
            "extra": dict(self.extra),
        }


Credential: TypeAlias = ApiKeyCredential | TokenCredential | OAuthCredential


@dataclass(frozen=True, slots=True)
class Profile:
    """One stored credential under its name.

    Attributes:
        id: `provider:name` in its canonical form.
        credential: what is sent or refreshed.
        origin: the `scheme://host[:port]` it was issued for, None when it is bound to none.
        owner: who stored it: `core`, `user` or `plugin:<id>`.
        created: when it was first stored, ms since the epoch; 0 lets the store fill it in.
        updated: when it was last stored, ms since the epoch; the store fills it in.
        usage: how it fared.

    Raises:
        RequestError: `profile.invalid`, with one diagnostic for each fault.
    """

    id: str
    credential: Credential
    origin: str | None = None
    owner: str = "user"
    created: int = 0
    updated: int = 0
    usage: Usage = field(default_factory=Usage)

    def __post_init__(self) -> None:
        _raise_if_any(tuple(_profile_faults(self)))

    @property
    def kind(self) -> Kind:
        """`api_key`, `token` or `oauth`."""
        return self.credential.kind

    @property
    def provider(self) -> str:
        """The provider's canonical id: what stands before the colon."""
        return self.id.partition(":")[0]

    @property
    def name(self) -> str:
        """The profile's name: what stands after the colon."""
        return self.id.partition(":")[2]

    def is_usable(self, now: int) -> bool:
        """Tell whether it can be used at `now` (ms since the epoch), if need be after a refresh."""
        credential = self.credential
        if isinstance(credential, ApiKeyCredential):
            return bool(credential.key)
        if isinstance(credential, TokenCredential):
            return bool(credential.token) and (credential.expires is None or credential.expires > now)
        return bool(credential.refresh) or (bool(credential.access) and credential.expires > now)

    def public(self) -> dict[str, object]:
        """Return JSON-ready fields without any secret; of `extra` the names alone, since a plugin fills the values."""
        grant = self.credential if isinstance(self.credential, OAuthCredential) else None
        return {
            "id": self.id,
            "provider": self.provider,
            "name": self.name,
            "kind": self.kind,
            "origin": self.origin,
            "owner": self.owner,
            "created": self.created,
            "updated": self.updated,
            "expires": None if isinstance(self.credential, ApiKeyCredential) else self.credential.expires,
            "refreshable": grant is not None and bool(grant.refresh),
            "email": grant.email if grant else None,
            "extra": sorted(grant.extra) if grant else [],
            "usage": self.usage.to_dict(),
        }


def credential_from_secret_dict(data: Mapping[str, object]) -> Credential:
    """Return the credential that `to_secret_dict` (or a login) wrote as a mapping.

    Args:
        data: `{"kind": "api_key", "key"}`, `{"kind": "token", "token", "expires"?}` or `{"kind": "oauth", "access",
            "refresh"?, "expires", "email"?, "extra"?}`; times in ms since the epoch (a fraction is cut off).

    Raises:
        RequestError: `profile.invalid`, with one diagnostic for each fault; no message holds a value.
    """
    reader = _Reader(data)
    kind = data.get("kind")
    credential: Credential | None = None
    if kind == "api_key":
        credential = ApiKeyCredential(reader.secret("key"))
    elif kind == "token":
        credential = TokenCredential(reader.secret("token"), reader.time("expires", needed=False))
    elif kind == "oauth":
        credential = OAuthCredential(
            access=reader.secret("access"),
            refresh=reader.secret("refresh") if data.get("refresh") is not None else None,
            expires=reader.time("expires", needed=True) or 0,
            email=reader.text("email"),
            extra=reader.json_object("extra"),
        )
    else:
        reader.fault("profile.kind", ("kind",), f"The kind of a credential is one of {', '.join(KINDS)}.")
    if credential is not None:
        reader.refuse_unknown(credential.to_secret_dict())
    _raise_if_any(tuple(reader.faults) or tuple(_credential_faults(credential)))
    assert credential is not None  # noqa: S101  # an unknown kind is a fault, and faults were raised above
    return credential


def is_owner(text: str) -> bool:
    """Tell whether `text` names an owner of profiles: `core`, `user` or `plugin:<id>`."""
    return text in {"core", "user"} or (text.startswith("plugin:") and is_id(text.removeprefix("plugin:")))


def is_origin(text: str) -> bool:
    """Tell whether `text` is a web origin in its one spelling: lower-case, no path, no port that is the default."""
    match = _ORIGIN.fullmatch(text)
    if match is None:
        return False
    port = match["port"]
    return port is None or (int(port) <= 65_535 and port != _DEFAULT_PORTS[match["scheme"]])


def usage_faults(usage: Usage) -> Iterator[Diagnostic]:
    """Yield one diagnostic for each field of a usage that cannot be."""
    times = {
        "last_used": usage.last_used,
        "last_failure": usage.last_failure,
        "cooldown_until": usage.cooldown_until,
        "disabled_until": usage.disabled_until,
    }
    for name, value in times.items():
        if value is not None:
            yield from _time_faults(("usage", name), value)
    if usage.error_count < 0:
        yield Diagnostic("profile.usage", "A count is not negative.", path=("usage", "error_count"))
    for reason, count in usage.failure_counts.items():
        if not is_reason(reason) or count < 1:
            message = "A reason is a lower-case word with a count of at least 1."
            yield Diagnostic("profile.usage", message, path=("usage", "failure_counts", reason))


class _Reader:
    """Reads fields of a mapping and keeps every fault; a field at fault reads as something harmless."""

    def __init__(self, data: Mapping[str, object]) -> None:
        self._data = data
        self.faults: list[Diagnostic] = []

    def fault(self, code: str, path: tuple[str, ...], message: str) -> None:
        self.faults.append(Diagnostic(code, message, path=("credential", *path)))

    def secret(self, name: str) -> Secret:
        value = self._data.get(name)
        if isinstance(value, Secret):
            return value
        if isinstance(value, str):
            return Secret(value)
        self.fault("profile.field", (name,), f"`{name}` must be a string.")
        return Secret("")

    def text(self, name: str) -> str | None:
        value = self._data.get(name)
        if value is None or isinstance(value, str):
            return value
        self.fault("profile.field", (name,), f"`{name}` must be a string or absent.")
        return None

    def time(self, name: str, *, needed: bool) -> int | None:
        value = self._data.get(name)
        if value is None and not needed:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            self.fault("profile.field", (name,), f"`{name}` must be a number of milliseconds since the epoch.")
            return None
        return int(value)

    def json_object(self, name: str) -> dict[str, object]:
        value = self._data.get(name)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.fault("profile.field", (name,), f"`{name}` must be a mapping from strings to JSON values.")
            return {}
        for key, each in value.items():
            if not isinstance(key, str) or _as_json(each) is None:
                self.fault(
                    "profile.field", (name, str(key)), f"`{name}` must be a mapping from strings to JSON values."
                )
        return {key: each for key, each in value.items() if isinstance(key, str) and _as_json(each) is not None}

    def refuse_unknown(self, known: Mapping[str, object]) -> None:
        for name in sorted(str(name) for name in self._data if name not in known):
            self.fault("profile.field", (name,), f"A credential of this kind has no field `{name}`.")


def _profile_faults(profile: Profile) -> Iterator[Diagnostic]:
    try:
        canonical = str(parse_profile_id(profile.id))
    except RequestError as error:
        yield Diagnostic("profile.id", error.message, path=("id",), hint=error.fix)
    else:
        if canonical != profile.id:
            yield Diagnostic("profile.id", f"{profile.id!r} is not canonical.", path=("id",), hint=f"Use {canonical}.")
    if not is_owner(profile.owner):
        message = f"{profile.owner!r} is not an owner of profiles."
        yield Diagnostic("profile.owner", message, path=("owner",), hint="Use core, user or plugin:<id>.")
    if profile.origin is not None and not is_origin(profile.origin):
        # An address may carry a password or a key, so it is not repeated.
        hint = "Write it as https://host or https://host:port, in lower case, without the scheme's own port."
        yield Diagnostic("profile.origin", "The origin is not that of a web server.", path=("origin",), hint=hint)
    for name, value in (("created", profile.created), ("updated", profile.updated)):
        yield from _time_faults((name,), value)
    yield from _credential_faults(profile.credential)
    yield from usage_faults(profile.usage)


def _credential_faults(credential: Credential | None) -> Iterator[Diagnostic]:
    if isinstance(credential, ApiKeyCredential):
        yield from _secret_faults("key", credential.key, needed=True)
    elif isinstance(credential, TokenCredential):
        yield from _secret_faults("token", credential.token, needed=True)
        if credential.expires is not None:
            yield from _time_faults(("credential", "expires"), credential.expires)
    elif isinstance(credential, OAuthCredential):
        yield from _secret_faults("access", credential.access, needed=not credential.refresh)
        if credential.refresh is not None:
            yield from _secret_faults("refresh", credential.refresh, needed=False)
        yield from _time_faults(("credential", "expires"), credential.expires)
        yield from _extra_faults(credential)
    else:
        yield Diagnostic("profile.kind", "A profile needs a credential of a known kind.", path=("credential",))


def _secret_faults(name: str, secret: Secret, *, needed: bool) -> Iterator[Diagnostic]:
    path = ("credential", name)
    if needed and not secret:
        yield Diagnostic("profile.blank", f"`{name}` is blank.", path=path)
    if not _is_storable(secret.reveal()):
        message = f"`{name}` cannot be stored: it is over {MAX_SECRET} characters or not valid text."
        yield Diagnostic("profile.secret", message, path=path)


def _extra_faults(credential: OAuthCredential) -> Iterator[Diagnostic]:
    if credential.email is not None and not (credential.email.strip() and credential.email.isprintable()):
        yield Diagnostic("profile.email", "The e-mail is blank or unprintable.", path=("credential", "email"))
    for name, value in credential.extra.items():
        text = _as_json(value)
        if not name.strip() or not name.isprintable() or text is None or not _is_storable(text):
            message = "The name is blank or unprintable, or the value cannot be stored."
            yield Diagnostic("profile.extra", message, path=("credential", "extra", name))


def _time_faults(path: tuple[str, ...], value: object) -> Iterator[Diagnostic]:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_TIME:
        message = f"`{path[-1]}` must be a whole number of milliseconds since the epoch."
        yield Diagnostic("profile.time", message, path=path)


def _as_json(value: object) -> str | None:
    """Return a value as JSON, None when it is none."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return None


def _is_storable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return len(text) <= MAX_SECRET


def _raise_if_any(faults: tuple[Diagnostic, ...]) -> None:
    if faults:
        raise RequestError(
            "This is not a valid credential profile: " + " ".join(fault.message for fault in faults),
            code="profile.invalid",
            fix=next((fault.hint for fault in faults if fault.hint), None),
            diagnostics=faults,
        )
