"""The OpenAPI document: as FastAPI makes it, with the bodies that `json_body` reads and the problems that all answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel

from tierdesk_runtime.json_body import JsonBody
from tierdesk_runtime.problems import MEDIA_TYPE

_SCHEMAS: Final = "#/components/schemas/"
_METHODS: Final = frozenset({"get", "put", "post", "delete", "patch"})
_PROBLEM: Final[Mapping[str, Any]] = {
    "title": "Problem",
    "description": "What went wrong (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}


def describe_app(app: FastAPI) -> None:
    """Let `app.openapi()` answer the whole document."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the way that FastAPI's documentation shows


def merge_documents(documents: Mapping[str, Mapping[str, Any]], *, title: str) -> dict[str, Any]:
    """The documents of several services as one. Schemas of one name that differ are told apart by their service."""
    merged: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1"},
        "paths": {},
        "components": {"schemas": {}, "securitySchemes": {}},
    }
    schemas: dict[str, Any] = merged["components"]["schemas"]
    for service, document in documents.items():
        own = document.get("components", {}).get("schemas", {})
        names = {
            name: f"{service.capitalize()}{name}" for name, schema in own.items() if schemas.get(name, schema) != schema
        }
        renamed = _rename(document, names)
        merged["paths"].update(renamed.get("paths", {}))
        components = renamed.get("components", {})
        schemas.update({names.get(name, name): schema for name, schema in components.get("schemas", {}).items()})
        merged["components"]["securitySchemes"].update(components.get("securitySchemes", {}))
    return merged


def _rename(document: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    text = json.dumps(document)
    for old, new in names.items():
        text = text.replace(f'"{_SCHEMAS}{old}"', f'"{_SCHEMAS}{new}"')
    renamed: dict[str, Any] = json.loads(text)
    return renamed


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    schemas: dict[str, Any] = document.setdefault("components", {}).setdefault("schemas", {})
    for path, method, model in _json_bodies(app):
        schema = model.model_json_schema(ref_template=f"{_SCHEMAS}{{model}}")
        schemas.update(schema.pop("$defs", {}))
        schemas[model.__name__] = schema
        document["paths"][path][method]["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": f"{_SCHEMAS}{model.__name__}"}}},
        }
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = dict(_PROBLEM)
    problem = {"description": "A problem", "content": {MEDIA_TYPE: {"schema": {"$ref": f"{_SCHEMAS}Problem"}}}}
    for item in document["paths"].values():
        for method in _METHODS & item.keys():
            responses = item[method]["responses"]
            responses.pop("422", None)
            responses.setdefault("default", problem)
    return document


def _json_bodies(app: FastAPI) -> Iterator[tuple[str, str, type[BaseModel]]]:
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        path = context.path_format
        if not isinstance(route, APIRoute) or not route.include_in_schema or path is None:
            continue
        for call in _calls(route.dependant):
            if isinstance(call, JsonBody):
                for method in context.methods or ():
                    yield path, method.lower(), call.model


def _calls(dependant: Dependant) -> Iterator[Any]:
    for inner in dependant.dependencies:
        yield inner.call
        yield from _calls(inner)
