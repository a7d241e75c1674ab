"""The JSON Schema of every event, generated from the models; ``docs/events/`` holds them for readers in any language.

``python -m comeback_contracts.schemas [folder]`` writes them. It refuses a change that breaks readers or senders
(``compat.py``) unless it is told ``--accept-breaking``.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from comeback_contracts.compat import breaks
from comeback_contracts.registry import EVENT_TYPES, EventType

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
DEFAULT_FOLDER: Final = Path("docs/events")

_ENVELOPE: Final[dict[str, dict[str, Any]]] = {
    "id": {"type": "string", "minLength": 1, "description": "Unique per shop and source."},
    "source": {"type": "string", "minLength": 1, "description": "Who says it: shopify/my-shop, api, comeback/loyalty."},
    "specversion": {"const": "1.0"},
    "type": {},
    "time": {"type": "string", "format": "date-time", "description": "When it happened, in UTC."},
    "subject": {"type": "string", "minLength": 1, "description": "The order, customer, cart, product or shop."},
    "shopid": {"type": "string", "minLength": 1},
    "datacontenttype": {"const": "application/json"},
    "keyid": {"type": "string", "description": "The API key that it was sent with."},
    "traceparent": {"type": "string", "description": "W3C trace context."},
}
_REQUIRED: Final = ["id", "source", "specversion", "type", "time", "subject", "shopid", "data"]


def schema_of(kind: EventType) -> dict[str, Any]:
    """The JSON Schema of a whole event of this type, as it stands on the log."""
    data = _open(kind.model.model_json_schema(mode="serialization", ref_template="#/$defs/{model}"))
    definitions = data.pop("$defs", {})
    return {
        "$schema": DIALECT,
        "title": kind.name,
        "description": f"An event of type {kind.name} on the topic {kind.topic} (CloudEvents 1.0, structured JSON).",
        "type": "object",
        "properties": {**_ENVELOPE, "type": {"const": kind.name}, "data": data},
        "required": _REQUIRED,
        "$defs": definitions,
    }


def schemas() -> dict[str, dict[str, Any]]:
    """The schema of every event type by its file name."""
    return {f"{name}.json": schema_of(kind) for name, kind in EVENT_TYPES.items()}


def text_of(schema: dict[str, Any]) -> str:
    """A schema as it is committed."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def breaking_changes(folder: Path) -> list[str]:
    """What the generated schemas break of the committed ones."""
    generated = schemas()
    found: list[str] = []
    for path in sorted(folder.glob("*.json")):
        if path.name not in generated:
            found.append(f"{path.stem}: the event type was removed")
            continue
        committed = json.loads(path.read_text("utf-8"))
        found += [f"{path.stem}: {one}" for one in breaks(committed, generated[path.name])]
    return found


def write(folder: Path) -> None:
    """Write every schema, and remove those whose event type is no more."""
    folder.mkdir(parents=True, exist_ok=True)
    generated = schemas()
    for path in folder.glob("*.json"):
        if path.name not in generated:
            path.unlink()
    for name, schema in generated.items():
        (folder / name).write_text(text_of(schema), "utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 1 where a change breaks the contract."""
    parser = argparse.ArgumentParser(prog="python -m comeback_contracts.schemas", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT_FOLDER)
    parser.add_argument("--accept-breaking", action="store_true", help="write also what breaks readers or senders")
    options = parser.parse_args(arguments)
    found = breaking_changes(options.folder)
    if found and not options.accept_breaking:
        sys.stderr.write("These changes break the contract:\n" + "".join(f"  {one}\n" for one in found))
        return 1
    write(options.folder)
    return 0


def _open(value: Any) -> Any:
    """Readers ignore unknown fields, so a schema for readers is not closed. Titles only repeat the names."""
    if isinstance(value, dict):
        return {
            name: {key: _open(item) for key, item in child.items()} if name == "properties" else _open(child)
            for name, child in value.items()
            if not (name == "additionalProperties" and child is False)
            and not (name == "title" and isinstance(child, str))
        }
    if isinstance(value, list):
        return [_open(item) for item in value]
    return value


if __name__ == "__main__":
    sys.exit(main())
