"""JSON Schema 2020-12 of each message, as a reader or a vendor validates with it.

A schema refuses what every later release of the same major version must still not send, and nothing else: unknown
fields pass, and a word that an open enumeration does not know passes. The words known to this release stand under
`x-known-values`.
"""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import EnumSchema, ModelSchema, TaggedUnionSchema

from tierdesk_contracts.envelope import Envelope
from tierdesk_contracts.registry import MessageType
from tierdesk_contracts.vocabulary import OpenEnum

KNOWN_VALUES = "x-known-values"
JsonSchema = dict[str, Any]


class _ReaderSchema(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - the generator's own signature
        return False

    def model_schema(self, schema: ModelSchema) -> JsonSchemaValue:
        generated = super().model_schema(schema)
        generated.pop("additionalProperties", None)
        # An event's kind has a default for those who construct it; on the wire it is what tells events apart.
        if "const" in generated.get("properties", {}).get("kind", {}):
            generated["required"].append("kind")
        return generated

    def enum_schema(self, schema: EnumSchema) -> JsonSchemaValue:
        generated = super().enum_schema(schema)
        if issubclass(schema["cls"], OpenEnum):
            generated[KNOWN_VALUES] = generated.pop("enum")
        return generated

    def tagged_union_schema(self, schema: TaggedUnionSchema) -> JsonSchemaValue:
        """Keep known kinds out of the branch for unknown ones, else a broken known event would pass there."""
        generated = super().tagged_union_schema(schema)
        known = [str(tag) for tag in schema["choices"] if tag != "unknown"]
        others = self.generate_inner(schema["choices"]["unknown"])
        generated["oneOf"] = [branch for branch in generated["oneOf"] if branch != others]
        generated["oneOf"].append({"allOf": [others, {"properties": {"kind": {"not": {"enum": known}}}}]})
        return generated


def schema_of(entry: MessageType) -> JsonSchema:
    """The schema of the whole envelope with the data of this type."""
    schema = Envelope[entry.model].model_json_schema(schema_generator=_ReaderSchema)  # type: ignore[name-defined]  # the registry decides at run time
    required = ["specversion", *schema["required"]]
    properties = dict(schema["properties"])
    properties["type"] = {"const": entry.name, "type": "string"}
    if entry.stream is not None:
        required.append("sequence")
        properties["sequence"] = next(part for part in properties["sequence"]["anyOf"] if part.get("type") == "string")
    for definition in schema["$defs"].values():
        if KNOWN_VALUES in definition:
            words = ", ".join(definition[KNOWN_VALUES])
            definition["description"] += f" Known words: {words}; any other is read as unknown."
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:tierdesk:schema:{entry.name}",
        "title": entry.name,
        "description": entry.summary,
        "type": "object",
        "required": required,
        "properties": properties,
        "$defs": schema["$defs"],
    }
