"""How secrets lie in the store: sealed under a master key, or plain in a private file.

A sealed value is `e1:`, 8 bytes that identify the key, a random 96-bit nonce, then AES-256-GCM ciphertext and tag (NIST
SP 800-38D). A plain value is `p1:`, 8 bytes of a checksum, then the value. Both are bound to a `Label`: a value moved
to another row, or a row given another owner or origin, no longer opens. The checksum finds damage, not malice.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import importlib
import json
import os
import threading
from typing import TYPE_CHECKING, NamedTuple, Protocol

from jackfield import _files
from jackfield.diagnostics import Diagnostic
from jackfield.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

MASTER_KEY_VARIABLE = "JACKFIELD_MASTER_KEY"
KEY_BYTES = 32

SEALED_MARK = b"e1:"
_PLAIN = b"p1:"
_ID_BYTES = 8
_NONCE_BYTES = 12
_TAG_BYTES = 16
_SUM_BYTES = 8

_SERVICE = "jackfield"
_USER = "master-key"
_KEYRING_SECONDS = 3.0


class Label(NamedTuple):
    """What a sealed value is bound to: the kind of row (`profile` or `intent`), its id, owner and origin."""

    kind: str
    id: str
    owner: str = ""
    origin: str | None = None

    def to_bytes(self) -> bytes:
        """Return the label in one spelling, so that no two labels give the same bytes."""
        return json.dumps(list(self), ensure_ascii=True).encode()

    def __str__(self) -> str:
        return f"record {self.id} of an earlier change" if self.kind == "intent" else f"{self.kind} {self.id}"


class Cipher(Protocol):
    """Seals and opens values. `key_id` names the key without telling it; None means that nothing is sealed."""

    @property
    def key_id(self) -> str | None:
        """16 hex digits, or None."""
        ...

    def seal(self, plain: bytes, label: Label) -> bytes:
        """Return `plain` as it lies in the store."""
        ...

    def unseal(self, sealed: bytes, label: Label) -> bytes:
        """Return what was sealed.

        Raises:
            StoreError: `store.sealed` when a key is needed and there is none, `store.other-key` when it was sealed
                with another key, `store.tampered` when it was sealed for another label, or was altered.
        """
        ...


class PlainCipher:
    """Seals nothing: values lie as they are, with a checksum, in a file that only its owner may read."""

    key_id: str | None = None

    def seal(self, plain: bytes, label: Label) -> bytes:
        """Return `plain` behind its checksum."""
        return _PLAIN + _checksum(plain, label) + plain

    def unseal(self, sealed: bytes, label: Label) -> bytes:
        """Return what `seal` was given.

        Raises:
            StoreError: `store.sealed` when it was sealed under a key, `store.tampered` when it was altered.
        """
        if is_sealed(sealed):
            raise no_key(f"The {label} is sealed, and there is no key to open it.")
        body = sealed[len(_PLAIN) + _SUM_BYTES :]
        found = sealed[len(_PLAIN) : len(_PLAIN) + _SUM_BYTES]
        if not sealed.startswith(_PLAIN) or not hmac.compare_digest(found, _checksum(body, label)):
            raise _tampered(label, "was damaged or altered")
        return body


class EnvelopeCipher:
    """Seals with AES-256-GCM; opens what it sealed, what an older key sealed, and what lies plain.

    Args:
        key: the 32 bytes that new values are sealed under.
        older: keys that were used before and still open what they sealed.

    Raises:
        ValueError: a key is not 32 bytes long.
    """

    __slots__ = ("_current", "_keys")

    def __init__(self, key: bytes, older: Sequence[bytes] = ()) -> None:
        if any(len(each) != KEY_BYTES for each in (key, *older)):
            raise ValueError(f"A master key is {KEY_BYTES} bytes long.")
        self._current = _key_id(key)
        self._keys = {_key_id(each): each for each in (*older, key)}

    @property
    def key_id(self) -> str:
        """The first 16 hex digits of a hash of the key."""
        return self._current.hex()

    def seal(self, plain: bytes, label: Label) -> bytes:
        """Return `plain` sealed under the key, with a fresh nonce."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        head = SEALED_MARK + self._current
        nonce = os.urandom(_NONCE_BYTES)
        return head + nonce + AESGCM(self._keys[self._current]).encrypt(nonce, plain, head + label.to_bytes())

    def unseal(self, sealed: bytes, label: Label) -> bytes:
        """Return what `seal` was given.

        Raises:
            StoreError: `store.other-key` when it was sealed under a key that is not here, `store.tampered` when it was
                sealed for another label, or was altered.
        """
        if not is_sealed(sealed):
            return PlainCipher().unseal(sealed, label)
        head, rest = sealed[: len(SEALED_MARK) + _ID_BYTES], sealed[len(SEALED_MARK) + _ID_BYTES :]
        # The key is never bound to a name here: a traceback with local variables would show it.
        if len(head) < len(SEALED_MARK) + _ID_BYTES:
            raise _tampered(label, "was damaged or altered")
        if head[len(SEALED_MARK) :] not in self._keys:
            raise other_key(f"The {label} was sealed with another key than {self.key_id}.")
        plain = _decrypt(self._keys[head[len(SEALED_MARK) :]], rest, head + label.to_bytes())
        if plain is None:
            raise _tampered(label, "was altered after it was sealed")
        return plain

    def __repr__(self) -> str:
        return f"EnvelopeCipher(key_id={self.key_id!r})"


