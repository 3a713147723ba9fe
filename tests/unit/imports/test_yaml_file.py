"""YAML within bounds: plain values, aliases counted for what they stand for, repeated keys told."""

from __future__ import annotations

import contextlib
import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from jackfield.errors import RequestError
from jackfield.imports.yaml_file import MAX_VALUES, read_yaml
from support.cli import leaks

KEY = "sk-canary/Zq7+Xk2Lw9=Pd4Rt6Uv8"
# Far above what any of these takes, far below what one without bounds would.
PATIENCE_S = 20.0


def refused(data: bytes) -> tuple[str, str]:
    start = time.monotonic()
    with pytest.raises(RequestError) as caught:
        read_yaml(data)
    assert time.monotonic() - start < PATIENCE_S
    assert leaks(str(caught.value.to_dict()), KEY) == []
    return caught.value.code, caught.value.message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("a: 1\nb: [x, true, null, 1.5]\n", {"a": 1, "b": ["x", True, None, 1.5]}),
        ("base: &b {rpm: 5, model: x}\none: {<<: *b, model: y}\n", {"base": {"rpm": 5, "model": "x"}, "one": {"rpm": 5, "model": "y"}}),  # noqa: E501
        ("a: &x [1, 2]\nb: *x\n", {"a": [1, 2], "b": [1, 2]}),
        ("a: |\n  two\n  lines\n", {"a": "two\nlines\n"}),
        ("1: x\n", {1: "x"}),
        ("a: os.environ/NAME # note\n", {"a": "os.environ/NAME"}),
    ],
)  # fmt: skip
def test_plain_values_aliases_and_merged_mappings_are_read(text: str, value: object) -> None:
    assert read_yaml(text.encode()) == (value, ())


@pytest.mark.parametrize(
    ("text", "value", "repeated"),
    [
        ("a: 1\na: 2\n", {"a": 2}, ("a",)),
        ("x:\n  - {k: 1, k: 2}\ny: {z: 1, z: 1}\n", {"x": [{"k": 2}], "y": {"z": 1}}, ("z", "k")),
        ("base: &b {k: 1}\none: {<<: *b, k: 2}\n", {"base": {"k": 1}, "one": {"k": 2}}, ()),
        (f"{KEY}{KEY}: 1\n{KEY}{KEY}: 2\n", {KEY + KEY: 2}, (f"a text of {2 * len(KEY)} characters",)),
    ],
)
def test_a_key_that_stands_twice_is_told_and_the_last_counts(
    text: str, value: object, repeated: tuple[str, ...]
) -> None:
    assert read_yaml(text.encode()) == (value, repeated)


def bomb(levels: int = 9) -> bytes:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(lines).encode()


def merge_bomb() -> bytes:
    lines = ["m0: &m0 {a: 1, b: 2}"]
    lines += [f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 9)}]}}" for n in range(1, 9)]
    return "\n".join(lines).encode()


def chain() -> bytes:
    return "\n".join([f"a{n}: &a{n} [{f'*a{n - 1}' if n else 1}]" for n in range(200)]).encode()


BOUNDS = f"has more than {MAX_VALUES} values or 60 levels"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (bomb(), f"{BOUNDS}: line 5."),
        (merge_bomb(), f"{BOUNDS}: line 5."),
        (chain(), f"{BOUNDS}: line 60."),
        (b"x: [" + b"1," * 100_000 + b"]", f"has more than {MAX_VALUES} values: line 1."),
        (b"[" * 100_000, "is nested more than 60 levels deep: line 1."),
        (b"- " * 50_000 + b"x", "is nested more than 60 levels deep: line 1."),
        (b"{a: " * 50_000, "is nested more than 60 levels deep: line 1."),
        (b"a: &a [*a]", "has an alias within what it stands for: line 1."),
        (b"a: &a {b: {c: *a}}", "has an alias within what it stands for: line 1."),
        (b"a: 1\nb: !!python/object/apply:os.system [x]", "has a tag, which no such file needs: line 2."),
        (b"b: !secret " + KEY.encode(), "has a tag, which no such file needs: line 1."),
        (b"b: !!timestamp x", "has a tag, which no such file needs: line 1."),
    ],
)
def test_what_goes_beyond_the_bounds_is_refused_at_once(data: bytes, message: str) -> None:
    assert refused(data) == ("import.too-deep", message)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (f"a: b: {KEY}".encode(), "is not YAML: line 1, column 5."),
        (f"a: '{KEY}".encode(), "is not YAML: line 1, column 35."),
        (b"a: 1\n---\nb: 2", "is not YAML: line 2, column 1."),
        (b"a: *nowhere", "is not YAML: line 1, column 4."),
        (b"? [1]\n: 2", "is not YAML: line 1, column 3."),
        (b"a: \x00", "is not YAML that can be read."),
        (b"a: \xff", "is not YAML that can be read."),
        (b"a: 2001-99-99", "is not YAML that can be read."),
        (b"a: " + b"9" * 6_000, "is not YAML that can be read."),
        (b"\x00", "is not YAML that can be read."),
    ],
)
def test_what_is_no_yaml_is_told_with_its_place_and_without_its_text(data: bytes, message: str) -> None:
    assert refused(data) == ("import.format", message)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=20,
    )
)
def test_what_was_dumped_is_read_again(value: object) -> None:
    assert read_yaml(yaml.safe_dump(value).encode()) == (value, ())


@given(st.text(alphabet="a:&*{}[]<-!|>'\"\n \t#%?,1", max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    with contextlib.suppress(RequestError):
        value, repeated = read_yaml(text.encode())
        assert all(isinstance(each, str) for each in repeated)
        assert value is None or isinstance(value, (str, int, float, list, dict))
