"""`tierdesk vendor webhook`: as an operator types it, on a desk that runs."""

import json

import pytest

from tierdesk_cli.examples import sample_policy
from tierdesk_policy import load_policy_file
from tierdesk_runtime.secrets import Secrets

URL = "https://vendor.example/hook"


@pytest.fixture
def webhook(desk, tierdesk):
    """`tierdesk vendor webhook` on the desk; in the end the vendor has none."""

    def run(*arguments, **settings):
        return tierdesk("vendor", "webhook", *arguments, "--data", desk.folder, **settings)

    yield run
    run("remove", vendor_of_the_policy())


def vendor_of_the_policy():
    return load_policy_file(sample_policy()).vendors[0].id


@pytest.fixture
def name():
    return vendor_of_the_policy()


def secrets_of(desk, name):
    return Secrets.load(desk.folder / "secrets.json").webhook_secrets(f"vendor.{name}").get("main", ())


def test_a_webhook_is_set_shown_and_removed_and_its_secret_told_once(webhook, desk, name):
    done = webhook("set", name, URL)
    assert (done.code, done.err) == (0, "")
    assert secrets_of(desk, name) == (done.out.strip(),)
    assert done.out.startswith("whsec_")
    again = webhook("set", name, f"{URL}/2")
    assert again.code == 0
    assert "whsec_" not in again.out
    shown = json.loads(webhook("show", name, "--json").out)
    assert (shown["url"], shown["enabled"]) == (f"{URL}/2", True)
    assert webhook("show", name).out.splitlines()[0] == f"{name}  {URL}/2"
    assert webhook("remove", name).out == f"{name} gets no webhooks, and its answers are refused.\n"
    assert secrets_of(desk, name) == ()
    webhook("show", name).check_one_line(1)


def test_a_secret_is_rotated_in_two_steps(webhook, desk, name, tmp_path):
    webhook("rotate", name).check_one_line(1)
    old = webhook("set", name, URL).out.strip()
    file = tmp_path / "new.secret"
    assert "whsec_" not in webhook("rotate", name, "--out", file).out
    new = file.read_text().strip()
    assert secrets_of(desk, name) == (old, new)
    assert webhook("rotate", name, "--finish").out == f"1 older secrets of {name} are forgotten.\n"
    assert secrets_of(desk, name) == (new,)
    assert webhook("rotate", name, "--finish").out == f"{name} has one secret.\n"


@pytest.mark.parametrize(
    ("url", "code"), [("http://vendor.example/", 1), ("https://127.0.0.1/", 1), ("file:///etc/passwd", 1), ("", 1)]
)
def test_a_url_that_is_refused_leaves_no_secret_behind(webhook, desk, name, url, code):
    assert "url" in webhook("set", name, url).check_one_line(code)
    assert secrets_of(desk, name) == ()


def test_a_vendor_that_the_policy_does_not_name_gets_none(webhook, desk):
    assert "names no vendor 'nobody'" in webhook("set", "nobody", URL).check_one_line(2)
    assert secrets_of(desk, "nobody") == ()


def test_deliveries_are_listed_and_what_failed_is_sent_again(webhook, desk, name):
    webhook("set", name, URL)
    webhook("retry", name, "01890000-0000-7000-8000-000000000001").check_one_line(1)
    assert webhook("deliveries", name).code == 0
    assert json.loads(webhook("deliveries", name, "--state", "failed", "--json").out) == []
    webhook("deliveries", name, "--state", "lost").check_one_line(1)
    assert json.loads(webhook("enable", name, "--json").out)["enabled"] is True
