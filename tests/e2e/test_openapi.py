"""The OpenAPI document is true: requests made from it by schemathesis are answered as it says, at every endpoint.

`TIERDESK_TEST_EXAMPLES` sets how many requests are made for each operation, then other ones at each run (`make fuzz`).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from e2e import openapi_hooks
from e2e.whole_desk import OWN, WholeDesk, migrated_database, wait_until
from tierdesk_cli.services import DEFINITIONS

_ASKED_FOR = os.environ.get("TIERDESK_TEST_EXAMPLES")
EXAMPLES = int(_ASKED_FOR or 4)
SEED = [] if _ASKED_FOR else ["--seed", "1"]
THINNED = (
    ""
    if _ASKED_FOR
    else """
# What a path has no such method for is refused by one place for all of them.
[phases.coverage]
unexpected-methods = ["PATCH", "DELETE"]
"""
)
UNCHECKED = ("ensure_resource_availability", *(() if _ASKED_FOR else ("ignored_auth",)))
"""The first is part of `what_is_made_is_there`. Whether nobody is let in, test_bad_identities.py asks of each endpoint too."""
SECONDS = 480 + 24 * EXAMPLES
"""Beyond that it hangs."""

CONFIG = """
continue-on-failure = true
request-timeout = 20

[auth.openapi.key]
bearer = "{key}"

[auth.openapi.session]
api_key = "{session}"

[auth.openapi.signature]
api_key = "{sign_here}"

[generation]
database = "none"
no-shrink = true
# NUL is no text, and no schema says so: the corpus has it (corpus/bodies.py).
allow-x00 = false

[dictionaries.tickets]
values = {tickets}

[dictionaries.ticket_ids]
values = {ticket_ids}

[dictionaries.vendors]
values = ["supplier"]

[parameters]
"path.ticket" = {{ dictionary = "tickets", probability = 0.5 }}
"query.ticket" = {{ dictionary = "ticket_ids", probability = 0.5 }}
"path.vendor" = {{ dictionary = "vendors", probability = 0.5 }}

[phases.stateful]
max-steps = 4

[phases.stateful.generation]
max-examples = {scenarios}
{thinned}
# Signatures and what is signed are refused alike.
[[operations]]
include-path = "{phone}"
checks.missing_required_header.expected-statuses = [401]

# A tag of another version is well formed, and refused.
[[operations]]
include-path = "/v1/problems/{{problem}}"
include-method = "PATCH"
checks.positive_data_acceptance.expected-statuses = [200, 404, 409, 412]

# What the document calls a form is an object; whether it is one that can be taken, the answer says.
[[operations]]
include-name = "PUT /v1/catalogue/{{item}}"
checks.positive_data_acceptance.expected-statuses = [200, 201, 409, 422]

# A time that ends before it begins is well formed, and refused.
[[operations]]
include-path = "/v1/insight/shift-left"
checks.positive_data_acceptance.expected-statuses = [200, 422]

# A shift that ends before it starts, or of somebody who is not there, is well formed, and refused.
[[operations]]
include-name = "POST /v1/desk/shifts"
checks.positive_data_acceptance.expected-statuses = [201, 409, 422]

# Who signs out does nothing more (services/desk/tests/access).
[[operations]]
include-name = "DELETE /v1/desk/session"
enabled = false

# Nothing ends this answer.
[[operations]]
include-path = "/v1/desk/changes"
enabled = false

