from __future__ import annotations

import base64
import threading
from typing import TYPE_CHECKING, ClassVar

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail
from keyring.errors import KeyringError, KeyringLocked

from jackfield.credentials.envelope import (
    EnvelopeCipher,
    Label,
    PlainCipher,
    choose_cipher,
    is_sealed,
    keyring_cipher,
    master_key_from_env,
)
from jackfield.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = bytes(range(32))
OTHER = bytes(range(1, 33))
LABEL = Label("profile", "openai:x", "user", "https://api.openai.com")
PLAIN = b'{"key":"sk-canary"}'

OTHER_LABELS = [
    LABEL._replace(kind="intent"),
    LABEL._replace(id="openai:y"),
    LABEL._replace(owner="plugin:evil"),
    LABEL._replace(origin="https://evil.example"),
    LABEL._replace(origin=None),
    Label("profile", 'openai:x", "user', "", "https://api.openai.com"),
]


@pytest.mark.parametrize("cipher", [PlainCipher(), EnvelopeCipher(KEY)])
@pytest.mark.parametrize("plain", [b"", b"x", PLAIN, bytes(100_000), "schlüssel".encode()])
def test_what_was_sealed_opens_again(cipher: PlainCipher | EnvelopeCipher, plain: bytes) -> None:
    assert cipher.unseal(cipher.seal(plain, LABEL), LABEL) == plain


def test_sealed_bytes_have_the_documented_form() -> None:
    sealed = EnvelopeCipher(KEY).seal(PLAIN, LABEL)
    assert sealed.startswith(b"e1:")
    assert sealed[3:11].hex() == EnvelopeCipher(KEY).key_id
    assert len(sealed) == 3 + 8 + 12 + len(PLAIN) + 16
    assert PLAIN not in sealed


def test_sealed_bytes_open_with_aes_256_gcm_alone() -> None:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    sealed = EnvelopeCipher(KEY).seal(PLAIN, LABEL)
    bound = sealed[:11] + b'["profile", "openai:x", "user", "https://api.openai.com"]'
    assert AESGCM(KEY).decrypt(sealed[11:23], sealed[23:], bound) == PLAIN


def test_no_nonce_is_used_twice() -> None:
    cipher = EnvelopeCipher(KEY)
    assert len({cipher.seal(PLAIN, LABEL)[11:23] for _ in range(500)}) == 500


@pytest.mark.parametrize("cipher", [PlainCipher(), EnvelopeCipher(KEY)])
@pytest.mark.parametrize("label", OTHER_LABELS)
def test_what_is_moved_to_another_row_does_not_open(cipher: PlainCipher | EnvelopeCipher, label: Label) -> None:
    sealed = cipher.seal(PLAIN, LABEL)
    with pytest.raises(StoreError) as caught:
        cipher.unseal(sealed, label)
    assert caught.value.code == "store.tampered"
    assert label.id in caught.value.message


