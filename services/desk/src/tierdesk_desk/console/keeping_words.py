"""What pages say to those who write articles, and who keep accounts, mails and the audit."""

from __future__ import annotations

from typing import Final

from tierdesk_desk.console.texts import N_, Words

KEEPING_WORDS: Final[Words] = {
    "mail_state": {
        "failed": N_("Failed"),
        "queued": N_("Waiting"),
        "suppressed": N_("Not sent"),
        "sent": N_("Sent"),
    },
    "mail_kind": {"news": N_("To a requester"), "alarm": N_("Escalation"), "link": N_("Link")},
    "mail_reason": {
        "no-server": N_("The desk had no mail server."),
        "bad-address": N_("It is no address that can be written to."),
        "machine": N_("A program reads this address, or the desk itself."),
        "unverified": N_("Nobody has shown whose address it is."),
        "cap": N_("Too many links were asked for."),
        "refused": N_("The mail server refused it for good."),
        "given-up": N_("The mail server took none of it for days."),
        "unreadable": N_("It could not be written; the log says why."),
        "discarded": N_("Somebody discarded it."),
    },
    "kind": {
        "faq": N_("Question and answer"),
        "how-to": N_("Steps to do"),
        "known-error": N_("Known error"),
        "manual": N_("Manual"),
        "video": N_("Video"),
    },
    "article_state": {
        "draft": N_("Draft"),
        "in_review": N_("In review"),
        "published": N_("Published"),
        "retired": N_("Withdrawn"),
    },
    "review": {
        "submitted": N_("asked for a review"),
        "sent_back": N_("sent it back"),
        "withdrawn": N_("asked no more"),
        "published": N_("published it"),
    },
    "shelf": {
        "mine": N_("Mine"),
        "proposed": N_("From resolutions"),
        "in_review": N_("In review"),
        "draft": N_("Drafts"),
        "published": N_("Published"),
        "stale": N_("Needs a look"),
    },
    "attention": {
        "failing": N_("does not help on tickets"),
        "disliked": N_("readers say it does not help"),
        "stale": N_("not changed for long"),
        "unused": N_("nobody uses it"),
        "duplicate": N_("says the same as another"),
    },
    "article_field": {
        "title": N_("title"),
        "body": N_("text"),
        "audience": N_("readers"),
        "keywords": N_("words people search for"),
        "language": N_("language"),
        "kind": N_("kind"),
        "steps": N_("steps"),
        "attachments": N_("attachments"),
        "video": N_("video"),
    },
    "role": {
        "agent": N_("Agent"),
        "lead": N_("Lead"),
        "author": N_("Author"),
        "publisher": N_("Publisher"),
        "operator": N_("Operator"),
        "administrator": N_("Administrator"),
        "auditor": N_("Auditor"),
        "requester": N_("Requester"),
        "moderator": N_("Moderator"),
    },
    "audit": {
        "session.begun": N_("signed in"),
        "session.ended": N_("signed out"),
        "session.refused": N_("was refused a sign-in"),
        "account.added": N_("made the account"),
        "account.changed": N_("changed the account"),
        "account.granted": N_("changed the grants"),
        "account.disabled": N_("disabled the account"),
        "account.enabled": N_("enabled the account"),
        "account.password-reset": N_("made a one-time password"),
        "account.password-changed": N_("chose another password"),
        "account.signed-out": N_("signed out everywhere"),
        "work.released": N_("took work back"),
    },
}
"""By kind and word, as `WORDS`, of which they are a part."""
