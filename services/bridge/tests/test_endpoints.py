"""What operators ask of the bridge."""

import json
from uuid import uuid4

import httpx2
import pytest

from servers.bridges import TLS, VENDOR
from servers.webhooks import Reply
from tierdesk_bridge.settings import BridgeSettings
from tierdesk_runtime.keys import KeyRing
from tierdesk_runtime.settings import SettingsError

URL = "https://vendor.example/hook"


def test_an_endpoint_is_set_shown_changed_and_removed(bridge):
    assert bridge.ask("GET", VENDOR).status_code == 404
    first = bridge.ask("PUT", VENDOR, json={"url": URL})
    assert first.status_code == 201
    assert first.json() == bridge.endpoint()
    told = bridge.endpoint()
    assert (told["vendor"], told["url"], told["enabled"], told["failures"]) == (VENDOR, URL, True, 0)
    assert (told["pending"], told["delivered"], told["failed"]) == (0, 0, 0)
    assert bridge.ask("PUT", VENDOR, json={"url": f"{URL}/2"}).status_code == 200
    assert bridge.endpoint()["url"] == f"{URL}/2"
    assert [bridge.ask("DELETE", VENDOR).status_code for _ in range(2)] == [204, 404]
    for method, path in (
        ("GET", VENDOR),
        ("POST", f"{VENDOR}/enable"),
        ("GET", f"{VENDOR}/deliveries"),
    ):
        assert bridge.ask(method, path).status_code == 404


@pytest.mark.parametrize(
    "url",
    [
        "http://8.8.8.8/",
        "file:///etc/passwd",
        "https://10.0.0.1/",
        "https://[::ffff:10.0.0.1]/",
        "https://a@b/",
        "",
        "x",
    ],
)
def test_a_url_that_leads_elsewhere_is_refused_with_its_field(bridge, url):
    answer = bridge.ask("PUT", VENDOR, json={"url": url})
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/problem+json")
    assert [fault["field"] for fault in answer.json()["errors"]] == ["url"]
    assert bridge.ask("GET", VENDOR).status_code == 404


def test_a_vendor_without_a_secret_gets_no_endpoint_and_one_made_just_now_counts(bridge):
    refused = bridge.ask("PUT", "phones", json={"url": URL})
    assert refused.status_code == 409
    assert "tierdesk vendor webhook set phones URL" in refused.json()["detail"]
    bridge.secrets.add_webhook_secret("main", "vendor.phones")
    assert bridge.ask("PUT", "phones", json={"url": URL}).status_code == 201


def test_another_tenant_sees_nothing(bridge, receiver):
    receiver.script = lambda _hook: Reply(500)
    bridge.set_url(receiver.url)
    (message_id,) = bridge.offer("t-1")
    bridge.wait_until(bridge.deliveries, "it is taken")
    for method, path in (
        ("GET", VENDOR),
        ("POST", f"{VENDOR}/enable"),
        ("GET", f"{VENDOR}/deliveries"),
        ("POST", f"{VENDOR}/deliveries/{message_id}/retry"),
    ):
        assert bridge.ask(method, path, tenant="other").status_code == 404
    assert bridge.ask("DELETE", VENDOR, tenant="other").status_code == 404
    assert bridge.set_url(URL, tenant="other").status_code == 201
    assert bridge.endpoint()["url"] == receiver.url
    assert bridge.ask("GET", f"{VENDOR}/deliveries", tenant="other").json() == {"deliveries": [], "next": None}


def test_deliveries_come_in_pages_the_newest_first(bridge, receiver):
    bridge.set_url(receiver.url)
    sent = [str(one) for one in bridge.offer(*(f"t-{number}" for number in range(7)))]
    bridge.wait_for_state("delivered", 7)
    seen, query = [], {"limit": 3}
    while True:
        page = bridge.ask("GET", f"{VENDOR}/deliveries", params=query).json()
        assert len(page["deliveries"]) <= 3
        seen += [one["id"] for one in page["deliveries"]]
        if page["next"] is None:
            break
        query["before"] = page["next"]
    assert seen == sent[::-1]
    assert bridge.deliveries(state="pending") == []
    assert len(bridge.deliveries(state="delivered")) == 7
    assert bridge.ask("GET", f"{VENDOR}/deliveries", params={"state": "lost"}).status_code == 422


def test_what_does_not_exist_or_did_not_fail_is_not_sent_again(bridge, receiver):
    bridge.set_url(receiver.url)
    (message_id,) = bridge.offer("t-1")
    bridge.wait_for_state("delivered", 1)
    assert bridge.ask("POST", f"{VENDOR}/deliveries/{message_id}/retry").status_code == 409
    assert bridge.ask("POST", f"{VENDOR}/deliveries/{uuid4()}/retry").status_code == 404


def test_a_key_without_the_scope_gets_nowhere_and_nobody_even_less(bridge):
    key = KeyRing(bridge.secrets).mint("reader", "main", ["tickets:read"])
    with httpx2.Client(base_url=bridge.url, verify=TLS, trust_env=False) as client:
        for method, path in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/enable"), ("GET", "/deliveries")):
            assert client.request(method, f"/v1/bridge/{VENDOR}{path}").status_code == 401
    with httpx2.Client(
        base_url=bridge.url, verify=TLS, trust_env=False, headers={"Authorization": f"Bearer {key}"}
    ) as client:
        bridge.wait_until(
            lambda: client.get(f"/v1/bridge/{VENDOR}").status_code == 403, "the key is known and lacks the scope"
        )


def test_no_answer_and_no_table_holds_a_secret(bridge, receiver):
    bridge.set_url(receiver.url)
    bridge.offer("t-1")
    bridge.wait_for_state("delivered", 1)
    secret = bridge.secret().removeprefix("whsec_")
    told = json.dumps([bridge.endpoint(), bridge.deliveries()])
    kept = str(bridge.query("SELECT e::text FROM bridge.endpoint e UNION ALL SELECT d::text FROM bridge.delivery d"))
    assert secret not in told + kept


def test_networks_that_are_none_are_told_with_their_variable(monkeypatch):
    monkeypatch.setenv("TIERDESK_BRIDGE_PRIVATE_NETWORKS", "10.0.0.0/8, 10.1.0.1/8")
    with pytest.raises(SettingsError, match=r"TIERDESK_BRIDGE_PRIVATE_NETWORKS.*10\.1\.0\.1/8"):
        BridgeSettings.read()
    monkeypatch.setenv("TIERDESK_BRIDGE_PRIVATE_NETWORKS", " 10.0.0.0/8, fd00::/8,")
    assert [str(network) for network in BridgeSettings.read().private_networks] == ["10.0.0.0/8", "fd00::/8"]
    monkeypatch.setenv("TIERDESK_BRIDGE_PRIVATE_NETWORKS", "")
    assert BridgeSettings.read().private_networks == ()
