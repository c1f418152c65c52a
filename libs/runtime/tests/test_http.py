from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tierdesk_runtime import framing
from tierdesk_runtime.http import Principal, create_app, json_body, limit_body, read_json, require
from tierdesk_runtime.keys import SCOPES, KeyRing
from tierdesk_runtime.metrics import render
from tierdesk_runtime.problems import MEDIA_TYPE, ProblemError
from tierdesk_runtime.settings import Settings
from tierdesk_store import DatabaseUnavailableError


class Note(BaseModel):
    """A body."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(max_length=1_000_000)]


TYPE_JSON = {"content-type": "application/json"}
SECRET_TEXT = "the inside of the service"


def note_routes() -> APIRouter:
    routes = APIRouter()

    @routes.post("/v1/notes/{ticket}", status_code=201)
    async def write(
        ticket: int,
        principal: Annotated[Principal, Depends(require("events:write"))],
        note: Annotated[Note, Depends(json_body(Note))],
    ) -> dict[str, Any]:
        return {"ticket": ticket, "tenant": principal.tenant, "length": len(note.text)}

    @routes.get("/v1/notes")
    async def read(
        principal: Annotated[Principal, Depends(require("tickets:read"))], page: Annotated[int, Field(ge=1)] = 1
    ) -> dict[str, Any]:
        return {"tenant": principal.tenant, "page": page}

    @routes.put("/v1/notes")
    async def replace(principal: Annotated[Principal, Depends(require("events:write"))]) -> None:
        del principal

    return routes


async def plain(request: Request) -> Response:
    limit_body(request, 50_000)
    principal = await require("events:write")(request)
    note = await read_json(request, Note)
    return JSONResponse({"tenant": principal.tenant, "length": len(note.text)})


async def fails(request: Request) -> Response:
    kind = request.query_params["kind"]
    errors: dict[str, Exception] = {
        "defect": RuntimeError(SECRET_TEXT),
        "recursion": RecursionError(SECRET_TEXT),
        "database": DatabaseUnavailableError(SECRET_TEXT),
        "problem": ProblemError(409, "Still in flight", "Ask again.", headers={"Retry-After": "2"}),
        "http": HTTPException(418, "short and stout"),
    }
    raise errors[kind]


@pytest.fixture
def app(ring: KeyRing, settings: Settings) -> FastAPI:
    app = create_app(title="notes", ring=ring, settings=settings)
    app.include_router(note_routes())
    app.router.routes.append(Route("/v1/plain", plain, methods=["POST"]))
    app.router.routes.append(Route("/v1/fails", fails))
    return app


@pytest.fixture
async def client(app: FastAPI, ring: KeyRing) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"authorization": f"Bearer {ring.mint('test', 'acme', SCOPES)}"}
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://desk", headers=headers) as client:
        yield client


def check_problem(response: httpx2.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status
    assert response.headers["content-type"] == MEDIA_TYPE
    document: dict[str, Any] = response.json()
    assert document["status"] == status
    assert document["title"]
    assert document["type"]
    assert document["request_id"] == response.headers["x-request-id"]
    return document


async def test_an_endpoint_answers_with_the_tenant_of_the_key(client: httpx2.AsyncClient) -> None:
    response = await client.post("/v1/notes/7", json={"text": "hello"})
    assert response.status_code == 201
    assert response.json() == {"ticket": 7, "tenant": "acme", "length": 5}
    assert len(response.headers["x-request-id"]) == 16


@pytest.mark.parametrize("path", ["/v1/notes/7", "/v1/plain"])
async def test_without_a_key_nothing_is_read_and_the_answer_is_401(client: httpx2.AsyncClient, path: str) -> None:
    del client.headers["authorization"]
    response = await client.post(path, content=b"not even JSON", headers=TYPE_JSON)
    check_problem(response, 401)
    assert response.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-user": "admin"},
        {"x-tenant": "main"},
        {"x-forwarded-for": "127.0.0.1"},
        {"cookie": "key=1"},
        {"x-api-key": "tierdesk_local_x"},
    ],
)
async def test_no_other_header_stands_for_a_key(client: httpx2.AsyncClient, headers: dict[str, str]) -> None:
    del client.headers["authorization"]
    check_problem(await client.get("/v1/notes", headers=headers), 401)


async def test_no_header_changes_the_tenant_of_a_key(client: httpx2.AsyncClient) -> None:
    response = await client.get("/v1/notes", headers={"x-tenant": "main", "x-forwarded-user": "root", "tenant": "main"})
    assert response.json()["tenant"] == "acme"


async def test_a_key_without_the_scope_is_403_and_told_which_it_lacks(
    client: httpx2.AsyncClient, ring: KeyRing
) -> None:
    key = ring.mint("reader", "acme", ["tickets:read"])
    headers = {"authorization": f"Bearer {key}"}
    assert (await client.get("/v1/notes", headers=headers)).status_code == 200
    document = check_problem(await client.post("/v1/notes/1", json={"text": "x"}, headers=headers), 403)
    assert "events:write" in document["detail"]


def test_a_scope_that_does_not_exist_is_refused_when_the_service_is_written() -> None:
    with pytest.raises(ValueError, match="events:wirte"):
        require("events:wirte")


@pytest.mark.parametrize("path", ["/", "/v1/nothing", "/v1/notes/", "/docs", "/redoc", "/openapi.json", "/v1/%00"])
async def test_an_unknown_path_is_a_404_problem(client: httpx2.AsyncClient, path: str) -> None:
    assert check_problem(await client.get(path), 404)["type"] == "about:blank"


async def test_a_wrong_method_is_a_405_problem_that_names_the_right_ones(client: httpx2.AsyncClient) -> None:
    response = await client.delete("/v1/notes")
    check_problem(response, 405)
    assert response.headers["allow"] == "GET, PUT"  # each route by itself names only its own


async def test_wrong_parameters_are_422_with_their_names(client: httpx2.AsyncClient) -> None:
    document = check_problem(await client.get("/v1/notes", params={"page": "-1"}), 422)
    assert [fault["field"] for fault in document["errors"]] == ["query.page"]
    document = check_problem(await client.post("/v1/notes/seven", json={"text": "x"}), 422)
    assert [fault["field"] for fault in document["errors"]] == ["path.ticket"]


async def test_wrong_bodies_are_problems_with_the_field(client: httpx2.AsyncClient) -> None:
    document = check_problem(await client.post("/v1/notes/1", json={"text": "x", "tenant": "main"}), 422)
    assert [fault["field"] for fault in document["errors"]] == ["tenant"]
    document = check_problem(await client.post("/v1/plain", content=b'{"text":', headers=TYPE_JSON), 400)
    assert [fault["field"] for fault in document["errors"]] == ["body"]
    check_problem(await client.post("/v1/plain", content=b'{"text":"x"}', headers={"content-type": "text/plain"}), 415)


@pytest.mark.parametrize("kind", ["defect", "recursion"])
async def test_a_defect_is_a_500_that_tells_nothing_of_the_inside_but_to_the_log(
    client: httpx2.AsyncClient, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    response = await client.get("/v1/fails", params={"kind": kind})
    assert check_problem(response, 500)["title"] == "Internal Server Error"
    for hidden in (SECRET_TEXT, "Traceback", "Error:", "test_http"):
        assert hidden not in response.text
    logged = capfd.readouterr().out
    assert SECRET_TEXT in logged
    assert response.headers["x-request-id"] in logged


async def test_a_lost_database_is_503_with_retry_after_and_tells_nothing(client: httpx2.AsyncClient) -> None:
    response = await client.get("/v1/fails", params={"kind": "database"})
    check_problem(response, 503)
    assert response.headers["retry-after"] == "1"
    assert SECRET_TEXT not in response.text


async def test_a_problem_keeps_its_title_detail_and_headers(client: httpx2.AsyncClient) -> None:
    response = await client.get("/v1/fails", params={"kind": "problem"})
    document = check_problem(response, 409)
    assert (document["title"], document["detail"]) == ("Still in flight", "Ask again.")
    assert document["type"] == "urn:tierdesk:problem:still-in-flight"
    assert response.headers["retry-after"] == "2"
    assert check_problem(await client.get("/v1/fails", params={"kind": "http"}), 418)["detail"] == "short and stout"


async def in_pieces(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def note_of(length: int) -> bytes:
    return json.dumps({"text": "x" * (length - 12)}).encode()


@pytest.mark.parametrize(("path", "limit"), [("/v1/notes/1", 10_000), ("/v1/plain", 50_000)])
async def test_a_body_may_reach_the_limit_of_its_route_and_not_pass_it(
    client: httpx2.AsyncClient, path: str, limit: int
) -> None:
    assert (await client.post(path, content=note_of(limit), headers=TYPE_JSON)).is_success
    check_problem(await client.post(path, content=note_of(limit + 1), headers=TYPE_JSON), 413)


async def test_a_body_without_a_length_is_counted_as_it_streams(app: FastAPI, client: httpx2.AsyncClient) -> None:
    body = note_of(10_001)
    pieces = [body[start : start + 100] for start in range(0, len(body), 100)]
    key = client.headers["authorization"]
    assert (await streamed(app, "/v1/notes/1", pieces[:90], key)) == (400, 90)
    assert (await streamed(app, "/v1/notes/1", pieces, key)) == (413, 101)
    endless = [b" " * 100] * 100_000
    status, taken = await streamed(app, "/v1/notes/1", endless, key)
    assert (status, taken) == (413, 101)


async def streamed(
    app: FastAPI, path: str, pieces: list[bytes], key: str, *, length: bytes = b"", then: str = "end"
) -> tuple[int, int]:
    """The status (0 for none), and how many pieces the application took. `then` they end, stall or disconnect."""
    taken, statuses = 0, []

    async def receive() -> dict[str, Any]:
        nonlocal taken
        if taken == len(pieces):
            if then == "disconnect":
                return {"type": "http.disconnect"}
            await asyncio.Event().wait()
        taken += 1
        return {"type": "http.request", "body": pieces[taken - 1], "more_body": taken < len(pieces) or then != "end"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    headers = [(b"content-type", b"application/json"), (b"authorization", key.encode())]
    headers += [(b"content-length", length)] if length else []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("192.0.2.1", 1),
        "server": ("desk", 80),
    }
    await app(scope, receive, send)
    return (statuses or [0])[0], taken


async def test_an_announced_length_beyond_the_limit_is_refused_before_a_byte_is_read(
    app: FastAPI, client: httpx2.AsyncClient
) -> None:
    key = client.headers["authorization"]
    assert await streamed(app, "/v1/notes/1", [b"{"], key, length=b"99999999999999999999") == (413, 0)
    assert await streamed(app, "/v1/notes/1", [b'{"text":"x"}'], key, length=b"-5") == (201, 1)
    assert await streamed(app, "/v1/notes/1", [b"x" * 10_001], key, length=b"5") == (413, 1)


async def test_a_body_that_never_ends_is_given_up_in_time(
    app: FastAPI, client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(framing, "BODY_SECONDS", 0.05)
    pieces = [b'{"te', b'xt":', b""]
    key = client.headers["authorization"]
    assert await streamed(app, "/v1/notes/1", pieces, key, then="stall") == (408, 3)
    assert await streamed(app, "/v1/notes/1", [], key, then="stall") == (408, 0)


async def test_a_client_that_leaves_in_the_middle_is_no_failure(
    app: FastAPI, client: httpx2.AsyncClient, capfd: pytest.CaptureFixture[str]
) -> None:
    key = client.headers["authorization"]
    assert await streamed(app, "/v1/notes/1", [b'{"te'], key, then="disconnect") == (0, 1)
    logged = capfd.readouterr().out
    assert "499" in logged
    assert "request_failed" not in logged


async def test_requests_are_counted_by_route_and_never_by_path(app: FastAPI, client: httpx2.AsyncClient) -> None:
    for ticket in (1, 2, 3):
        await client.post(f"/v1/notes/{ticket}", json={"text": "x"})
    await client.post("/v1/plain", json={"text": "x"})
    for path in ("/v1/nothing", "/v1/<script>", "/wp-login.php"):
        await client.get(path)
    lines = render({"notes": app.state.metrics.registry}).decode().splitlines()
    counts = [line for line in lines if line.startswith("tierdesk_http_requests_total{")]
    assert sorted(counts) == [
        'tierdesk_http_requests_total{method="GET",route="unmatched",service="notes",status="404"} 3.0',
        'tierdesk_http_requests_total{method="POST",route="/v1/notes/{ticket}",service="notes",status="201"} 3.0',
        'tierdesk_http_requests_total{method="POST",route="/v1/plain",service="notes",status="200"} 1.0',
    ]
    assert 'tierdesk_http_request_seconds_count{method="POST",route="/v1/plain",service="notes"} 1.0' in lines


async def test_a_method_that_does_not_exist_gets_no_label_of_its_own(app: FastAPI, client: httpx2.AsyncClient) -> None:
    for number in range(5):
        check_problem(await client.request(f"BREW{number}", "/v1/notes"), 405)
    text = render({"notes": app.state.metrics.registry}).decode()
    assert "BREW" not in text
    assert 'tierdesk_http_requests_total{method="other",route="/v1/notes",service="notes",status="405"} 5.0' in text


def test_the_openapi_document_tells_of_bodies_keys_and_problems(app: FastAPI) -> None:
    document = app.openapi()
    operation = document["paths"]["/v1/notes/{ticket}"]["post"]
    assert operation["requestBody"]["required"] is True
    reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    assert document["components"]["schemas"][reference.rsplit("/", 1)[1]]["additionalProperties"] is False
    assert operation["security"] == [{"key": []}]
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert MEDIA_TYPE in operation["responses"]["default"]["content"]
    assert "422" not in operation["responses"]
    assert set(document["components"]["schemas"]) == {"Note", "Problem"}
