"""The page of the people and the control in each header, over HTTP, without script."""

import re

import pytest

from tierdesk_contracts import outcome as outcomes
from tierdesk_desk.accounts import Accounts
from tierdesk_desk.domain.accounts import read_grant
from tierdesk_runtime.clock import SystemClock
from tierdesk_runtime.identifiers import Identifiers

SHIFT = {"person": "ana", "place": "l1/front", "starts": "2026-03-02T09:00", "ends": "2026-03-02T17:00"}


def csrf_of(page):
    return re.search(r'name="csrf" value="([^"]+)"', page.text)[1]


@pytest.fixture
def add(database, hashing):
    async def build(name, *grants, tenant="main", **fields):
        accounts = Accounts(database, hashing, SystemClock(), Identifiers())
        await accounts.add(tenant, name, by="desk", grants=[read_grant(one) for one in grants], **fields)

    return build


async def test_the_control_says_how_one_is_and_leads_back_to_the_page(sign_in):
    client = await sign_in("ann", "agent")
    page = await client.get("/queue/l1/front?held=true")
    assert re.search(r'value="away" aria-pressed="true"', page.text)
    told = {"csrf": csrf_of(page), "state": "available"}
    (back,) = re.findall(r'name="next" value="([^"]*)"', page.text)
    answer = await client.post("/presence", data=told | {"next": back})
    assert (answer.status_code, answer.headers["location"]) == (303, "/queue/l1/front?held=true")
    page = await client.get("/")
    assert re.search(r'value="available" aria-pressed="true"', page.text)
    assert page.text.count('aria-pressed="true"') == 1
    assert (await client.post("/presence", data=told | {"next": "//evil.example"})).headers["location"] == "/"
    assert (await client.post("/presence", data=told | {"state": "asleep"})).status_code == 422
    assert (await client.post("/presence", data={"state": "busy"})).status_code == 403


async def test_who_works_nothing_has_no_control(sign_in):
    client = await sign_in("lea", "lead")
    page = await client.get("/overview")
    assert 'action="/presence"' not in page.text
    assert (await client.post("/presence", data={"csrf": csrf_of(page), "state": "busy"})).status_code == 403


async def test_the_page_shows_those_first_who_leave_work_alone(desk, offered, person, add, sign_in):
    for name in ("ana", "bob"):
        await add(name, "agent:l1", display_name=f"{name.capitalize()} <b>")
    await add("cai", "agent:l2", display_name="Cai")
    await add("dee", "agent", tenant="other", display_name="Dee")
    one = await desk.offer(offered())
    await desk.board.claim(person("bob"), one)
    page = await (await sign_in("lea", "lead:l1")).get("/people")
    assert page.status_code == 200
    names = re.findall(r"data-row>([^<]*)</a>", page.text)
    assert names == ["Bob &lt;b&gt;", "Ana &lt;b&gt;"]
    assert "tickets of people who are not there" in page.text
    assert page.text.count("person--alone") == 1
    assert "nothing new for" in page.text


async def test_a_shift_is_added_and_removed_and_a_fault_keeps_what_was_typed(desk, add, sign_in):
    await add("ana", "agent:l1/front")
    await add("bob", "agent:l2")
    client = await sign_in("lea", "lead:l1")
    form = SHIFT | {"csrf": csrf_of(await client.get("/people"))}
    for wrong, field, told in (
        ({"person": ""}, "person", "Fill this in."),
        ({"person": "bob"}, "person", "This person does not work this group."),
        ({"place": "l2/networks"}, "place", "Choose one of the list."),
        ({"starts": "soon"}, "starts", "Give a date and a time."),
        ({"ends": "2026-03-02T09:00"}, "ends", "It ends after it starts"),
        ({"ends": "2026-03-22T09:00"}, "ends", "It ends after it starts"),
    ):
        answer = await client.post("/people/shifts", data=form | wrong)
        assert answer.status_code == 422, wrong
        assert f'id="shift-{field}-fault">{told}' in answer.text, wrong
        if "starts" not in wrong:
            assert 'value="2026-03-02T09:00"' in answer.text
    done = await client.post("/people/shifts", data=form)
    assert (done.status_code, done.headers["location"]) == (303, "/people#shifts")
    page = await client.get("/people")
    assert "The shift is added." in page.text
    assert (await client.post("/people/shifts", data=form)).status_code == 409
    (remove,) = re.findall(r'action="(/people/shifts/[^"]+/remove)"', page.text)
    assert (await client.post(remove, data={"csrf": form["csrf"]})).status_code == 303
    assert (await client.post(remove, data={"csrf": form["csrf"]})).status_code == 404
    assert "/remove" not in (await client.get("/people")).text


async def test_what_somebody_solved_is_shown_with_what_follows_from_it(desk, offered, person, add, sign_in):
    await add("ana", "agent")
    ana = person("ana")
    for number in range(12):
        one = await desk.offer(offered(place=("l2", "networks"), category="network"))
        await desk.board.claim(ana, one)
        step = (
            (outcomes.WorkResolved, {"how": "Done."})
            if number < 11
            else (outcomes.WorkEscalated, {"reason": "recurring"})
        )
        await desk.board.say(ana, one, *step)
    client = await sign_in("lea", "lead:l2")
    for path in ("/people", "/people/ana"):
        page = await client.get(path)
        assert "ana could have the skill wireless." in page.text
        assert "92%" in page.text
    for name in ("lea", "nobody", "%00"):
        assert (await client.get(f"/people/{name}")).status_code == 404


async def test_what_was_given_says_so_to_the_owner(desk, offered, person, sign_in):
    from tierdesk_desk.domain.work import push
    from tierdesk_desk.store.works import lock_works, save_works

    one = await desk.offer(offered("A title"))
    key = ("main", one)
    async with desk.database.transaction() as tx:
        before = (await lock_works(tx.connection, [key]))[key]
        work, _ = push(before, "ann", desk.clock.now())
        await save_works(tx.connection, {key: before}, [work])
    client = await sign_in("ann", "agent")
    for path in ("/", f"/works/{one}"):
        assert "Assigned to you" in (await client.get(path)).text
