from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import Depends
from notes import DEFINITION, Note
from pydantic import BaseModel

from tierdesk_bus.port import Topology
from tierdesk_runtime.dispatching import Dispatcher
from tierdesk_runtime.http import create_app, json_body
from tierdesk_runtime.problems import MEDIA_TYPE
from tierdesk_runtime.secrets import Secrets
from tierdesk_runtime.service import Service, build_parts
from tierdesk_runtime.settings import Settings

PATHS = {"router": ("/v1/tickets", "/v1/vendors"), "desk": ("/",), "kb": ("/v1/tickets/suggest/",)}


def another_note() -> type[BaseModel]:
    return type("Note", (BaseModel,), {"__annotations__": {"title": str}})


async def service_named(name: str, settings: Settings, *, body: type[BaseModel]) -> Service:
    parts = await build_parts(DEFINITION, settings)
    app = create_app(title=name, ring=parts.ring, settings=settings)

    @app.get("/{path:path}")
    async def tell(path: str) -> dict[str, str]:
        return {"served by": name}

    @app.post(f"/v1/{name}")
    async def write(note=Depends(json_body(body))) -> None:  # noqa: B008 - FastAPI's form for a body known at run time
        return None

    return Service(name, parts, app, topology=Topology())


@pytest.fixture
async def services(settings: Settings) -> AsyncIterator[dict[str, Service]]:
    services = {name: await service_named(name, settings, body=Note) for name in ("router", "desk")}
    services["kb"] = await service_named("kb", settings, body=another_note())
    yield services
    for service in services.values():
        await service.drain(timeout_seconds=1)


@pytest.fixture
def dispatcher(services: dict[str, Service]) -> Dispatcher:
    dispatcher = Dispatcher(PATHS)
    for service in services.values():
        dispatcher.add(service)
    return dispatcher


def client_of(dispatcher: Dispatcher) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=dispatcher), base_url="http://desk")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/tickets", "router"),
        ("/v1/tickets/7/log", "router"),
        ("/v1/tickets:batch", "router"),
        ("/v1/tickets/suggest", "kb"),
        ("/v1/tickets/suggest/x", "kb"),
        ("/v1/tickets/suggestion", "router"),
        ("/v1/ticketsx", "desk"),
        ("/v1", "desk"),
        ("/", "desk"),
    ],
)
async def test_the_longest_prefix_that_covers_whole_words_chooses_the_service(
    dispatcher: Dispatcher, path: str, name: str
) -> None:
    async with client_of(dispatcher) as client:
        assert (await client.get(path)).json() == {"served by": name}


async def test_the_process_answers_its_own_paths_also_beside_a_service_of_all_paths(dispatcher: Dispatcher) -> None:
    async with client_of(dispatcher) as client:
        assert (await client.get("/healthz")).json() == {"state": "ok"}
        assert (await client.get("/readyz")).status_code == 503
        assert "paths" in (await client.get("/openapi.json")).json()


async def test_health_and_readiness_need_no_key_and_metrics_do(
    dispatcher: Dispatcher, services: dict[str, Service], secrets: Secrets
) -> None:
    key = secrets.local_key()
    weak = services["router"].parts.ring.mint("weak", "main", ["events:write"])
    async with client_of(dispatcher) as client:
        assert (await client.get("/metrics")).status_code == 401
        assert (await client.get("/metrics", headers={"authorization": f"Bearer {weak}"})).status_code == 403
        metrics = await client.get("/metrics", headers={"authorization": f"Bearer {key}"})
    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
    for name in PATHS:
        assert f'tierdesk_outbox_pending{{service="{name}"}}' in metrics.text


async def test_paths_of_nobody_and_wrong_methods_are_problems(services: dict[str, Service]) -> None:
    dispatcher = Dispatcher({"router": PATHS["router"]})
    dispatcher.add(services["router"])
    async with client_of(dispatcher) as client:
        for path in ("/", "/v1", "/v1/ticketsx", "/readyz/", "/healthz/x", "/docs"):
            response = await client.get(path)
            assert response.status_code == 404, path
            assert response.headers["content-type"] == MEDIA_TYPE
        response = await client.post("/healthz")
        assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")


async def test_a_service_that_is_not_built_yet_answers_503_and_is_not_ready(services: dict[str, Service]) -> None:
    dispatcher = Dispatcher(PATHS)
    dispatcher.add(services["kb"])
    async with client_of(dispatcher) as client:
        response = await client.post("/v1/tickets")
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")
        readiness = await client.get("/readyz")
        assert readiness.status_code == 503
        assert readiness.json()["services"]["router"]["checks"] == {
            "service": {"state": "failed", "detail": "starting"}
        }


async def test_once_told_to_stop_it_is_not_ready_and_each_answer_closes_its_connection(dispatcher: Dispatcher) -> None:
    async with client_of(dispatcher) as client:
        assert "connection" not in (await client.get("/v1/tickets")).headers
        dispatcher.stopping = True
        response = await client.get("/v1/tickets")
        assert (response.status_code, response.headers["connection"]) == (200, "close")
        readiness = await client.get("/readyz")
        assert readiness.status_code == 503
        assert readiness.json()["services"]["process"]["detail"] == "stopping"


async def test_schemas_of_one_name_that_differ_stay_apart_in_the_merged_document(dispatcher: Dispatcher) -> None:
    async with client_of(dispatcher) as client:
        document = (await client.get("/openapi.json")).json()

    def fields_of(name: str) -> set[str]:
        body = document["paths"][f"/v1/{name}"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        return set(document["components"]["schemas"][body["$ref"].rsplit("/", 1)[1]]["properties"])

    assert fields_of("router") == fields_of("desk") == {"text", "slow_seconds"}
    assert fields_of("kb") == {"title"}
    schemas = document["components"]["schemas"]
    assert {name for name in schemas if "Note" in name} == {"Note", "KbNote"}
