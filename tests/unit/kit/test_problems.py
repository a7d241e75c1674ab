"""Refusals say what is wrong and what to do, in words of the contract."""

from pydantic import ValidationError

from comeback_kit.bodies import Body
from comeback_kit.errors import FieldError, Unprocessable
from comeback_kit.problems import from_validation


class Small(Body):
    """A body."""

    points: int


def told(value: object) -> tuple[str, list[tuple[str, str]]]:
    try:
        Small.model_validate(value)
    except ValidationError as error:
        found = from_validation(error.errors())
        return found.detail, [(one.pointer, one.detail) for one in found.errors]
    raise AssertionError("was not refused")


def test_bad_fields_are_told_as_the_gateway_tells_those_of_events() -> None:
    assert told({"surprise": 1}) == (
        "/points: is missing; /surprise: is not a known field",
        [("/points", "is missing"), ("/surprise", "is not a known field")],
    )


def test_what_is_wrong_with_the_whole_body_has_no_pointer_in_front() -> None:
    missing = from_validation([{"type": "missing", "loc": ("body",), "msg": "Field required"}])
    assert missing.errors == (FieldError("", "the body is missing"),)
    assert told([]) == ("Input should be an object", [("", "Input should be an object")])


def test_the_detail_says_what_the_fields_say_where_it_was_not_given() -> None:
    bad = [FieldError("/a", "must be 1"), FieldError("", "give a or b"), FieldError("/c", "is late")]
    assert Unprocessable(errors=[*bad, FieldError("/d", "is left out")]).detail == (
        "/a: must be 1; give a or b; /c: is late"
    )
    assert Unprocessable("so it is", errors=bad).detail == "so it is"
    assert Unprocessable().detail == Unprocessable.title