def is_sealed(value: bytes) -> bool:
    """Tell whether a stored value is sealed under a key."""
    return value.startswith(SEALED_MARK)


def no_key(message: str) -> StoreError:
    """Return the error that says that a key is needed, and how to give it."""
    fix = f"Unlock the system's keyring, or set {MASTER_KEY_VARIABLE} to the key the store was sealed with."
    return StoreError(message, code="store.sealed", fix=fix)


def other_key(message: str) -> StoreError:
    """Return the error that says that another key is needed than the one that is here, and how to give it."""
    fix = f"Set {MASTER_KEY_VARIABLE} to the key the store was sealed with, or unset it where the keyring has that key."
    return StoreError(message, code="store.other-key", fix=fix)


def master_key_from_env(env: Mapping[str, str]) -> bytes | None:
    """Return the 32 bytes that `JACKFIELD_MASTER_KEY` holds as base64 or hex, or None when it is not set.

    Raises:
        StoreError: `store.master-key` when it holds anything else; the value is not repeated.
    """
    text = env.get(MASTER_KEY_VARIABLE, "").strip()
    if not text:
        return None
    key = _decode_key(text)
    if key is None:
        raise StoreError(
            f"{MASTER_KEY_VARIABLE} is not a master key: it must be {KEY_BYTES} bytes as base64 or hex.",
            code="store.master-key",
            fix="Make one with: openssl rand -base64 32",
        )
    return key


def choose_cipher(env: Mapping[str, str], keyring: bool = True) -> tuple[Cipher, Diagnostic | None]:
    """Return how new secrets are to be sealed: with the variable's key, the keyring's key, or not at all.

    Args:
        env: the environment; only `JACKFIELD_MASTER_KEY` is read.
        keyring: whether the system's keyring may be asked.

    Returns:
        The cipher, and a warning (`store.plain`) when it seals nothing.

    Raises:
        StoreError: `store.master-key` when the variable holds no key; the keyring does not stand in for it.
    """
    key = master_key_from_env(env)
    if key is not None:
        return EnvelopeCipher(key), None
    found = keyring_cipher() if keyring else None
    if found is not None:
        return found, None
    return PlainCipher(), Diagnostic(
        "store.plain",
        "Credentials are not encrypted: they lie in a file that only your account may read.",
        severity="warning",
        hint=f"Set {MASTER_KEY_VARIABLE} (openssl rand -base64 32), or install a keyring; then: jackfield auth seal",
    )


class KeyringBackend(Protocol):
    """The part of a `keyring` backend that is used."""

    def get_password(self, service: str, username: str) -> str | None:
        """Return the stored text, or None."""
        ...

    def set_password(self, service: str, username: str, password: str) -> None:
        """Store `password`."""
        ...


