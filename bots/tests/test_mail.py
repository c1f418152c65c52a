"""Mail by a real relay, and to a folder."""

import email
import email.policy
import socket
import ssl
import subprocess

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from tierdesk_bots.mail import FolderOutbox, Letter, MailError, SmtpOutbox

LETTER = Letter("11111111-2222", "ann@example.org", "Your code (TD-1)", "    1234 5678\n")
SENDER = "desk@example.org"


class Taken:
    """What a relay took; refuses one address."""

    def __init__(self):
        self.letters = []

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's name
        if address.startswith("refused"):
            return f"550 {address} is unknown here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.letters.append((envelope.rcpt_tos, message, session.authenticated))
        return "250 OK"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


@pytest.fixture
def taken():
    return Taken()


@pytest.fixture
def relay(taken):
    controller = Controller(taken, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield f"smtp://127.0.0.1:{controller.port}"
    controller.stop()


def certificate(folder):
    command = [
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
        "-addext", "subjectAltName=DNS:localhost", "-keyout", folder / "key.pem", "-out", folder / "certificate.pem",
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return folder / "certificate.pem", folder / "key.pem"


@pytest.fixture
def tls_relay(taken, tmp_path, monkeypatch):
    files = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*files)
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))

    def authenticate(server, session, envelope, mechanism, data):
        known = (data.login, data.password) == (b"bot", b"secret")
        return AuthResult(success=known, handled=False)  # so that the relay answers what it decided

    controller = Controller(
        taken,
        hostname="localhost",
        port=free_port(),
        ssl_context=context,
        authenticator=authenticate,
        auth_require_tls=False,
    )
    controller.start()
    yield f"smtps://bot@localhost:{controller.port}"
    controller.stop()


def test_a_relay_gets_the_letter_for_its_one_address(relay, taken):
    SmtpOutbox(relay, sender=SENDER).send(LETTER)
    ((recipients, message, _),) = taken.letters
    assert recipients == ["ann@example.org"]
    assert (message["to"], message["from"], message["subject"]) == ("ann@example.org", SENDER, "Your code (TD-1)")
    assert message["message-id"] == "<11111111-2222@example.org>"
    assert message["auto-submitted"] == "auto-generated"
    assert "1234 5678" in message.get_content()


def test_an_address_that_the_relay_refuses_is_not_named_in_the_error(relay):
    refused = Letter("1", "refused@example.org", "x", "x")
    with pytest.raises(MailError, match="SMTPRecipientsRefused") as caught:
        SmtpOutbox(relay, sender=SENDER).send(refused)
    assert "@" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("address", ["ann@example.org\nBcc: thief@example.net", "ann@example.org\r\n\r\nx"])
def test_an_address_with_a_second_line_goes_nowhere(relay, taken, address):
    with pytest.raises(MailError, match="registered address"):
        SmtpOutbox(relay, sender=SENDER).send(Letter("1", address, "x", "x"))
    assert taken.letters == []


def test_a_relay_that_wants_a_user_is_given_one_and_only_over_tls(tls_relay, taken):
    SmtpOutbox(tls_relay, sender=SENDER, password="secret").send(LETTER)
    ((_, _, authenticated),) = taken.letters
    assert authenticated
    with pytest.raises(MailError, match="SMTPAuthenticationError"):
        SmtpOutbox(tls_relay, sender=SENDER, password="wrong").send(LETTER)
    with pytest.raises(ValueError, match="name its file"):
        SmtpOutbox(tls_relay, sender=SENDER)


def test_a_relay_with_a_certificate_of_its_own_making_is_not_believed(tls_relay, taken, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(MailError, match="SSLCertVerificationError"):
        SmtpOutbox(tls_relay, sender=SENDER, password="secret").send(LETTER)
    assert taken.letters == []


@pytest.mark.parametrize("url", ["http://relay", "relay:25", "smtp://", ""])
def test_a_url_of_no_relay_is_refused(url):
    with pytest.raises(ValueError, match="smtp://"):
        SmtpOutbox(url, sender=SENDER)


def test_a_folder_holds_each_letter_once_for_its_owner_alone(tmp_path):
    outbox = FolderOutbox(tmp_path / "out", sender=SENDER)
    outbox.send(LETTER)
    outbox.send(LETTER)
    (file,) = (tmp_path / "out").iterdir()
    assert file.stat().st_mode & 0o077 == 0
    assert b"1234 5678" in file.read_bytes()
    (tmp_path / "out").chmod(0o700)
    file.unlink()
    (tmp_path / "out").rmdir()
    with pytest.raises(MailError, match="cannot be written"):
        outbox.send(LETTER)
