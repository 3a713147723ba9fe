from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jackfield.credentials.place import file_system_type, place_diagnostics
from jackfield.credentials.profile import ApiKeyCredential, Profile
from jackfield.credentials.secret import Secret

if TYPE_CHECKING:
    from jackfield.credentials.store import CredentialStore

MOUNTS = r"""
/dev/vda / ext4 rw,relatime 0 0
proc /proc proc rw 0 0
server:/export /home nfs4 rw 0 0
/dev/vdb /home/local xfs rw 0 0
//server/share /mnt/with\040space cifs rw 0 0
tmpfs /srv tmpfs rw 0 0
host /srv 9p rw 0 0
short line
""".lstrip()


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    path = tmp_path / "mounts"
    path.write_text(MOUNTS)
    return path


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/etc/x.db", "ext4"),
        ("/home/me/x.db", "nfs4"),
        ("/home/local/x.db", "xfs"),
        ("/home/locality/x.db", "nfs4"),
        ("/homestead/x.db", "ext4"),
        ("/mnt/with space/x.db", "cifs"),
        ("/srv/x.db", "9p"),
    ],
)
def test_the_nearest_mount_tells_the_type(mounts: Path, path: str, kind: str) -> None:
    assert file_system_type(Path(path), mounts) == kind


def test_where_there_is_no_table_of_mounts_nothing_is_told(tmp_path: Path) -> None:
    assert file_system_type(tmp_path, tmp_path / "none") is None
    assert list(place_diagnostics(tmp_path / "deep" / "x.db", tmp_path / "none")) == []


@pytest.mark.parametrize(("path", "kind"), [("/home/me/x.db", "nfs4"), ("/srv/a/x.db", "9p")])
def test_a_shared_file_system_is_a_warning(mounts: Path, path: str, kind: str) -> None:
    (warning,) = place_diagnostics(Path(path), mounts)
    assert (warning.code, warning.severity, warning.path) == ("store.network-file-system", "warning", (path,))
    assert f"({kind})" in warning.message


def test_a_local_file_system_is_none(mounts: Path) -> None:
    assert list(place_diagnostics(Path("/home/local/none/x.db"), mounts)) == []


def test_a_new_store_has_nothing_open(store: CredentialStore) -> None:
    store.put(Profile("a:1", ApiKeyCredential(Secret("k"))))
    assert store.diagnostics() == ()


@pytest.mark.parametrize(
    ("which", "mode", "told"),
    [
        ("", 0o644, "600"),
        ("", 0o660, "600"),
        ("", 0o602, "600"),
        ("-wal", 0o604, "600"),
        ("-shm", 0o640, "600"),
        ("folder", 0o755, "700"),
        ("folder", 0o710, "700"),
        ("", 0o400, None),
        ("folder", 0o500, None),
    ],
)
def test_a_mode_that_lets_others_in_is_a_warning_with_its_remedy(
    store: CredentialStore, path: Path, which: str, mode: int, told: str | None
) -> None:
    store.put(Profile("a:1", ApiKeyCredential(Secret("k"))))
    target = path.parent if which == "folder" else path.with_name(path.name + which)
    target.chmod(mode)
    warnings = [(each.code, each.severity, each.hint) for each in store.diagnostics()]
    assert warnings == ([("store.open-mode", "warning", f"chmod {told} {target}")] if told else [])
