"""The client with which a vendor, a bot or the desk consumes a tier."""

from tierdesk_tier.consumer import Options, TierConsumer, Worker, WorkFunction
from tierdesk_tier.errors import TierError, WorkLostError, WorkOverError
from tierdesk_tier.job import Job
from tierdesk_tier.party import Party
from tierdesk_tier.serving import serve_tier, serve_vendor, until_stopped

__all__ = [
    "Job",
    "Options",
    "Party",
    "TierConsumer",
    "TierError",
    "WorkFunction",
    "WorkLostError",
    "WorkOverError",
    "Worker",
    "serve_tier",
    "serve_vendor",
    "until_stopped",
]
