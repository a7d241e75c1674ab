"""Facts of the shop's own, which rules and audiences may ask for: at most 50 scalars by name."""

import math
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from comeback_contracts.money import MAX_SAFE
from comeback_contracts.text import MAX_TEXT, ShortText, is_clean

MAX_ATTRIBUTES: Final = 50


def _scalar(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if abs(value) > MAX_SAFE:
            raise PydanticCustomError("scalar", "must be within ±(2^53−1)")
    elif isinstance(value, str):
        if len(value) > MAX_TEXT or not is_clean(value):
            raise PydanticCustomError(
                "scalar", "must be text of at most 4096 characters without NUL or lone surrogates"
            )
    elif not isinstance(value, float):
        raise PydanticCustomError("scalar", "must be a text, a number, true, false or null")
    elif not math.isfinite(value):
        raise PydanticCustomError("scalar", "must be a finite number")
    elif abs(value) > MAX_SAFE:  # every such float is a whole number, and PostgreSQL's jsonb gives it back as one
        raise PydanticCustomError("scalar", "must be within ±(2^53−1)")
    return value


Scalar = Annotated[Any, BeforeValidator(_scalar), WithJsonSchema({"type": ["string", "number", "boolean", "null"]})]
Attributes = Annotated[dict[ShortText, Scalar], Field(max_length=MAX_ATTRIBUTES)]
