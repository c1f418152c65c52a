"""Links: used once, for one request, for a while; asked for without telling what there is."""

import pytest

from tierdesk_desk.store.links import MOST_OF_TICKET

HOME = "/portal/requests"


@pytest.fixture
async def arrive(open_browser):
    async def build(path):
        visitor = open_browser()
        return visitor, await visitor.post(path)

    return build


async def test_looking_at_a_link_uses_nothing_up_and_pressing_its_button_uses_it_up(
    report, links, person, open_browser, arrive
):
    ticket = await report()
    path = await links.make(person("amy"), ticket)
    scanner = open_browser()
    for _ in range(3):
        page = await scanner.get(path)
        assert (page.status_code, "Show my request" in page.text) == (200, True)
        assert "It smokes" not in page.text
        assert "set-cookie" not in page.headers
    visitor, came = await arrive(path)
    assert (came.status_code, came.headers["location"]) == (303, f"{HOME}/{ticket}")
    assert "HttpOnly" in came.headers["set-cookie"]
    assert "It smokes" in (await visitor.get(f"{HOME}/{ticket}")).text
    again, refused = await arrive(path)
    assert refused.status_code == 410
    assert (await again.get(f"{HOME}/{ticket}")).status_code == 303
    assert (await scanner.get(path)).status_code == 410


async def test_the_token_stands_nowhere_in_the_database(report, links, person, database, arrive, desk):
    path = await links.make(person("amy"), await report())
    visitor, _ = await arrive(path)
    tokens = {path.rpartition("/")[2], visitor.client.cookies.get("tierdesk-link")}
    async with database.read() as connection:
        for table in ("link", "guest", "audit"):
            rows = (await connection.exec_driver_sql(f"SELECT * FROM desk.{table}")).all()
            assert not [token for token in tokens if token in repr(rows)]


async def test_a_link_and_a_stay_end_by_themselves(report, links, person, database, arrive, open_browser):
    ticket = await report()
    late, in_time = [await links.make(person("amy"), ticket) for _ in range(2)]
    visitor, _ = await arrive(in_time)
    async with database.transaction() as tx:
        for table in ("link", "guest"):
            await tx.connection.exec_driver_sql(f"UPDATE desk.{table} SET expires_at = now() - interval '1 second'")
    _, refused = await arrive(late)
    assert refused.status_code == 410
    assert (await visitor.get(f"{HOME}/{ticket}")).status_code == 303
    assert (await visitor.post(f"{HOME}/{ticket}/cancel")).status_code == 303
    assert not await links.is_good(late.rpartition("/")[2])


async def test_a_stranger_learns_nothing_from_the_pages_of_wrong_links(open_browser):
    visitor = open_browser()
    for token in ("0" * 64, "x", "0" * 65, "%00", "..%2f"):
        answer = await visitor.get(f"/portal/link/{token}")
        assert answer.status_code in {404, 410}, token


async def test_of_one_ticket_only_so_many_links_stand(report, links, person, arrive):
    ticket = await report()
    paths = [await links.make(person("amy"), ticket) for _ in range(MOST_OF_TICKET + 1)]
    assert (await arrive(paths[0]))[1].status_code == 410
    assert (await arrive(paths[1]))[1].status_code == 303


async def test_another_site_cannot_press_the_button(report, links, person, open_browser):
    path = await links.make(person("amy"), await report())
    visitor = open_browser()
    answer = await visitor.client.post(path, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert await links.is_good(path.rpartition("/")[2])


async def test_a_new_link_goes_to_the_known_address_alone_and_the_answer_is_always_the_same(
    report, open_browser, sent, desk
):
    ticket = await report()
    reference = f"td-{ticket[:4]}"
    answers = set()
    for asked, address in (
        (reference, "ANN@example.org"),
        (reference, "eve@example.org"),
        ("TD-0000-0000", "ann@example.org"),
        ("'; --", "x@y"),
    ):
        answer = await open_browser().post("/portal/links", reference=asked, address=address)
        answers.add((answer.status_code, answer.headers["location"], answer.headers["set-cookie"], answer.text))
    assert len(answers) == 1
    (link,) = sent
    assert (link.request.ticket, link.email) == (ticket, "ann@example.org")
    assert (await open_browser().post(link.path)).headers["location"] == f"{HOME}/{ticket}"


async def test_what_no_reference_or_address_holds_is_told_by_its_field(open_browser, sent):
    for fields in ({"reference": "TD\x00", "address": "a@b"}, {"reference": "TD-1", "address": "a\x00@b"}):
        answer = await open_browser().post("/portal/links", **fields)
        assert answer.status_code == 422
        assert "cannot be kept" in answer.text
    assert sent == []


async def test_who_asks_for_links_again_and_again_is_answered_and_gets_no_more(report, open_browser, sent):
    ticket = await report()
    for _ in range(8):
        asked = await open_browser().post("/portal/links", reference=f"TD-{ticket[:4]}", address="ann@example.org")
        assert asked.status_code == 303
    assert len(sent) == 3


async def test_an_agent_makes_a_link_of_the_work_at_hand_and_the_audit_tells(
    signed_in, report, desk, offered, database, arrive, others
):
    others.answers["GET /v1/events/attachments"] = (200, {"attachments": []})
    amy = await signed_in("amy", "agent:l1")
    offer = offered()
    ticket = await report()
    offer = offer.model_copy(update={"subject": ticket})
    assignment = await desk.offer(offer)
    page = await amy.post(f"/works/{assignment}/link")
    assert page.status_code == 200
    path = page.text.partition('value="http://desk')[2].partition('"')[0]
    _, came = await arrive(path)
    assert came.headers["location"] == f"{HOME}/{ticket}"
    async with database.read() as connection:
        rows = (await connection.exec_driver_sql("SELECT actor, action FROM desk.audit")).all()
    assert ("person:amy", "link.made") in [tuple(row) for row in rows]
    assert "Make a link" in (await amy.get(f"/works/{assignment}")).text
    for name, grants in (("ben", ["agent:l2"]), ("lea", ["lead:l1", "agent:l2"])):
        other = await signed_in(name, *grants)
        assert (await other.post(f"/works/{assignment}/link")).status_code == 404
    assert "Make a link" not in (await other.get(f"/works/{assignment}")).text  # she reads it, and works elsewhere
