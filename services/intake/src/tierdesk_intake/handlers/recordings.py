"""Fetches the recordings of calls, and hangs them on their tickets. Nothing is fetched where a call is told of."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from prometheus_client import CollectorRegistry, Counter
from pydantic import BaseModel

from tierdesk_intake.domain.attachment_names import clean_name
from tierdesk_intake.domain.refusals import RefusalKind, RefusedError
from tierdesk_intake.fetching.recordings import RecordingAwayError, RecordingRefusedError, Recordings
from tierdesk_intake.store.attachment_writer import AttachmentWriter
from tierdesk_intake.store.recordings import Recording, put_off, settle, take_recordings
from tierdesk_runtime.supervision import keep_looking
from tierdesk_store import Database, DatabaseUnavailableError

LOOK_SECONDS: Final = 2.0
AT_ONCE: Final = 4
TOTAL_SECONDS: Final = 60.0
"""From resolving the name to the last byte: no longer does one recording take."""
PAUSES: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240, 720))
"""After each failure the next; after the last it is given up, a good 17 hours after the call."""
_LATER: Final = frozenset({RefusalKind.QUOTA, RefusalKind.OVERLOADED})
_HEARD: Final = ("audio/", "video/")

log = structlog.get_logger(__name__)


class _Stored(BaseModel):
    id: UUID


class RecordingFetcher:
    """Looks each two seconds for recordings that are due. Any number of processes may."""

    def __init__(
        self,
        database: Database,
        recordings: Recordings,
        attachments: AttachmentWriter,
        registry: CollectorRegistry,
        *,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self._database = database
        self._recordings = recordings
        self._attachments = attachments
        self._total_seconds = total_seconds
        self._counter = Counter(
            "tierdesk_recordings_total",
            "Recordings of calls that were stored, refused, put off, or given up.",
            ("result",),
            registry=registry,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until `stop` is set."""
        await keep_looking(self.look, stop, rest_seconds=LOOK_SECONDS)

    async def look(self) -> int:
        """Fetch some of what is due; answers how many."""
        async with self._database.transaction() as tx:
            taken = await take_recordings(tx, limit=AT_ONCE)
        await asyncio.gather(*(self._fetch(one) for one in taken))
        return len(taken)

    async def _fetch(self, one: Recording) -> None:
        try:
            await self._try(one)
        except DatabaseUnavailableError as error:  # it stays due: whoever looks after the lease tries it again
            log.warning("recording_not_settled", tenant=one.tenant, ticket=str(one.ticket), error=str(error))

    async def _try(self, one: Recording) -> None:
        attachment: UUID | None = None
        pause: timedelta | None = None
        result, detail = "stored", ""
        try:
            async with asyncio.timeout(self._total_seconds):
                attachment = await self._store(one)
        except (RecordingRefusedError, RefusedError) as error:
            later = isinstance(error, RefusedError) and error.kind in _LATER
            result, detail, pause = self._fail(one, str(error)) if later else ("refused", str(error), None)
        except RecordingAwayError as error:
            result, detail, pause = self._fail(one, str(error))
        except TimeoutError:
            result, detail, pause = self._fail(one, f"it took longer than {self._total_seconds:g} s")
        async with self._database.transaction() as tx:
            if pause is None:
                kept = await settle(tx, one, result, detail, attachment)
            else:
                kept = await put_off(tx, one, detail, pause=pause)
        if kept:
            self._counter.labels(result).inc()
            log.info("recording", result=result, tenant=one.tenant, ticket=str(one.ticket), detail=detail)

    @staticmethod
    def _fail(one: Recording, detail: str) -> tuple[str, str, timedelta | None]:
        """Put it off, each time for longer, and in the end give it up."""
        if one.attempts > len(PAUSES):
            return "failed", detail, None
        return "put_off", detail, PAUSES[one.attempts - 1]

    async def _store(self, one: Recording) -> UUID:
        """Store what comes as it comes. The key makes one attachment of it, however often this is cut off."""
        key = f"recording {one.provider} {one.digest.hex()}"  # a space: no client's key has one
        name = clean_name(f"recording {one.call_id}")
        async with (
            self._recordings.open(one.locator) as body,
            self._attachments.upload(one.tenant, one.ticket, name, f"{key} {one.call_id}") as upload,
        ):
            async for data in body:
                for piece in upload.content.add(data):
                    await self._attachments.add(upload, piece)
            for piece in upload.content.end():
                await self._attachments.add(upload, piece)
            if not upload.content.media_type.startswith(_HEARD):
                raise RecordingRefusedError(f"it is no recording: {upload.content.media_type}")
            answer = await self._attachments.finish(upload)
        return _Stored.model_validate_json(answer.text).id
