"""Following one's own requests: what is shown, said, sent and rated."""

from datetime import timedelta
from uuid import uuid4

import pytest

from tierdesk_contracts import ticket as events
from tierdesk_contracts.intake import AttachedFile
from tierdesk_contracts.vocabulary import Actor, ActorKind, PauseParty, Status
from tierdesk_desk.console.neighbours import KEY_REUSED

REQUESTER = Actor(kind=ActorKind.REQUESTER, id="somebody")
DESK = Actor(kind=ActorKind.DESK, id="desk")
WORKER = Actor(kind=ActorKind.WORKER, id="amy-secret")
SECRET = "a-secret-of-the-desk"
FILE = b"\x89PNG and so on"
USED = {"type": KEY_REUSED, "errors": [{"field": "Idempotency-Key", "message": "used before, with another body"}]}


def held(kind, sequence, now, **fields):
    return kind(sequence=sequence, at=now, actor=WORKER, assignment_id=uuid4(), **fields)


@pytest.fixture
async def rita(signed_in):
    return await signed_in("rita", "requester", party="ann")


async def test_the_page_tells_what_was_said_in_public_and_nothing_of_who_works_it(report, rita, now):
    ticket = await report(
        held(events.Progressed, 2, now, note=SECRET),
        held(events.Progressed, 3, now, answer="Is the plug in?", note=SECRET),
        held(events.Accepted, 4, now, worker="amy-secret"),
        held(events.Escalated, 5, now, reason="beyond_scope", findings=SECRET, to_tier="l2", to_group="networks"),
        held(events.Paused, 6, now, party=PauseParty.REQUESTER, note=SECRET),
        status=Status.PAUSED,
    )
    page = await rita.get(f"/portal/requests/{ticket}")
    assert page.status_code == 200
    assert '<div class="said quote">Is the plug in?</div>' in page.text
    for word in ("It smokes", "Is the plug in?", "Waits for you", "handed it to somebody who knows more"):
        assert word in page.text
    for word in (SECRET, "amy-secret", "networks", "l2"):
        assert word not in page.text.replace("l2>", "")


async def test_own_requests_are_listed_open_and_over_and_page_by_page(report, rita, message_of, desk, now):
    own = {await report(title=f"Mine {number}") for number in range(23)}
    over = await report(title="Mine is over", status=Status.CANCELLED)
    await report(title="Of somebody else", party="bob")
    await report(title="Of another tenant", tenant="other")
    first = await rita.get("/portal/requests")
    following = first.text.partition("?after=")[2].partition('"')[0]
    second = await rita.get(f"/portal/requests?after={following}")
    shown = [text.count('href="/portal/requests/') for text in (first.text, second.text)]
    assert shown == [20, 3]
    listed = {one for one in own if one in first.text + second.text}
    assert listed == own
    for text in (first.text, second.text):
        assert "Of " not in text
        assert over not in text
    done = await rita.get("/portal/requests?over=true")
    assert over in done.text
    assert "Mine 1<" not in done.text
    for wrong in ("x", "1~2", "-1~" + str(uuid4())):
        assert (await rita.get(f"/portal/requests?after={wrong}")).status_code == 404


async def test_a_reply_goes_to_intake_with_its_files_which_are_named_by_it(report, rita, others):
    ticket = await report()
    await rita.get(f"/portal/requests/{ticket}")
    large = b"x" * 700_000
    files = [("files", ("a.png", FILE)), ("files", ("b.txt", large))]
    for _ in range(2):  # a repeated form is one reply
        answer = await rita.post(f"/portal/requests/{ticket}/reply", files=files, text="Two pictures\r\nof it")
        assert answer.status_code == 303
        assert answer.headers["location"] == f"/portal/requests/{ticket}"
    told = [body for _, path, body in others.heard if path == "/v1/events"]
    assert told[0]["text"] == "Two pictures\nof it"
    assert told[0]["ticket"] == ticket
    assert [others.files[one] for one in told[0]["attachments"]] == [FILE, large]
    keys = [key for key in others.keys if key]
    assert keys[:3] == keys[3:]
    assert len(set(keys)) == 3


@pytest.mark.parametrize(("status", "says"), [(413, "larger"), (415, "this kind"), (409, "No more files")])
async def test_a_file_that_is_refused_is_told_by_its_field_and_the_words_are_kept(status, says, report, rita, others):
    others.answers["POST /v1/events/attachments"] = (status, {"title": "No"})
    ticket = await report()
    await rita.get(f"/portal/requests/{ticket}")
    files = [("files", ("a.exe", b"MZ"))]
    answer = await rita.post(f"/portal/requests/{ticket}/reply", files=files, text="My words <b>")
    assert answer.status_code == 422
    assert says in answer.text
    assert "My words &lt;b&gt;" in answer.text
    assert not [path for _, path, _ in others.heard if path == "/v1/events"]


async def test_what_was_written_is_kept_while_intake_is_away(report, rita, others):
    ticket = await report()
    await rita.get(f"/portal/requests/{ticket}")
    key = rita.key
    others.is_away = True
    answer = await rita.post(f"/portal/requests/{ticket}/reply", files=[("files", ("", b""))], text="Do not lose me")
    assert answer.status_code == 503
    assert "Do not lose me" in answer.text
    assert key in answer.text  # it may have been taken: the same key then


