"""Named points at which a fault test lets the process die, as by SIGKILL.

`TIERDESK_FAILPOINT=relay.after_confirm` dies at the first passage, `…=relay.after_confirm:3` at the third. Without
the variable a passage costs one comparison. A service may pass points of its own; those of this library:

transaction.before_commit, transaction.after_commit    in every transaction that is committed, and around
                                                       a statement that is one by itself, whatever it wrote
consumer.before_ack                                    after the commit of a batch, before it is acknowledged
consumer.after_ack                                     the acknowledgement is given to the bus, which may not have sent
                                                       it; what was fetched behind the batch is not acknowledged
relay.after_claim                                      rows are read, nothing is published
relay.after_confirm                                    the bus has confirmed, no row is marked
relay.after_mark                                       rows are marked
migration.after_prepare                                roles and schema are there, no table of this run is
migration.in_revision                                  a revision has run and is not committed
migration.before_grant                                 the tables are there, the service may not use the new ones yet
"""

from __future__ import annotations

import os
from typing import Final

EXIT_CODE: Final = 137

_name, _, _passage = os.environ.get("TIERDESK_FAILPOINT", "").partition(":")
_armed = bool(_name)
_left = int(_passage or 1)


def failpoint(name: str) -> None:
    """Die here without any clean-up, if the environment says so."""
    global _left  # noqa: PLW0603 - one process dies once; there is nothing else to hold the count
    if not _armed or name != _name:
        return
    _left -= 1
    if _left == 0:
        os._exit(EXIT_CODE)
