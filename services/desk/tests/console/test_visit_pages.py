"""The pages of visits and repairs, over HTTP, by forms alone."""

import re
from datetime import timedelta

SECRET = "12 Secret <Street>"


def csrf_of(page) -> str:
    return re.search(r'name="csrf" value="([^"]+)"', page.text)[1]


def action_of(page, tail: str) -> str:
    return re.search(rf'action="(/[a-z]+/[^"]+/{tail})"', page.text)[1]


async def test_a_visit_is_planned_moved_and_ended_by_forms_that_keep_what_was_typed(desk, offered, sign_in, now):
    offer = offered()
    work = await desk.offer(offer)
    visitor = await sign_in("ann", "agent")
    page = await visitor.get(f"/works/{work}")
    assert "Plan a visit" not in page.text
    await visitor.post(f"/works/{work}/claim", data={"csrf": csrf_of(page)})
    page = await visitor.get(f"/works/{work}")
    seen = re.search(r'name="seen" value="(\d+)"', page.text)[1]
    own = {"csrf": csrf_of(page), "assignment_id": str(work), "seen": seen}
    day = f"{now + timedelta(days=1):%Y-%m-%d}"
    asked = {"address": SECRET, "technician": "Theo", "starts": f"{day}T09:00", "ends": f"{day}T08:00", "note": "Fan"}
    wrong = await visitor.post("/visits", data=own | asked)
    assert wrong.status_code == 422
    assert "A visit ends after it starts" in wrong.text
    assert "12 Secret &lt;Street&gt;</textarea>" in wrong.text
    assert f'value="{seen}"' in wrong.text
    good = own | asked | {"ends": f"{day}T11:00"}
    assert (await visitor.post("/visits", data=good)).status_code == 303
    twice = await visitor.post("/visits", data=good)
    assert twice.status_code == 409
    assert "More was said of it since you looked" in twice.text
    agenda = await visitor.get("/visits")
    assert "12 Secret &lt;Street&gt;" in agenda.text
    assert "TD-TEST-0001" in agenda.text
    page = await visitor.get(f"/works/{work}")
    assert "Waits for a visit" in page.text
    token = re.search(r'name="token" value="(\d+)"', page.text)[1]
    moved = asked | {"csrf": csrf_of(page), "token": token, "starts": f"{day}T13:00", "ends": f"{day}T14:00"}
    assert (await visitor.post(action_of(page, "move"), data=moved)).status_code == 303
    stale = await visitor.post(action_of(page, "end"), data={**moved, "outcome": "done", "note": "A new fan"})
    assert stale.status_code == 409
    assert "ann has changed it since you looked" in stale.text
    assert "A new fan</textarea>" in stale.text
    again = {"csrf": csrf_of(page), "token": "2", "outcome": "done", "note": "A new fan"}
    nothing = await visitor.post(action_of(page, "end"), data=again | {"outcome": "maybe"})
    assert nothing.status_code == 422
    assert (await visitor.post(action_of(page, "end"), data=again)).status_code == 303
    page = await visitor.get(f"/works/{work}")
    assert "A new fan" in page.text
    assert "Waits for a visit" not in page.text
    assert "Nobody goes anywhere." in (await visitor.get("/visits")).text


async def test_a_device_is_sent_and_found_by_its_number(desk, offered, sign_in):
    work = await desk.offer(offered())
    visitor = await sign_in("ann", "agent")
    page = await visitor.get("/visits")
    own = {"csrf": csrf_of(page), "assignment_id": str(work)}
    await visitor.post(f"/works/{work}/claim", data=own)
    assert (await visitor.post("/repairs", data=own | {"depot": "Acme"})).status_code == 422
    assert (await visitor.post("/repairs", data=own | {"device": "Laptop", "depot": "Acme"})).status_code == 303
    page = await visitor.get(f"/works/{work}")
    number = re.search(r"DR-[0-9A-Z]{4}-[0-9A-Z]{4}", page.text)[0]
    assert f"The return number is {number}" in page.text
    step = {"csrf": csrf_of(page), "token": "1", "stage": "sent", "carrier_reference": "1Z 999"}
    skipped = await visitor.post(action_of(page, "steps"), data=step | {"stage": "back"})
    assert skipped.status_code == 409
    assert (await visitor.post(action_of(page, "steps"), data=step)).status_code == 303
    found = await visitor.get("/visits", params={"number": number.lower().replace("-", " ")})
    assert "1Z 999" in found.text
    assert "No device is known here" in (await visitor.get("/visits", params={"number": "DR-0000"})).text
