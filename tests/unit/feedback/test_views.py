"""The fields that feedback reads are fields of the contracts, and what may be left out there may be left out here."""

import msgspec
import pytest
from pydantic import BaseModel

from comeback_contracts.customers import CustomerData, CustomerErased, CustomerMerged
from comeback_contracts.shops import ShopUpserted
from feedback.views import ErasedData, MergedData, PersonData, ShopData

VIEWS: dict[type[msgspec.Struct], type[BaseModel]] = {
    ShopData: ShopUpserted,
    PersonData: CustomerData,
    MergedData: CustomerMerged,
    ErasedData: CustomerErased,
}


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__)
def test_a_view_asks_for_no_more_than_the_contract_promises(view: type[msgspec.Struct]) -> None:
    schema = VIEWS[view].model_json_schema(by_alias=True)
    for field in msgspec.structs.fields(view):
        assert field.encode_name in schema["properties"], field.encode_name
        if field.required:
            assert field.encode_name in schema["required"], field.encode_name
