"""Whose webhook it is, also where somebody has written the secrets file by hand."""

import json
from datetime import UTC, datetime

import pytest

from tierdesk_runtime.problems import ProblemError
from tierdesk_runtime.secrets import Secrets
from tierdesk_runtime.signatures import sign
from tierdesk_runtime.webhook_secrets import WebhookSecrets

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
BODY = b"{}"


@pytest.fixture
def secrets(tmp_path):
    return Secrets.create(tmp_path / "secrets.json")


def written(secrets, **by_tenant):
    """What is known when these secrets stand in the file."""
    document = json.loads(secrets.path.read_text())
    document["webhook_secrets"]["vendor.printers"] = by_tenant
    secrets.path.write_text(json.dumps(document))
    return WebhookSecrets(Secrets.load(secrets.path))


def test_a_secret_that_two_tenants_share_signs_for_neither(secrets):
    secret = secrets.add_webhook_secret("main", "vendor.printers")
    known = written(secrets, main=[secret], other=[secret])
    with pytest.raises(ProblemError) as refused:
        known.authenticate("vendor.printers", sign(secret, "one", NOW, BODY), BODY, NOW, unknown="")
    assert refused.value.status == 401


def test_a_secret_that_is_none_locks_out_no_other_tenants_vendor(secrets):
    secret = secrets.add_webhook_secret("main", "vendor.printers")
    known = written(secrets, another=["whsec_none"], main=[secret])
    assert known.authenticate("vendor.printers", sign(secret, "one", NOW, BODY), BODY, NOW, unknown="").tenant == "main"
    with pytest.raises(ProblemError):
        known.authenticate("vendor.printers", {}, BODY, NOW, unknown="")
