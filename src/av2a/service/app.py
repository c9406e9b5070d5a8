"""The routes: the page's own files, and a JSON API over :class:`~av2a.service.desk.Desk`."""

import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from av2a.errors import Av2aError, InvalidLabels, UsageError
from av2a.media import Limits
from av2a.service.desk import Desk
from av2a.service.openapi import description
from av2a.service.processes import WorkFailed
from av2a.service.security import LOOPBACK_HOSTS, Guard, Secrets
from av2a.types import Clip

PAGE_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

STATUSES = {
    "E_GONE": 404,
    "E_STALE": 409,
    "E_BUSY": 429,
    "E_UPLOAD": 413,
    "E_WORKER": 502,
    "E_FAULT": 500,
    "E_DISK": 507,
}
"""Of errors by their code; others are the request's own fault."""

LARGEST_BODY_BYTES = 20_000_000

Handler = Callable[[Request], Awaitable[Response]]


def application(desk: Desk, keys: Secrets, hosts: tuple[str, ...] = LOOPBACK_HOSTS) -> ASGIApp:
    """The whole application, guarded."""
    page = dict(_page_files())
    routes = Routes(desk, keys)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await desk.start()
        yield
        await desk.stop()

    async def page_file(request: Request) -> Response:
        name = request.path_params.get("name", "index.html")
        if name not in page:
            raise HTTPException(404)
        return page[name].response(request)

    app = Starlette(
        routes=[
            Route("/", page_file),
            Route("/api/docs", lambda request: page["docs.html"].response(request)),
            Route("/api/openapi.json", _openapi),
            *routes.routes(),
            Route("/favicon.ico", lambda request: page["icon.svg"].response(request)),
            Route("/{name}", page_file),
        ],
        exception_handlers={Av2aError: _refused, OSError: _disk_refused, HTTPException: _no_such_thing},
        lifespan=lifespan,
    )
    open_paths = ("/", "/favicon.ico", "/api/docs", "/api/openapi.json", *(f"/{name}" for name in page))
    return Guard(app, keys, hosts, open_paths)


