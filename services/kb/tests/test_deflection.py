"""Problems that an article solved before there was a ticket: counted once each, told by day and by article."""

import asyncio
from datetime import timedelta
from uuid import uuid4


async def article_id(client, headers, words="password"):
    answer = await client.get("/v1/suggest", params={"q": words}, headers=headers)
    return answer.json()["suggestions"][0]["id"]


async def solve(client, headers, article, given=None):
    body = {"id": given or str(uuid4()), "article_id": article}
    return await client.post("/v1/suggest/solved", json=body, headers=headers)


async def insight(client, headers, **options):
    answer = await client.get("/v1/insight/deflection", params=options, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_solved_problem_counts_once_however_often_it_is_told(client, key_of):
    headers, given = key_of(), str(uuid4())
    article = await article_id(client, headers)
    answers = await asyncio.gather(*(solve(client, headers, article, given) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 200, 201]
    assert len({answer.text for answer in answers}) == 1
    assert (await insight(client, headers))["solved"] == 1


async def test_an_identifier_tells_of_one_article(client, key_of):
    headers, given = key_of(), str(uuid4())
    assert (await solve(client, headers, await article_id(client, headers), given)).status_code == 201
    refused = await solve(client, headers, await article_id(client, headers, "paper jam"), given)
    assert (refused.status_code, refused.headers["content-type"]) == (409, "application/problem+json")
    other = key_of("other")
    assert (await insight(client, other))["solved"] == 0


async def test_only_what_the_tenants_readers_have_seen_can_have_helped(base, client, key_of):
    headers = key_of()
    article = await article_id(client, headers)
    assert (await solve(client, key_of("other"), article)).status_code == 404
    assert (await solve(client, headers, str(uuid4()))).status_code == 404
    draft = (await client.post("/v1/articles", json={"title": "Draft", "body": "Body."}, headers=headers)).json()["id"]
    assert (await solve(client, headers, draft)).status_code == 404
    assert (await client.post(f"/v1/articles/{article}/retire", headers=headers)).status_code == 204
    assert (await solve(client, headers, article)).status_code == 201, "it had helped before"


async def test_it_is_told_by_day_and_by_article(base, client, key_of):
    headers = key_of()
    password, jam = await article_id(client, headers), await article_id(client, headers, "paper jam")
    for article, days in ((password, 0), (password, 0), (jam, 1), (password, 1)):
        base.clock.advance_to(base.clock.now() + timedelta(days=days))
        assert (await solve(client, headers, article)).status_code == 201
    told = await insight(client, headers)
    assert [(one["day"], one["solved"]) for one in told["by_day"]] == [
        ("2026-03-02", 2), ("2026-03-03", 1), ("2026-03-04", 1),
    ]  # fmt: skip
    assert [(one["article_id"], one["solved"]) for one in told["by_article"]] == [(password, 3), (jam, 1)]
    assert told["by_article"][1]["title"] == "Clear a paper jam in the printer"
    assert (await insight(client, headers, days=2))["solved"] == 2
    for days in (0, 367, "x"):
        assert (await client.get(f"/v1/insight/deflection?days={days}", headers=headers)).status_code == 422


async def test_a_bad_field_is_named(client, key_of):
    good = {"id": str(uuid4()), "article_id": str(uuid4())}
    for change, field in (({"id": "x"}, "id"), ({"article_id": None}, "article_id"), ({"more": 1}, "more")):
        answer = await client.post("/v1/suggest/solved", json=good | change, headers=key_of())
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
