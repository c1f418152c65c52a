"""How a mail is handed over: to a server, encrypted and with a password, or into a folder; and what may be set."""

import mailbox
from pathlib import Path

import pytest
from aiosmtpd.smtp import AuthResult

from servers.mail import mail_server
from tierdesk_desk.domain.addresses import read_address
from tierdesk_desk.mailing.folder import FolderTransport
from tierdesk_desk.mailing.settings import MailSettings
from tierdesk_desk.mailing.smtp import SmtpTransport
from tierdesk_desk.mailing.transports import AwayError
from tierdesk_runtime.settings import SettingsError


async def test_mail_is_laid_into_a_folder(tmp_path):
    transport = FolderTransport(tmp_path / "deep" / "mails")
    for number in range(3):
        await transport.send(f"Subject: {number}\r\n\r\nText\r\n".encode(), read_address("ann@example.org"))
    found = mailbox.Maildir(tmp_path / "deep" / "mails", create=False)
    assert sorted(message["Subject"] for message in found) == ["0", "1", "2"]
    (tmp_path / "file").write_text("")
    with pytest.raises(AwayError):
        await FolderTransport(tmp_path / "file" / "mails").send(b"", read_address("ann@example.org"))


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_encryption_and_credentials(scheme, tmp_path, certificate):
    def authenticate(server, session, envelope, mechanism, data):
        fits = (data.login, data.password) == (b"desk@x", b"secret")
        return AuthResult(success=fits, handled=False, auth_data=data)

    server_side, client_side = certificate
    tls = {"ssl_context": server_side} if scheme == "smtps" else {"tls_context": server_side, "require_starttls": True}
    password = tmp_path / "password"
    password.write_text("secret\n")
    with mail_server(
        authenticator=authenticate, auth_required=True, auth_require_tls=scheme == "smtp", **tls
    ) as server:
        settings = MailSettings(
            url=f"{scheme}://desk%40x@127.0.0.1:{server.port}", sender="desk@example.org", password_file=password
        )
        transport = SmtpTransport(settings, tls=client_side)
        transport._starts_tls = scheme == "smtp"  # which it does not to this machine
        await transport.send(b"Subject: x\r\n\r\nText\r\n", read_address("ann@example.org"))
        await transport.close()
        assert len(server.taken) == 1
        password.write_text("guessed\n")
        wrong = SmtpTransport(settings, tls=client_side)
        wrong._starts_tls = scheme == "smtp"
        with pytest.raises(AwayError, match="535"):
            await wrong.send(b"Subject: x\r\n\r\nText\r\n", read_address("ann@example.org"))


async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(certificate):
    with mail_server(ssl_context=certificate[0]) as server:
        transport = SmtpTransport(MailSettings(url=f"smtps://127.0.0.1:{server.port}", sender="desk@example.org"))
        with pytest.raises(AwayError, match="certificate"):
            await transport.send(b"Subject: x\r\n\r\nText\r\n", read_address("ann@example.org"))


async def test_an_address_beyond_ascii_needs_a_server_that_takes_it():
    with mail_server(enable_SMTPUTF8=True) as server:
        transport = SmtpTransport(MailSettings(url=server.url, sender="desk@example.org"))
        await transport.send("Subject: ü\r\n\r\nText\r\n".encode(), read_address("jörg@example.org"))
        await transport.close()
        assert server.taken[0].recipients == ["jörg@example.org"]


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"URL": "smtp://mail.example.org"}, "sender must be set"),
        ({"URL": "smtp://u@mail.example.org", "SENDER": "desk@example.org"}, "password_file must be set"),
        ({"URL": "http://mail.example.org"}, "TIERDESK_DESK_MAIL_URL"),
        ({"SENDER": "nobody"}, "TIERDESK_DESK_MAIL_SENDER"),
        ({"SENDER": "a@example.org, b@example.org"}, "TIERDESK_DESK_MAIL_SENDER"),
        ({"SENDER": "jörg@example.org"}, "TIERDESK_DESK_MAIL_SENDER"),
        ({"ENVELOPE_SENDER": "jörg@example.org"}, "TIERDESK_DESK_MAIL_ENVELOPE_SENDER"),
        ({"REPLY_TO": "x"}, "TIERDESK_DESK_MAIL_REPLY_TO"),
        ({"PER_MINUTE": "0"}, "TIERDESK_DESK_MAIL_PER_MINUTE"),
    ],
)
def test_bad_settings_are_refused_by_name(settings, fault, monkeypatch):
    for name, value in settings.items():
        monkeypatch.setenv(f"TIERDESK_DESK_MAIL_{name}", value)
    with pytest.raises(SettingsError, match=fault):
        MailSettings.read()


def test_settings_of_a_folder(tmp_path: Path):
    assert MailSettings.read().url is None
    assert MailSettings.read(folder=tmp_path).folder == tmp_path
    assert MailSettings(url="maildir:/var/mails").folder == Path("/var/mails")
