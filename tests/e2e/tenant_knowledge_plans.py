"""How the endpoints of the knowledge base are called by one tenant with the identifiers of another."""

from __future__ import annotations

import json
from collections.abc import Iterator

from e2e.tenants import CANARY, JSON, SOLVED_ID, Call, First, Plan, on_one, own, pages, plain
from e2e.whole_desk import OWN, WholeDesk


def _article(first: First, _desk: WholeDesk) -> Iterator[Call]:
    for article in first.articles:
        for name in (article, article.upper(), article.replace("-", ""), f"{article}?published=true"):
            yield Call(f"/v1/articles/{name}", refused=True)


def _import(_first: First, _desk: WholeDesk) -> Iterator[Call]:
    mine = {"title": "Unjam", "body": "Open the lid"}
    yield Call("/v1/articles/import", json.dumps({"articles": {"first": mine}, "publish": True}).encode(), JSON)
    broken = {"articles": {"first": mine | {"title": ""}}}
    yield Call("/v1/articles/import", json.dumps(broken).encode(), JSON)


def _worklist(first: First, _desk: WholeDesk) -> Iterator[Call]:
    for query in ("", "?limit=500", "?state=draft", f"?owner={CANARY}", "?overdue=true", f"?tenant={OWN}"):
        yield Call(f"/v1/articles/worklist{query}")
    yield from (Call(f"/v1/articles/worklist?after={article}") for article in first.articles)


def _found(path: str) -> Plan:
    def plan(_first: First, _desk: WholeDesk) -> Iterator[Call]:
        for query in (f"q={CANARY}", "q=Unjam", "q=lid&limit=20", f"q={CANARY}&audience=requester", "q="):
            yield Call(f"{path}?{query}")

    return plan


def _proposed(first: First, _desk: WholeDesk) -> Iterator[Call]:
    for query in ("", "?limit=500", f"?after={first.tickets[-1]}", "?after=ffffffff-ffff-ffff-ffff-ffffffffffff"):
        yield Call(f"/v1/articles/proposed{query}")


def _write(_first: First, _desk: WholeDesk) -> Iterator[Call]:
    yield Call("/v1/articles", json.dumps({"title": "Unjam", "body": "Open the lid"}).encode(), JSON)


def _solve(first: First, _desk: WholeDesk) -> Iterator[Call]:
    for article in first.articles:
        body = json.dumps({"id": SOLVED_ID, "article_id": article}).encode()
        yield Call("/v1/suggest/solved", body, JSON, refused=True)


def _synonyms(_first: First, _desk: WholeDesk) -> Iterator[Call]:
    body = json.dumps({"based_on": 0, "languages": {"en": [["mine", "own"]]}}).encode()
    yield Call("/v1/synonyms", body, JSON)


def _accept(first: First, _desk: WholeDesk) -> Iterator[Call]:
    body = json.dumps({"by": f"ann-{CANARY}", "answer": first.answers[0]}).encode()
    for name in first.questions:
        yield Call(f"/v1/community/questions/{name}/acceptance", body, JSON, refused=True)


def _order(first: First, _desk: WholeDesk) -> Iterator[Call]:
    body = json.dumps({"requester": {"party": f"ann-{CANARY}"}, "answers": {}}).encode()
    for name in first.services:
        yield Call(f"/v1/catalogue/{name}/orders", body, JSON | {"Idempotency-Key": "first"}, refused=True)


