from __future__ import annotations

import copy
import json
import pickle

import pytest

from jackfield import errors
from jackfield.diagnostics import Diagnostic

TREE: tuple[tuple[type[errors.JackfieldError], type[Exception], str, int], ...] = (
    (errors.JackfieldError, Exception, "error", 1),
    (errors.InternalError, errors.JackfieldError, "internal", 1),
    (errors.RequestError, errors.JackfieldError, "request", 2),
    (errors.UnknownNameError, errors.RequestError, "unknown", 2),
    (errors.NeedsTerminalError, errors.RequestError, "needs-terminal", 2),
    (errors.AnswerError, errors.RequestError, "answers", 2),
    (errors.CancelledError, errors.JackfieldError, "cancelled", 130),
    (errors.ConfigError, errors.JackfieldError, "config", 1),
    (errors.StoreError, errors.JackfieldError, "store", 1),
    (errors.RegistrationError, errors.JackfieldError, "registry", 1),
    (errors.BlockError, errors.RegistrationError, "block", 1),
    (errors.PluginError, errors.JackfieldError, "plugin", 1),
    (errors.CredentialError, errors.JackfieldError, "credential", 1),
    (errors.RemoteError, errors.JackfieldError, "remote", 1),
)
CLASSES = [row[0] for row in TREE]


def _all_subclasses(cls: type[errors.JackfieldError]) -> set[type[errors.JackfieldError]]:
    below = {each for each in cls.__subclasses__() if each.__module__ == errors.__name__}
    return {cls}.union(*(_all_subclasses(each) for each in below))


@pytest.mark.parametrize(("cls", "parent", "code", "status"), TREE, ids=lambda value: getattr(value, "__name__", None))
def test_class_stands_where_the_drawn_tree_has_it(
    cls: type[errors.JackfieldError], parent: type[Exception], code: str, status: int
) -> None:
    assert cls.__bases__[0] is parent
    assert cls.default_code == code
    assert cls.exit_status == status


def test_tree_has_no_class_that_the_table_misses() -> None:
    assert _all_subclasses(errors.JackfieldError) == set(CLASSES)


def test_drawing_names_every_class() -> None:
    assert errors.__doc__ is not None
    drawn = errors.__doc__.split("Every error has")[0]
    assert [cls.__name__ for cls in CLASSES if cls.__name__ not in drawn] == []


def test_default_codes_are_distinct() -> None:
    codes = [cls.default_code for cls in CLASSES]
    assert sorted(set(codes)) == sorted(codes)


def test_unknown_name_is_a_lookup_error_for_those_who_know_only_python() -> None:
    with pytest.raises(LookupError, match="There is no such thing"):
        raise errors.UnknownNameError("There is no such thing.")


@pytest.mark.parametrize("cls", CLASSES)
def test_without_arguments_the_class_code_holds_and_nothing_else_is_told(cls: type[errors.JackfieldError]) -> None:
    error = cls("It broke.")
    assert (str(error), error.message, error.code) == ("It broke.", "It broke.", cls.default_code)
    assert error.fix is None
    assert error.diagnostics == ()


def test_given_code_replaces_the_class_code_on_this_error_only() -> None:
    assert errors.ConfigError("Wrong.", code="config.syntax").code == "config.syntax"
    assert errors.ConfigError("Wrong.").code == "config"


def test_everything_but_the_message_must_be_named() -> None:
    with pytest.raises(TypeError):
        errors.ConfigError("Wrong.", "config.syntax")  # type: ignore[call-arg]


def test_diagnostics_are_kept_as_a_tuple_even_from_a_generator() -> None:
    found = [Diagnostic("a.b", "One."), Diagnostic("a.c", "Two.")]
    error = errors.BlockError("Wrong.", diagnostics=(each for each in found))
    assert error.diagnostics == tuple(found)


def test_to_dict_has_the_shape_of_every_json_error() -> None:
    error = errors.BlockError(
        "Two fields are wrong.",
        code="block.invalid",
        fix="Mend them.",
        diagnostics=[Diagnostic("block.invalid", "must be text", path=("label",))],
    )
    shape = error.to_dict()
    assert list(shape) == ["code", "message", "fix", "diagnostics"]
    assert json.loads(json.dumps(shape)) == {
        "code": "block.invalid",
        "message": "Two fields are wrong.",
        "fix": "Mend them.",
        "diagnostics": [
            {
                "code": "block.invalid",
                "severity": "error",
                "path": ["label"],
                "owner": None,
                "message": "must be text",
                "hint": None,
                "rule": None,
                "line": None,
                "column": None,
            }
        ],
    }


def test_unknown_name_adds_its_suggestions_to_the_shape() -> None:
    error = errors.UnknownNameError("No such.", code="x.unknown", fix="Look.", suggestions=(each for each in "ab"))
    assert error.suggestions == ("a", "b")
    assert error.to_dict() == {
        "code": "x.unknown",
        "message": "No such.",
        "fix": "Look.",
        "diagnostics": [],
        "suggestions": ["a", "b"],
    }


def _through_pickle(error: errors.JackfieldError) -> errors.JackfieldError:
    back = pickle.loads(pickle.dumps(error))
    assert isinstance(back, errors.JackfieldError)
    return back


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("again", [_through_pickle, copy.copy, copy.deepcopy], ids=["pickle", "copy", "deepcopy"])
def test_error_survives_the_way_to_another_process(cls: type[errors.JackfieldError], again: object) -> None:
    assert callable(again)
    error = cls("It broke.", code="some.code", fix="Mend it.")
    error.diagnostics = (Diagnostic("some.code", "Here.", path=("a", "[0]")),)
    back = again(error)
    assert type(back) is cls
    assert back.to_dict() == error.to_dict()