# A batch is taken whatever its lines are; the check `lines_are_judged` looks at what each line was answered.
[[operations]]
include-path = "{batch}"
checks.negative_data_rejection.expected-statuses = [200, 400, 401, 403, 413, 415, 422]
"""


@pytest.fixture(scope="module")
def known_tickets(whole_desk: WholeDesk) -> list[str]:
    """Names of a ticket that is open and has clocks, under a policy."""
    with whole_desk.client(OWN) as client:
        policy = openapi_hooks.write_policy("Desk", within_hours=4, tiers=1)
        assert client.put("/v1/policy", content=policy).status_code == 200
        event = {"type": "problem_reported", "requester": {"party": "ann"}, "title": "No mail"}
        posted = client.post("/v1/events", json=event).json()
        wait_until(lambda: client.get(f"/v1/clocks/{posted['ticket']}").status_code == 200, "its clocks run")
        assert client.get(f"/v1/tickets/{posted['ticket']}").status_code == 200
        whole_desk.secrets.add_webhook_secret(OWN, "vendor.supplier")
        assert client.put("/v1/bridge/supplier", json={"url": "https://vendor.example/"}).status_code == 201
    return [posted["ticket"], posted["reference"]]


def make_requests(desk: WholeDesk, folder: Path, tickets: list[str]) -> str:
    """Have schemathesis ask every endpoint of all services; answer its report. A fault fails the test.

    In one run: to load it, and to read the document, takes seconds.
    """
    config = folder / "schemathesis.toml"
    config.write_text(
        CONFIG.format(
            key=desk.keys[OWN],
            session=desk.sessions[OWN]["Cookie"].partition("=")[2],
            sign_here=openapi_hooks.SIGN_HERE,
            tickets=json.dumps(tickets),
            ticket_ids=json.dumps(tickets[:1]),
            phone=openapi_hooks.PHONE_PATH,
            batch=openapi_hooks.BATCH_PATH,
            thinned=THINNED,
            scenarios=len(DEFINITIONS) * EXAMPLES,
        )
    )
    done = subprocess.run(
        [
            Path(sys.executable).with_name("st"), "--config-file", config, "run", f"{desk.url}/openapi.json",
            "--checks", "all", "--exclude-checks", ",".join(UNCHECKED), "--max-examples", str(EXAMPLES), *SEED, "--no-color",
        ],
        check=False,
        cwd=folder,
        env=os.environ
        | {
            "SCHEMATHESIS_HOOKS": "openapi_hooks",
            "PYTHONPATH": str(Path(__file__).parent),
            "TIERDESK_TEST_PHONE_SECRET": desk.phone_secrets[OWN],
            "TIERDESK_TEST_CSRF": desk.sessions[OWN]["X-CSRF-Token"],
            "TIERDESK_TEST_ACCOUNTS": " ".join(desk.accounts[OWN]),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-5_000:]
    return done.stdout


@pytest.mark.timeout(SECONDS + 60)
def test_every_answer_is_as_the_document_says(whole_desk, known_tickets, tmp_path):
    report = make_requests(whole_desk, tmp_path, known_tickets)
    print(report)
    selected = re.search(r"Selected: (\d+)/", report)
    assert selected is not None, report
    assert re.search(rf"Tested: {selected[1]}\n", report), report


@pytest.mark.parametrize("service", DEFINITIONS)
def test_a_service_by_itself_describes_what_it_does_in_the_desk(whole_desk, database_server, tmp_path, service):
    with migrated_database(database_server) as url:
        alone = WholeDesk(tmp_path, url, tenants=(OWN,), services=(service,))
        alone.start()
        try:
            own = described(alone)
        finally:
            alone.stop()
    prefixes = DEFINITIONS[service].paths
    assert own == {path: item for path, item in described(whole_desk).items() if path.startswith(prefixes)}


def described(desk: WholeDesk) -> dict[str, object]:
    """The paths of its OpenAPI document, with the schemas that they refer to written out."""
    with desk.client() as nobody:
        document = nobody.get("/openapi.json").json()

    def write_out(value: object) -> object:
        if isinstance(value, list):
            return [write_out(one) for one in value]
        if not isinstance(value, dict):
            return value
        if "$ref" in value:
            return write_out(document["components"]["schemas"][value["$ref"].rpartition("/")[2]])
        return {name: write_out(one) for name, one in value.items() if name != "mapping"}

    return {path: write_out(item) for path, item in document["paths"].items()}