KNOWLEDGE_PLANS: dict[tuple[str, str], Plan] = {
    # First: what the other tenant itself looks for in vain further down stands there afterwards.
    ("GET", "/v1/articles/unanswered"): plain("/v1/articles/unanswered?limit=500"),
    ("GET", "/v1/articles/search"): _found("/v1/articles/search"),
    ("POST", "/v1/articles"): _write,
    ("GET", "/v1/articles/proposed"): _proposed,
    ("GET", "/v1/insight/shift-left"): plain("/v1/insight/shift-left"),
    ("GET", "/v1/articles/{article_id}"): _article,
    ("PUT", "/v1/articles/{article_id}"): on_one("/v1/articles/{}", "articles", title="Mine", body="Mine", based_on=1),
    ("PATCH", "/v1/articles/{article_id}"): on_one("/v1/articles/{}", "articles", owner="mine"),
    ("GET", "/v1/articles/worklist"): _worklist,
    ("POST", "/v1/articles/import"): _import,
    ("GET", "/v1/articles/{article_id}/revisions"): on_one("/v1/articles/{}/revisions", "articles"),
    ("GET", "/v1/articles/{article_id}/revisions/{revision}"): on_one("/v1/articles/{}/revisions/1", "articles"),
    ("GET", "/v1/articles/{article_id}/diff"): on_one("/v1/articles/{}/diff?from=1&to=2", "articles"),
    ("POST", "/v1/articles/{article_id}/submit"): on_one("/v1/articles/{}/submit", "articles"),
    ("POST", "/v1/articles/{article_id}/withdraw"): on_one("/v1/articles/{}/withdraw", "articles"),
    ("POST", "/v1/articles/{article_id}/send-back"): on_one("/v1/articles/{}/send-back", "articles", reason="mine"),
    ("POST", "/v1/articles/{article_id}/publish"): on_one("/v1/articles/{}/publish", "articles"),
    ("POST", "/v1/articles/{article_id}/retire"): on_one("/v1/articles/{}/retire", "articles"),
    ("GET", "/v1/suggest"): _found("/v1/suggest"),
    ("POST", "/v1/suggest/solved"): _solve,
    ("GET", "/v1/insight/deflection"): plain("/v1/insight/deflection"),
    ("GET", "/v1/synonyms"): plain("/v1/synonyms"),
    ("PUT", "/v1/synonyms"): _synonyms,
    ("GET", "/v1/articles/attention"): pages("/v1/articles/attention", "articles"),
    ("GET", "/v1/articles/{article_id}/record"): on_one("/v1/articles/{}/record", "articles"),
    ("POST", "/v1/articles/{article_id}/feedback"): on_one(
        "/v1/articles/{}/feedback", "articles", helpful=False, by=f"ann-{CANARY}"
    ),
    ("GET", "/v1/catalogue"): pages("/v1/catalogue", "services"),
    ("GET", "/v1/catalogue/{item}"): on_one("/v1/catalogue/{}", "services"),
    ("PUT", "/v1/catalogue/{item}"): own("/v1/catalogue/mine", name="Mine", form={"type": "object"}, category="other"),
    ("POST", "/v1/catalogue/{item}/orders"): _order,
    ("GET", "/v1/catalogue/orders/{order_id}"): on_one("/v1/catalogue/orders/{}", "orders"),
    ("GET", "/v1/community/questions"): pages("/v1/community/questions", "questions"),
    ("POST", "/v1/community/questions"): own("/v1/community/questions", by="ann", title="Mine", body="Mine"),
    ("GET", "/v1/community/questions/{question_id}"): on_one("/v1/community/questions/{}", "questions"),
    ("GET", "/v1/community/questions/{question_id}/answers"): on_one("/v1/community/questions/{}/answers", "questions"),
    ("POST", "/v1/community/questions/{question_id}/answers"): on_one(
        "/v1/community/questions/{}/answers", "questions", by="ann", body="Mine"
    ),
    ("PUT", "/v1/community/questions/{question_id}/acceptance"): _accept,
    ("POST", "/v1/community/questions/{question_id}/promote"): on_one(
        "/v1/community/questions/{}/promote", "questions"
    ),
    ("PUT", "/v1/community/posts/{post_id}/vote"): on_one("/v1/community/posts/{}/vote", "answers", by="zoe", up=True),
    ("POST", "/v1/community/posts/{post_id}/reports"): on_one(
        "/v1/community/posts/{}/reports", "answers", by="zoe", reason="Mine"
    ),
    ("POST", "/v1/community/posts/{post_id}/approve"): on_one("/v1/community/posts/{}/approve", "answers"),
    ("POST", "/v1/community/posts/{post_id}/remove"): on_one("/v1/community/posts/{}/remove", "answers", reason="Mine"),
    ("GET", "/v1/community/posts/{post_id}/log"): on_one("/v1/community/posts/{}/log", "questions"),
    ("GET", "/v1/community/moderation"): pages("/v1/community/moderation", "questions"),
    ("GET", "/v1/community/settings"): plain("/v1/community/settings"),
    ("PUT", "/v1/community/settings"): own("/v1/community/settings", hold_first="none"),
}
