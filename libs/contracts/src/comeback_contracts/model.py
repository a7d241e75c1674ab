"""What every contract model is: frozen, strict about types, closed to unknown fields, dumped as it goes on the log."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class Contract(BaseModel):
    """A value of the contract. Validated with ``context={"now": now}`` it refuses what lies in the future."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False, serialize_by_alias=True)

    def as_data(self) -> dict[str, Any]:
        """The JSON object for the log: defaults said, what is null left out (absent is the same as null)."""
        return self.model_dump(mode="json", exclude_none=True)


class FieldwiseContract(Contract):
    """Data that merges field by field: absent is unchanged, ``null`` clears; both stay as they were said."""

    def as_data(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude_unset=True)