class Routes:
    """One method for each route."""

    def __init__(self, desk: Desk, keys: Secrets) -> None:
        self.desk, self.keys = desk, keys

    def routes(self) -> list[Route]:
        """All of them."""
        table: list[tuple[str, str, Handler]] = [
            ("POST", "/api/session", self.session),
            ("GET", "/api/state", self.state),
            ("GET", "/api/events", self.events),
            ("PUT", "/api/uploads", self.upload),
            ("POST", "/api/demo", self.demo),
            ("POST", "/api/backbone", self.backbone),
            ("GET", "/api/videos/{video}", self.video),
            ("DELETE", "/api/videos/{video}", self.remove),
            ("GET", "/api/videos/{video}/media", self.media),
            ("GET", "/api/videos/{video}/waveform", self.waveform),
            ("POST", "/api/videos/{video}/playable", self.playable),
            ("POST", "/api/videos/{video}/answer", self.answer),
            ("POST", "/api/videos/{video}/scores", self.scores),
            ("POST", "/api/videos/{video}/cancel", self.cancel),
            ("GET", "/api/videos/{video}/corrections", self.corrections),
            ("PUT", "/api/videos/{video}/corrections", self.save_corrections),
            ("GET", "/api/answers/{answer}/export", self.export),
            ("GET", "/api/answers/{answer}/moments", self.moments),
            ("GET", "/api/export", self.export_all),
            ("GET", "/api/moments", self.moments_all),
            ("POST", "/api/search", self.search),
        ]
        return [Route(path, handler, methods=[method]) for method, path, handler in table]

    async def session(self, request: Request) -> Response:
        """Exchange the token for the cookie."""
        if not self.keys.is_token(str((await _body(request)).get("token", ""))):
            return JSONResponse({"code": "E_TOKEN", "message": "this is not the address that av2a serve printed"}, 403)
        response = JSONResponse({})
        response.set_cookie(self.keys.cookie_name, self.keys.cookie, httponly=True, samesite="strict", path="/")
        return response

    async def state(self, request: Request) -> Response:
        """Everything that a page shows before a video is opened."""
        await self.desk.refresh()
        return JSONResponse(self.desk.state())

    async def events(self, request: Request) -> Response:
        """What changes, as server-sent events."""
        return StreamingResponse(self.desk.events.stream(), media_type="text/event-stream")

    async def upload(self, request: Request) -> Response:
        """A dropped file: the raw body, its name in the query."""
        length = request.headers.get("content-length", "")
        try:
            video = await self.desk.receive(
                request.query_params.get("name", ""), int(length) if length.isdigit() else None, request.stream()
            )
        except ClientDisconnect:
            return Response(status_code=499)
        return JSONResponse(video.as_dict(), 201)

    async def demo(self, request: Request) -> Response:
        """The demo scene."""
        return JSONResponse((await self.desk.add_demo()).as_dict())

    async def backbone(self, request: Request) -> Response:
        """Load other models, or fetch those that are missing."""
        name = (await _body(request)).get("name") or self.desk.models.state["name"]
        from av2a.backbones.registry import check_choices

        self.desk.load(check_choices(str(name)))
        return JSONResponse(self.desk.models.state, 202)

    async def video(self, request: Request) -> Response:
        """One video."""
        return JSONResponse(self._video(request).as_dict())

    async def remove(self, request: Request) -> Response:
        """Remove a dropped file."""
        await self.desk.remove(self._video(request))
        return Response(status_code=204)

    async def media(self, request: Request) -> Response:
        """The file itself, or the copy that browsers play; ranges are answered."""
        video = self._video(request)
        if "playable" in request.query_params:
            path = self.desk.catalogue.playable_path(video)
            if not path.is_file():
                raise HTTPException(404)
            return FileResponse(path, media_type="video/mp4")
        return FileResponse(video.path, media_type=media_type(await self.desk.clip(video)))

    async def waveform(self, request: Request) -> Response:
        """The outline of the sound: pairs of signed bytes, the lowest and the highest sample."""
        return Response(await self.desk.peaks(self._video(request)), media_type="application/octet-stream")

    async def playable(self, request: Request) -> Response:
        """Make a copy that browsers play."""
        return JSONResponse({"made": await self.desk.make_playable(self._video(request))})

    async def answer(self, request: Request) -> Response:
        """When labels are heard, seen or both; 202 where the video has to be decoded first."""
        video, body = self._video(request), await _body(request)
        answer = await self.desk.answer(video, _labels(body), body.get("settings"))
        return JSONResponse({"queued": video.id}, 202) if answer is None else JSONResponse(answer)

    async def scores(self, request: Request) -> Response:
        """The scores of the segments, for pages that move thresholds."""
        video, body = self._video(request), await _body(request)
        content = await self.desk.scores(video, _labels(body), body.get("settings"))
        return Response(content, media_type="application/octet-stream")

    async def cancel(self, request: Request) -> Response:
        """Take a video's turn back."""
        video = self._video(request)
        return JSONResponse({"cancelled": await self.desk.queue.cancel(video)})

    async def corrections(self, request: Request) -> Response:
        """What a person changed."""
        return JSONResponse(self.desk.corrections.read(self._video(request).sha256).as_dict())

    async def save_corrections(self, request: Request) -> Response:
        """Replace what a person changed; refused where another tab saved meanwhile."""
        video, body = self._video(request), await _body(request)
        revision, operations = body.get("revision"), body.get("operations")
        if not isinstance(revision, int) or not isinstance(operations, list):
            raise UsageError("corrections need a revision (a whole number) and a list of operations")
        return JSONResponse(self.desk.corrections.save(video.sha256, revision, operations).as_dict())

    async def export(self, request: Request) -> Response:
        """An answer as a file."""
        query = request.query_params
        name, content = await self.desk.export(
            request.path_params["answer"], query.get("ending", ".json"), with_corrections="plain" not in query
        )
        return _download(name, content)

    async def moments(self, request: Request) -> Response:
        """Clips of an answer's events, in an archive."""
        with_corrections = "plain" not in request.query_params
        return _archive(*await self.desk.moments(request.path_params["answer"], with_corrections=with_corrections))

    async def moments_all(self, request: Request) -> Response:
        """Clips of the events of several videos, in an archive."""
        query = request.query_params
        return _archive(*await self.desk.moments_all(query.getlist("video"), with_corrections="plain" not in query))

    async def export_all(self, request: Request) -> Response:
        """The answers for several videos."""
        query = request.query_params
        ending, videos = query.get("ending", ".csv"), query.getlist("video")
        return _download(*await self.desk.export_all(ending, videos, with_corrections="plain" not in query))

    async def search(self, request: Request) -> Response:
        """Labels in every video that was seen before."""
        body = await _body(request)
        return JSONResponse(await self.desk.search(_labels(body), body.get("settings")))

    def _video(self, request: Request) -> Any:
        return self.desk.video(request.path_params["video"])