async def test_an_empty_reply_and_a_broken_form_are_refused(report, rita, others):
    ticket = await report()
    await rita.get(f"/portal/requests/{ticket}")
    path = f"/portal/requests/{ticket}/reply"
    empty = await rita.post(path, files=[("files", ("", b""))], text="  ")
    assert empty.status_code == 422
    assert "Write something" in empty.text
    for content, kind in (
        (b"a=b", "application/x-www-form-urlencoded"),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
    ):
        broken = await rita.client.post(path, content=content, headers={"Content-Type": kind})
        assert broken.status_code in {400, 403}
    long = await rita.post(path, files=[("files", ("", b""))], text="x" * 400_000)
    assert long.status_code == 413
    assert others.heard == []


async def test_what_is_asked_is_answered_by_facts(report, rita, others, now):
    asks = events.FactsRequested(
        sequence=2, at=now, actor=DESK, missing_facts=("location", "impact"), question="Where, and whom?"
    )
    ticket = await report(asks)
    page = await rita.get(f"/portal/requests/{ticket}")
    assert "Where, and whom?" in page.text
    assert 'name="location"' in page.text
    nothing = await rita.post(f"/portal/requests/{ticket}/facts")
    assert nothing.status_code == 422
    answer = await rita.post(f"/portal/requests/{ticket}/facts", location="Leeds", impact="2", affected="The team")
    assert answer.status_code == 303
    (told,) = [body for _, _, body in others.heard]
    assert told == {
        "type": "facts_told", "location": "Leeds", "affected": "The team", "impact": 2, "ticket": ticket,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("action", "kind", "fields"),
    [
        ("confirm", "confirmed", {}),
        ("reopen", "reopened", {"reason": "It smokes again"}),
        ("cancel", "cancelled", {"reason": "Bought another"}),
    ],
)
async def test_each_step_is_an_event_with_a_key_of_its_own(action, kind, fields, report, rita, others, now):
    ticket = await report(held(events.Resolved, 2, now, how="Off and on"), status=Status.RESOLVED)
    await rita.get(f"/portal/requests/{ticket}")
    answer = await rita.post(f"/portal/requests/{ticket}/{action}", **fields)
    assert answer.status_code == 303
    (told,) = [body for _, _, body in others.heard]
    assert told == {"type": kind, "ticket": ticket} | fields
    assert f"-{action}-{rita.key}" in others.keys[-1]


async def test_reopening_needs_a_reason(report, rita, others, now):
    ticket = await report(held(events.Resolved, 2, now, how="Off and on"), status=Status.RESOLVED)
    await rita.get(f"/portal/requests/{ticket}")
    assert (await rita.post(f"/portal/requests/{ticket}/reopen", reason=" ")).status_code == 422
    assert others.heard == []


async def test_a_key_that_was_used_for_other_words_is_told_and_the_words_stay(report, rita, others):
    ticket = await report()
    await rita.get(f"/portal/requests/{ticket}")
    others.answers["POST /v1/events"] = (422, USED)
    answer = await rita.post(f"/portal/requests/{ticket}/cancel", reason="Other words")
    assert answer.status_code == 409
    assert "Other words" in answer.text
    assert rita.key not in answer.text


async def test_files_are_handed_on_as_bytes_to_be_stored_and_only_those_that_were_told_of(report, rita, now):
    file = AttachedFile(id=uuid4(), file_name="TD-1-1.png", name="<b>.png", media_type="image/png", size_bytes=13)
    told = events.Replied(sequence=2, at=now, actor=REQUESTER, text="See here", attachments=(file,))
    ticket = await report(told)
    page = await rita.get(f"/portal/requests/{ticket}")
    assert "&lt;b&gt;.png" in page.text
    answer = await rita.get(f"/portal/requests/{ticket}/files/{file.id}")
    assert answer.content == FILE
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (await rita.get(f"/portal/requests/{ticket}/files/{uuid4()}")).status_code == 404
    other = await report()
    assert (await rita.get(f"/portal/requests/{other}/files/{file.id}")).status_code == 404


async def test_a_resolution_is_rated_once_and_changed_for_a_while(report, rita, desk, now):
    ticket = await report(held(events.Resolved, 2, now, how="Off and on"), status=Status.RESOLVED)
    path = f"/portal/requests/{ticket}/rating"
    await rita.get(f"/portal/requests/{ticket}")
    assert (await rita.post(path, score="6")).status_code == 422
    assert (await rita.post(path)).status_code == 422
    for score, comment in (("4", "Quick"), ("4", "Quick"), ("2", "It broke again")):
        assert (await rita.post(path, score=score, comment=comment)).status_code == 303
    page = await rita.get(f"/portal/requests/{ticket}")
    assert "You said: Bad" in page.text
    told = [one for one in await desk.sent() if one.type == "request.rated.v1"]
    assert [(one.data.score, one.data.revision, one.data.resolution, one.subject) for one in told] == [
        (4, 1, 2, ticket),
        (2, 2, 2, ticket),
    ]
    desk.clock.advance_to(now + timedelta(days=8))
    late = await rita.post(path, score="5", comment="Much later")
    assert late.status_code == 409
    assert "You rated it: Bad" in (await rita.get(f"/portal/requests/{ticket}")).text


async def test_what_is_merged_into_anothers_request_leads_nowhere(report, rita, now):
    into = await report(party="bob")
    merged = events.Merged(sequence=2, at=now, actor=DESK, into=into, reference="TD-9", reason="Twice")
    ticket = await report(merged, status=Status.MERGED)
    assert into not in (await rita.get(f"/portal/requests/{ticket}")).text
    into = await report()
    merged = events.Merged(sequence=2, at=now, actor=DESK, into=into, reference="TD-9", reason="Twice")
    ticket = await report(merged, status=Status.MERGED)
    assert into in (await rita.get(f"/portal/requests/{ticket}")).text