@pytest.mark.parametrize("cipher", [PlainCipher(), EnvelopeCipher(KEY)])
def test_no_flipped_bit_goes_unseen(cipher: PlainCipher | EnvelopeCipher) -> None:
    sealed = cipher.seal(PLAIN, LABEL)
    for place in range(len(sealed) * 8):
        damaged = bytearray(sealed)
        damaged[place // 8] ^= 1 << place % 8
        with pytest.raises(StoreError) as caught:
            cipher.unseal(bytes(damaged), LABEL)
        # The mark is followed by the id of the key, and another id is that of another key.
        in_key_id = cipher.key_id is not None and 3 <= place // 8 < 11
        assert caught.value.code == ("store.other-key" if in_key_id else "store.tampered")


@pytest.mark.parametrize("cipher", [PlainCipher(), EnvelopeCipher(KEY)])
def test_no_cut_goes_unseen(cipher: PlainCipher | EnvelopeCipher) -> None:
    sealed = cipher.seal(PLAIN, LABEL)
    for length in range(len(sealed)):
        with pytest.raises(StoreError) as caught:
            cipher.unseal(sealed[:length], LABEL)
        # What is left of the mark and the key's id still says that it is sealed, and by whom.
        assert caught.value.code == "store.tampered"


def test_without_a_key_a_sealed_value_says_how_to_give_one() -> None:
    sealed = EnvelopeCipher(KEY).seal(PLAIN, LABEL)
    with pytest.raises(StoreError) as caught:
        PlainCipher().unseal(sealed, LABEL)
    assert caught.value.code == "store.sealed"
    assert "profile openai:x" in caught.value.message
    assert "JACKFIELD_MASTER_KEY" in str(caught.value.fix)


def test_another_key_does_not_open_it_and_is_named_by_its_id() -> None:
    sealed = EnvelopeCipher(KEY).seal(PLAIN, LABEL)
    with pytest.raises(StoreError) as caught:
        EnvelopeCipher(OTHER).unseal(sealed, LABEL)
    assert caught.value.code == "store.other-key"
    assert "JACKFIELD_MASTER_KEY" in str(caught.value.fix)
    assert EnvelopeCipher(OTHER).key_id in caught.value.message


def test_an_older_key_still_opens_what_it_sealed() -> None:
    cipher = EnvelopeCipher(OTHER, older=[KEY])
    assert cipher.unseal(EnvelopeCipher(KEY).seal(PLAIN, LABEL), LABEL) == PLAIN
    assert EnvelopeCipher(OTHER).unseal(cipher.seal(PLAIN, LABEL), LABEL) == PLAIN


def test_a_cipher_with_a_key_opens_plain_values() -> None:
    assert EnvelopeCipher(KEY).unseal(PlainCipher().seal(PLAIN, LABEL), LABEL) == PLAIN


def test_is_sealed_tells_the_two_forms_apart() -> None:
    assert is_sealed(EnvelopeCipher(KEY).seal(PLAIN, LABEL))
    assert not is_sealed(PlainCipher().seal(PLAIN, LABEL))


def test_the_key_shows_nowhere() -> None:
    cipher = EnvelopeCipher(KEY)
    assert repr(cipher) == f"EnvelopeCipher(key_id='{cipher.key_id}')"
    assert len(cipher.key_id) == 16
    assert cipher.key_id not in KEY.hex()
    assert cipher.key_id != EnvelopeCipher(OTHER).key_id


@pytest.mark.parametrize("length", [0, 16, 31, 33, 64])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        EnvelopeCipher(bytes(length))
    with pytest.raises(ValueError, match="32 bytes"):
        EnvelopeCipher(KEY, older=[bytes(length)])


@pytest.mark.parametrize(
    "text",
    [
        KEY.hex(),
        KEY.hex().upper(),
        base64.b64encode(KEY).decode(),
        base64.b64encode(KEY).decode().rstrip("="),
        f"  {KEY.hex()}\n",
    ],
)
def test_the_variable_holds_the_key_as_hex_or_base64(text: str) -> None:
    assert master_key_from_env({"JACKFIELD_MASTER_KEY": text}) == KEY


def test_the_url_safe_alphabet_is_taken_too() -> None:
    key = bytes([0xFB, 0xFF] * 16)
    text = base64.urlsafe_b64encode(key).decode()
    assert "-" in text
    assert master_key_from_env({"JACKFIELD_MASTER_KEY": text}) == key


@pytest.mark.parametrize("env", [{}, {"JACKFIELD_MASTER_KEY": ""}, {"JACKFIELD_MASTER_KEY": " \n"}, {"OTHER": "x"}])
def test_without_the_variable_there_is_no_key(env: dict[str, str]) -> None:
    assert master_key_from_env(env) is None


@pytest.mark.parametrize(
    "text",
    ["hunter2-canary", KEY.hex()[:-2], KEY.hex() + "00", base64.b64encode(KEY[:31]).decode(), "ä" * 32, "=" * 44],
)
def test_anything_else_in_the_variable_is_an_error_that_does_not_repeat_it(text: str) -> None:
    with pytest.raises(StoreError) as caught:
        master_key_from_env({"JACKFIELD_MASTER_KEY": text})
    assert caught.value.code == "store.master-key"
    assert text not in f"{caught.value} {caught.value.fix} {caught.value.to_dict()}"


class MemoryKeyring(KeyringBackend):
    """A keyring for one process."""

    priority: ClassVar[float] = 5

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.held: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password


class ForgetfulKeyring(MemoryKeyring):
    def set_password(self, service: str, username: str, password: str) -> None:
        return


class FailingKeyring(MemoryKeyring):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def get_password(self, service: str, username: str) -> str | None:
        raise self.error


class SilentKeyring(MemoryKeyring):
    """Waits for an answer of its user that does not come before `asked` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()
        self.done = threading.Event()

    def get_password(self, service: str, username: str) -> str | None:
        self.asked.wait(30)
        self.done.set()
        return None


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "keyring.lock"


def test_a_keyring_gets_a_key_once_and_gives_it_back(lock: Path) -> None:
    backend = MemoryKeyring()
    first, second = keyring_cipher(backend, lock=lock), keyring_cipher(backend, lock=lock)
    assert first is not None
    assert second is not None
    assert second.unseal(first.seal(PLAIN, LABEL), LABEL) == PLAIN
    (text,) = backend.held.values()
    assert set(backend.held) == {("jackfield", "master-key")}
    assert len(base64.b64decode(text)) == 32


def test_many_that_ask_an_empty_keyring_at_once_get_the_same_key(lock: Path) -> None:
    backend = MemoryKeyring()
    found: list[str | None] = []

    def ask() -> None:
        cipher = keyring_cipher(backend, lock=lock, timeout=20)
        found.append(cipher.key_id if cipher else None)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert None not in found


@pytest.mark.parametrize(
    "error", [KeyringError("no"), KeyringLocked("no"), RuntimeError("no"), OSError("no"), ValueError("no")]
)
def test_a_failing_keyring_is_none(error: Exception, lock: Path) -> None:
    assert keyring_cipher(FailingKeyring(error), lock=lock) is None


def test_a_keyring_that_keeps_nothing_seals_nothing(lock: Path) -> None:
    assert keyring_cipher(ForgetfulKeyring(), lock=lock) is None


def test_something_else_under_the_name_is_left_alone(lock: Path) -> None:
    backend = MemoryKeyring()
    backend.held["jackfield", "master-key"] = "something else"
    assert keyring_cipher(backend, lock=lock) is None
    assert backend.held == {("jackfield", "master-key"): "something else"}


def test_a_lock_that_cannot_be_made_seals_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    backend = MemoryKeyring()
    assert keyring_cipher(backend, lock=tmp_path / "file" / "keyring.lock") is None
    assert backend.held == {}


def test_a_keyring_that_waits_for_its_user_is_not_waited_for(lock: Path) -> None:
    backend = SilentKeyring()
    assert keyring_cipher(backend, timeout=0.01, lock=lock) is None
    assert not backend.done.is_set()
    backend.asked.set()
    assert backend.done.wait(30)


@pytest.fixture
def no_keyring() -> Iterator[None]:
    present = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())  # type: ignore[no-untyped-call]
    yield
    keyring.set_keyring(present)


@pytest.mark.usefixtures("no_keyring")
def test_without_a_usable_keyring_there_is_none() -> None:
    assert keyring_cipher() is None


@pytest.mark.usefixtures("no_keyring")
@pytest.mark.parametrize("keyring_too", [True, False])
def test_with_neither_key_nor_keyring_nothing_is_sealed_and_that_is_said(keyring_too: bool) -> None:
    cipher, warning = choose_cipher({}, keyring=keyring_too)
    assert cipher.key_id is None
    assert warning is not None
    assert (warning.code, warning.severity) == ("store.plain", "warning")
    assert "JACKFIELD_MASTER_KEY" in str(warning.hint)


def test_the_variable_goes_before_the_keyring() -> None:
    cipher, warning = choose_cipher({"JACKFIELD_MASTER_KEY": KEY.hex()})
    assert cipher.key_id == EnvelopeCipher(KEY).key_id
    assert warning is None


def test_a_wrong_variable_is_not_replaced_by_anything() -> None:
    with pytest.raises(StoreError) as caught:
        choose_cipher({"JACKFIELD_MASTER_KEY": "short"})
    assert caught.value.code == "store.master-key"


def test_the_recommended_keyring_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    present, backend = keyring.get_keyring(), MemoryKeyring()
    keyring.set_keyring(backend)
    try:
        cipher, warning = choose_cipher({})
    finally:
        keyring.set_keyring(present)
    assert warning is None
    assert cipher.key_id == EnvelopeCipher(base64.b64decode(backend.held["jackfield", "master-key"])).key_id
