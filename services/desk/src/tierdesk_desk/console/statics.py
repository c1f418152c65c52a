"""The style sheet, the script and the icon: served under names that change with their content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tierdesk_runtime.problems import ProblemError

FOLDER: Final = Path(__file__).parent / "static"
PREFIX: Final = "/static"
_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FOR_EVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it is served. `path` holds the start of its content's SHA-256."""

    name: str
    path: str
    etag: str
    media_type: str
    content: bytes


class Statics:
    """The files of these folders, read once. No two of them have the same name."""

    def __init__(self, *folders: Path) -> None:
        paths = [path for folder in folders or (FOLDER,) for path in sorted(folder.iterdir())]
        self._files = {file.name: file for file in map(_read, paths) if file is not None}
        self._by_path: Mapping[str, StaticFile] = {file.path: file for file in self._files.values()}

    def path_of(self, name: str) -> str:
        """Where a file is served, for as long as its content stays the same. Raises `KeyError`."""
        return self._files[name].path

    def answer(self, path: str, if_none_match: str) -> Response | None:
        """The file of this path: 304 to whoever has it; None for a path that there is not."""
        file = self._by_path.get(path)
        if file is None:
            return None
        headers = {"ETag": file.etag, "Cache-Control": _FOR_EVER, "X-Content-Type-Options": "nosniff"}
        known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
        if file.etag in known:
            return Response(status_code=304, headers=headers)
        return Response(file.content, headers=headers, media_type=file.media_type)


def static_routes(statics: Statics) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)

    @router.get(PREFIX + "/{name}")
    async def static(request: Request, name: str) -> Response:
        answer = statics.answer(f"{PREFIX}/{name}", request.headers.get("if-none-match", ""))
        if answer is None:
            raise ProblemError(404)
        return answer

    return router


def _read(path: Path) -> StaticFile | None:
    media_type = _TYPES.get(path.suffix)
    if media_type is None:
        return None
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return StaticFile(
        name=path.name,
        path=f"{PREFIX}/{path.stem}-{digest[:16]}{path.suffix}",
        etag=f'"{digest[:32]}"',
        media_type=media_type,
        content=content,
    )