def media_type(clip: Clip) -> str:
    """What a browser is told of a file: by what was found in it, never by its name."""
    kind = "video" if clip.video is not None else "audio"
    known = {
        "mp4": "mp4",
        "webm": "webm",
        "ogg": "ogg",
        "mp3": "mpeg",
        "wav": "wav",
        "flac": "flac",
        "matroska": "x-matroska",
    }
    if "webm" in clip.container and clip.path.suffix.lower() == ".mkv":
        return f"{kind}/x-matroska"
    return next(
        (f"{kind}/{name}" for part, name in known.items() if part in clip.container), "application/octet-stream"
    )


@dataclass(frozen=True)
class PageFile:
    """One file of the page, compressed once when the server starts."""

    content: bytes
    compressed: bytes
    media_type: str

    @classmethod
    def of(cls, content: bytes, ending: str) -> "PageFile":
        """The file with this content and ending."""
        return cls(content, gzip.compress(content, mtime=0), PAGE_TYPES[ending])

    def response(self, request: Request) -> Response:
        """The file, compressed where the client takes that."""
        headers = {"Vary": "Accept-Encoding"}
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(self.content, media_type=self.media_type, headers=headers)
        return Response(self.compressed, media_type=self.media_type, headers=headers | {"Content-Encoding": "gzip"})


def _page_files() -> list[tuple[str, PageFile]]:
    folder = files("av2a.service").joinpath("page")
    suffixes = {each.name: Path(each.name).suffix for each in folder.iterdir()}
    wanted = {name: suffix for name, suffix in suffixes.items() if suffix in PAGE_TYPES}
    return [(name, PageFile.of(folder.joinpath(name).read_bytes(), suffix)) for name, suffix in wanted.items()]


async def _body(request: Request) -> dict[str, Any]:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > LARGEST_BODY_BYTES:
            raise UsageError(f"a request has at most {LARGEST_BODY_BYTES} bytes")
    try:
        plain = json.loads(content or b"{}")
    except (ValueError, RecursionError) as wrong:
        raise UsageError("the body of a request is JSON") from wrong
    if not isinstance(plain, dict):
        raise UsageError("the body of a request is a JSON object")
    return plain


def _labels(body: dict[str, Any]) -> list[str]:
    labels = body.get("labels")
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise UsageError("labels must be a list of texts")
    if len(labels) > (most := Limits().labels):
        raise InvalidLabels(f"{len(labels):,} labels are too many: look for {most:,} or fewer at a time")
    return labels


def _download(name: str, content: bytes) -> Response:
    return Response(content, media_type="application/octet-stream", headers=_saved_as(name))


def _archive(name: str, path: Path) -> Response:
    """A file that is removed once it was sent."""
    gone = BackgroundTask(path.unlink, missing_ok=True)
    return FileResponse(path, media_type="application/zip", headers=_saved_as(name), background=gone)


def _saved_as(name: str) -> dict[str, str]:
    return {"Content-Disposition": f"attachment; filename*=utf-8''{quote(name)}"}


async def _openapi(request: Request) -> Response:
    return JSONResponse(description())


async def _refused(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Av2aError)
    code = refusal.failure.code if isinstance(refusal, WorkFailed) else refusal.code
    return JSONResponse({"code": code, "message": str(refusal)}, STATUSES.get(code, 422))


async def _disk_refused(request: Request, refusal: Exception) -> Response:
    words = f"the disk refused ({getattr(refusal, 'strerror', None) or refusal}): make room, then try again"
    return JSONResponse({"code": "E_DISK", "message": words}, STATUSES["E_DISK"])


async def _no_such_thing(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, HTTPException)
    return JSONResponse({"code": "E_GONE", "message": "there is nothing at this address"}, refusal.status_code)
