"""How long the fault tests are: the usual form, or the long one with `TIERDESK_FAULTS=long`."""

import os

SEED = int(os.environ.get("TIERDESK_FAULTS_SEED", "20261122"))
IS_LONG = os.environ.get("TIERDESK_FAULTS") == "long"
TICKETS = 10_000 if IS_LONG else 2_000
KILLS = 200 if IS_LONG else 30
HITS = 100 if IS_LONG else 10
LIMIT_SECONDS = 7_200 if IS_LONG else 600
DEADLINES = 50_000 if IS_LONG else 5_000
STALL_SECONDS = 60.0 if IS_LONG else 20.0
