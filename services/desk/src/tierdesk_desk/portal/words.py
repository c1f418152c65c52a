"""What the portal calls things, beside the words that it shares with the console."""

from __future__ import annotations

from typing import Final

from tierdesk_desk.console.texts import N_, Words

PORTAL_WORDS: Final[Words] = {
    "standing": {
        "received": N_("Received"),
        "waiting": N_("In line"),
        "working": N_("In work"),
        "asked": N_("Waits for you"),
        "wanted": N_("A question for you"),
        "on_hold": N_("On hold"),
        "solved": N_("Solved?"),
        "closed": N_("Closed"),
        "cancelled": N_("Cancelled"),
        "merged": N_("Goes on in another request"),
    },
    "next": {
        "received": N_("We have it and are finding who can help best. You need not do anything."),
        "waiting": N_("It waits for the next person who can help. You will see here when somebody takes it."),
        "working": N_("Somebody is working on it. The answer will stand here."),
        "asked": N_("We cannot go on without you. Please answer below."),
        "wanted": N_("We have begun. It goes faster if you tell us below what we do not know yet."),
        "on_hold": N_("We wait for something before we can go on. You need not do anything; we stay at it."),
        "solved": N_(
            "Please look whether it works now, and tell us. Without a word from you it is closed after a while."
        ),
        "closed": N_("It is done. If it comes back, you can reopen it below or report a new problem."),
        "cancelled": N_("You have said that you need it no more."),
        "merged": N_("It was about the same matter as another request of yours, and goes on there."),
    },
    "entry": {
        "opened": N_("reported this"),
        "answered": N_("answered"),
        "asked": N_("asked"),
        "waiting": N_("waits for your answer"),
        "told": N_("told what was asked"),
        "replied": N_("wrote"),
        "resolved": N_("believes that it is solved"),
        "reopened": N_("reopened it"),
        "closed": N_("closed it"),
        "cancelled": N_("cancelled it"),
        "merged": N_("joined it with another request"),
        "announced": N_("has news"),
        "in_work": N_("has begun to work on it"),
        "handed_on": N_("handed it to somebody who knows more"),
    },
    "entry_own": {
        "opened": N_("You reported this"),
        "told": N_("You told what was asked"),
        "replied": N_("You wrote"),
        "reopened": N_("You reopened it"),
        "closed": N_("You said that it works"),
        "cancelled": N_("You cancelled it"),
    },
    "score": {
        "1": N_("Very bad"),
        "2": N_("Bad"),
        "3": N_("Middling"),
        "4": N_("Good"),
        "5": N_("Very good"),
    },
    "order_status": {"ordered": N_("Ordered")},
    "fault": {
        "file_too_large": N_("A file is larger than may be sent. What is there already stays there."),
        "file_refused": N_("A file of this kind cannot be taken. What is there already stays there."),
        "file_full": N_("No more files can be taken here. What is there already stays there."),
        "too_many_files": N_(
            "More files than can be sent at once. What is there already stays there; send the others after."
        ),
        "number": N_("This is no number that fits."),
        "answer": N_("Write something, or choose a file."),
        "score": N_("Choose from 1 to 5."),
    },
    "part": {
        "suggestions": N_("articles that may help"),
        "services": N_("what can be ordered"),
        "questions": N_("what others asked"),
        "posts": N_("what waits for a moderator"),
        "answers": N_("the answers"),
    },
    "flash": {
        "reported": N_("We have it: %(reference)s. You see here what becomes of it."),
        "sent": N_("Sent."),
        "confirmed": N_("Thank you. It is closed."),
        "request_reopened": N_("It is open again. We are sorry that it did not hold."),
        "request_cancelled": N_("Cancelled."),
        "rated": N_("Thank you for telling us."),
        "solved_alone": N_("Good to hear. We have noted that the article helped."),
        "ordered": N_("Ordered. You see here what becomes of it."),
        "question_asked": N_("Your question is there for others to answer."),
        "post_held": N_("Thank you. A moderator looks at it before others see it."),
        "post_answered": N_("Your answer is there."),
        "voted": N_("Counted."),
        "accepted": N_("Noted as the answer that solved it."),
        "reported_post": N_("A moderator will look at it."),
        "approved": N_("It is shown."),
        "removed": N_("It is removed."),
        "link_asked": N_("If we know the request under this address, a link is on its way there."),
        "left": N_("You have left. The request goes on."),
    },
    "portal_trouble": {
        "unavailable": N_("This cannot be done at the moment. What you wrote is kept below; please try again."),
        "sent_before": N_(
            "This form was sent before, with other words. Look at your requests; what you wrote is kept below, send it again if it is still wanted."
        ),
        "not_now": N_("That cannot be done as things stand now. They may have changed meanwhile."),
        "too_late": N_("The time for it has passed."),
        "other_version": N_("The form has changed meanwhile. Please look at it once more."),
        "not_here": N_(
            "This service asks for more than can be filled in here. Please report what you need as a problem."
        ),
    },
}
"""By kind and word, as in `console.words`."""
