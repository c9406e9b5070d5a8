"""The description of the API (OpenAPI 3.1), for scripts and for ``/api/docs``."""

from typing import Any

from av2a import __version__
from av2a.service.security import TOKEN_HEADER

_TEXT = {"type": "string"}
_LABELS = {"type": "array", "items": _TEXT, "description": "event names, in any words"}
_SETTINGS = {
    "type": "object",
    "description": "changes of the practical profile's settings, as av2a settings lists them",
}
_QUESTION = {"type": "object", "required": ["labels"], "properties": {"labels": _LABELS, "settings": _SETTINGS}}
_BINARY = {"type": "string", "format": "binary"}
_EVENT_ROW = "rows of [label number, stream number (0 heard, 1 seen, 2 both), start in seconds, stop in seconds, score]"

_VIDEO = {
    "type": "object",
    "properties": {
        "id": _TEXT,
        "name": _TEXT,
        "origin": {"enum": ["folder", "upload", "demo"]},
        "state": {"enum": ["new", "waiting", "working", "done", "failed", "cancelled"]},
        "message": _TEXT,
        "labels": _LABELS,
        "found": {"type": "object", "description": "label to the numbers of events heard, seen and both"},
        "duration_seconds": {"type": ["number", "null"]},
    },
}
_ANSWER = {
    "type": "object",
    "properties": {
        "answer": {"type": "string", "description": "names the answer for export"},
        "labels": _LABELS,
        "events": {"type": "array", "description": _EVENT_ROW},
        "rejected": {"type": "array", "description": f"candidates that Eq. 9 refused: {_EVENT_ROW}"},
        "warnings": {"type": "array", "items": _TEXT},
        "command": {"type": "string", "description": "the command that gives the same answer"},
        "settings": {"type": "object"},
    },
}
_CORRECTIONS = {
    "type": "object",
    "required": ["revision", "operations"],
    "properties": {
        "revision": {"type": "integer", "description": "the one that was read; another one is refused with 409"},
        "operations": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "id": _TEXT,
                    "kind": {"enum": ["added", "removed", "changed", "confirmed", "rejected"]},
                    "before": {"type": ["object", "null"], "description": "label, modality, start, stop"},
                    "after": {"type": ["object", "null"], "description": "likewise, of added and changed ones"},
                },
            },
        },
    },
}


def description() -> dict[str, Any]:
    """The whole description."""
    video, answer = _path("video", "the id of a video"), _path("answer", "the key of an answer")
    ending = _query("ending", "the ending of an export format, such as .csv")
    several = _query("video", "the id of a video, once for each; without it all that were seen")
    plain = _query("plain", "given: without corrections")
    paths: dict[str, dict[str, Any]] = {
        "/api/session": {
            "post": _call(
                "Exchange the token for a cookie", {}, body={"type": "object", "properties": {"token": _TEXT}}
            )
        },
        "/api/state": {"get": _call("Videos, jobs, models, formats, lists of labels", {"type": "object"})},
        "/api/events": {
            "get": _call(
                "What changes, as server-sent events: state, video, removed, job, backbone, lists, playable, note",
                _TEXT,
                "text/event-stream",
            )
        },
        "/api/uploads": {
            "put": _call(
                "Send a media file: the raw bytes",
                _VIDEO,
                body=_BINARY,
                raw=True,
                parameters=[_query("name", "its name")],
                status="201",
            )
        },
        "/api/demo": {"post": _call("Add the demo scene", _VIDEO)},
        "/api/backbone": {
            "post": _call(
                "Load models, fetching them where they are not here",
                {"type": "object"},
                body={"type": "object", "properties": {"name": _TEXT}},
                status="202",
            )
        },
        "/api/videos/{video}": {
            "get": _call("One video", _VIDEO, parameters=[video]),
            "delete": _call("Remove a file that was sent", {}, parameters=[video], status="204"),
        },
        "/api/videos/{video}/media": {
            "get": _call(
                "The file; ranges are answered",
                _BINARY,
                "application/octet-stream",
                parameters=[video, _query("playable", "given: the copy that browsers play")],
            )
        },
        "/api/videos/{video}/waveform": {
            "get": _call(
                "The outline of the sound: pairs of signed bytes",
                _BINARY,
                "application/octet-stream",
                parameters=[video],
            )
        },
        "/api/videos/{video}/playable": {
            "post": _call("Make a copy that browsers play", {"type": "object"}, parameters=[video])
        },
        "/api/videos/{video}/answer": {
            "post": _call(
                "When labels are heard, seen or both. 202: the video is queued to be decoded; ask again when it is done",
                _ANSWER,
                body=_QUESTION,
                parameters=[video],
            )
        },
        "/api/videos/{video}/scores": {
            "post": _call(
                "The scores of all segments: a line of JSON, then float64 similarity [3, segment], float32 heard and seen [label, segment], int32 windows, bytes heard and seen",
                _BINARY,
                "application/octet-stream",
                body=_QUESTION,
                parameters=[video],
            )
        },
        "/api/videos/{video}/cancel": {
            "post": _call("Take a video's turn back", {"type": "object"}, parameters=[video])
        },
        "/api/videos/{video}/corrections": {
            "get": _call("What a person changed", _CORRECTIONS, parameters=[video]),
            "put": _call("Replace it, whole or not at all", _CORRECTIONS, body=_CORRECTIONS, parameters=[video]),
        },
        "/api/answers/{answer}/export": {
            "get": _call("An answer as a file", _BINARY, "application/octet-stream", parameters=[answer, ending, plain])
        },
        "/api/answers/{answer}/moments": {
            "get": _call("Clips of its events, in an archive", _BINARY, "application/zip", parameters=[answer, plain])
        },
        "/api/export": {
            "get": _call(
                "The answers for several videos, in one file or an archive",
                _BINARY,
                "application/octet-stream",
                parameters=[ending, several, plain],
            )
        },
        "/api/moments": {
            "get": _call(
                "Clips of the events of several videos, a folder each, in an archive",
                _BINARY,
                "application/zip",
                parameters=[several, plain],
            )
        },
        "/api/search": {
            "post": _call("Labels in every video that was seen before", {"type": "object"}, body=_QUESTION)
        },
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "av2a serve",
            "version": __version__,
            "description": f"Every request needs the header {TOKEN_HEADER} with the token of the printed address, or, to read, the cookie.",
        },
        "paths": paths,
        "components": {"securitySchemes": {"token": {"type": "apiKey", "in": "header", "name": TOKEN_HEADER}}},
        "security": [{"token": []}],
    }


def _call(
    summary: str,
    result: dict[str, Any],
    media_type: str = "application/json",
    *,
    body: dict[str, Any] | None = None,
    raw: bool = False,
    parameters: list[dict[str, Any]] | None = None,
    status: str = "200",
) -> dict[str, Any]:
    refusal = {
        "description": "refused: a code and a message",
        "content": _content({"type": "object", "properties": {"code": _TEXT, "message": _TEXT}}),
    }
    found = {"description": "done"} | ({"content": _content(result, media_type)} if result else {})
    call: dict[str, Any] = {"summary": summary, "responses": {status: found, "default": refusal}}
    if body is not None:
        call["requestBody"] = {"content": _content(body, "application/octet-stream" if raw else "application/json")}
    if parameters:
        call["parameters"] = parameters
    return call


def _content(schema: dict[str, Any], media_type: str = "application/json") -> dict[str, Any]:
    return {media_type: {"schema": schema}}


def _path(name: str, words: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": _TEXT, "description": words}


def _query(name: str, words: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": _TEXT, "description": words}