def keyring_cipher(
    backend: KeyringBackend | None = None, *, timeout: float = _KEYRING_SECONDS, lock: Path | None = None
) -> EnvelopeCipher | None:
    """Return a cipher whose key is in the system's keyring, where it is made when there is none.

    A keyring may ask its user to unlock it and wait for the answer for ever, so it is asked in a thread that is left
    behind when the time is up.

    Args:
        backend: the keyring; None takes the one that the `keyring` library recommends here.
        timeout: the longest wait for the keyring, in seconds.
        lock: the lock file that keeps two processes from making two keys; None takes one in the user's data folder.

    Returns:
        None when there is no usable keyring, when it fails, holds something else under that name, or takes too long.
    """
    answers: list[bytes | None] = []

    def ask() -> None:
        with contextlib.suppress(*_keyring_failures()):
            chosen = _recommended_backend() if backend is None else backend
            answers.append(None if chosen is None else _keyring_key(chosen, lock or _default_lock(), timeout))

    thread = threading.Thread(target=ask, name="jackfield-keyring", daemon=True)
    thread.start()
    thread.join(timeout)
    key = answers[0] if answers else None
    return None if key is None else EnvelopeCipher(key)


def _keyring_key(backend: KeyringBackend, lock: Path, timeout: float) -> bytes | None:
    text = backend.get_password(_SERVICE, _USER)
    if text is None:
        with _files.locked(lock, timeout=timeout):
            text = backend.get_password(_SERVICE, _USER)
            if text is None:
                backend.set_password(_SERVICE, _USER, base64.b64encode(os.urandom(KEY_BYTES)).decode())
                # Some keyrings accept a secret and keep none: only what comes back may seal anything.
                text = backend.get_password(_SERVICE, _USER)
    return None if text is None else _decode_key(text)


def _recommended_backend() -> KeyringBackend | None:
    import keyring
    from keyring.core import recommended

    chosen = keyring.get_keyring()
    return chosen if recommended(chosen) else None


def _keyring_failures() -> tuple[type[Exception], ...]:
    """Return what backends are known to raise: the library's own errors, and what they let through from below."""
    kinds: list[type[Exception]] = [ImportError, OSError, RuntimeError, ValueError, LookupError, TypeError]
    kinds.append(AttributeError)
    for module, name in (
        ("keyring.errors", "KeyringError"),
        ("secretstorage.exceptions", "SecretStorageException"),
        ("jeepney", "DBusErrorResponse"),
    ):
        with contextlib.suppress(ImportError):
            kinds.append(getattr(importlib.import_module(module), name))
    return tuple(kinds)


def _default_lock() -> Path:
    import platformdirs

    return platformdirs.user_data_path("jackfield") / "keyring.lock"


def _decode_key(text: str) -> bytes | None:
    with contextlib.suppress(ValueError):
        key = bytes.fromhex(text)
        if len(key) == KEY_BYTES:
            return key
    with contextlib.suppress(ValueError, binascii.Error):
        # The URL-safe alphabet is as good, and the padding is often lost on the way through a shell.
        normal = text.replace("-", "+").replace("_", "/").rstrip("=")
        key = base64.b64decode(normal + "=" * (-len(normal) % 4), validate=True)
        if len(key) == KEY_BYTES:
            return key
    return None


def _decrypt(key: bytes, rest: bytes, bound: bytes) -> bytes | None:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if len(rest) < _NONCE_BYTES + _TAG_BYTES:
        return None
    try:
        return AESGCM(key).decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], bound)
    except InvalidTag:
        return None


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"jackfield master key id\0" + key).digest()[:_ID_BYTES]


def _checksum(plain: bytes, label: Label) -> bytes:
    bound = label.to_bytes()
    return hashlib.sha256(len(bound).to_bytes(4, "big") + bound + plain).digest()[:_SUM_BYTES]


def _tampered(label: Label, what: str) -> StoreError:
    fix = f"Store {label.id} anew."
    if label.kind == "intent":
        fix = "Only config undo needs it. It is removed when enough later changes were recorded."
    return StoreError(f"The {label} {what}.", code="store.tampered", fix=fix)
