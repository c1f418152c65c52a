"""The wiring of outgoing mail."""

from __future__ import annotations

import random

from tierdesk_desk.mailing.folder import FolderTransport
from tierdesk_desk.mailing.letters import LetterWriter
from tierdesk_desk.mailing.sender import MailMetrics, Sender
from tierdesk_desk.mailing.settings import MailSettings
from tierdesk_desk.mailing.smtp import SmtpTransport
from tierdesk_desk.mailing.transports import Transport
from tierdesk_desk.store.policies import PolicyShelf
from tierdesk_runtime.service import Service
from tierdesk_runtime.settings import SettingsError


def open_transport(settings: MailSettings) -> Transport | None:
    """What these settings have mail handed over by; None for no mail at all. Raises `SettingsError`."""
    if settings.folder is not None:
        return FolderTransport(settings.folder)
    if settings.url is None:
        return None
    try:
        return SmtpTransport(settings)
    except (OSError, ValueError) as error:
        raise SettingsError(f"TIERDESK_DESK_MAIL_PASSWORD_FILE: {error}") from error


def add_mailing(service: Service, shelf: PolicyShelf, settings: MailSettings, *, public_url: str | None) -> None:
    """Have this service send mail. Raises `SettingsError`."""
    sender = Sender(
        service.parts.database,
        shelf,
        LetterWriter(settings, public_url),
        open_transport(settings),
        MailMetrics(service.metrics.registry),
        domain=settings.domain,
        per_minute=settings.per_minute,
        draw=random.SystemRandom().random,
    )
    service.add_task("mail", sender.run)
    service.add_task("mail count", sender.keep_count)
