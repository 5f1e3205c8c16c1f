"""HTTP operations as data: what each route accepts and answers.

The applications build their routes from these, and `openapi.yaml` is generated from them, so that every route is
documented.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

from aiohttp import web
from msgspec import Meta, Struct, convert, json
from msgspec.structs import fields

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
Security: TypeAlias = Literal["", "session", "operator", "admin"]
P = TypeVar("P", bound=Struct)

TEXT: Final = "text/plain"
JSON: Final = "application/json"


class ErrorDetail(Struct, frozen=True):
    """What went wrong, and what to do about it."""

    code: Annotated[str, Meta(description="Stable identifier, for programs.")]
    message: Annotated[str, Meta(description="What is wrong, for people.")]
    remedy: Annotated[str, Meta(description="What to do about it, for people.")]


class ErrorBody(Struct, frozen=True):
    """A request that was refused."""

    error: Annotated[ErrorDetail, Meta(description="The reason and its remedy.")]


class HttpError(Exception):
    """A request that is refused with a status, a code and a remedy."""

    def __init__(
        self, status: int, code: str, message: str, remedy: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers or {}
        self.detail = ErrorDetail(code, message, remedy)

    def response(self) -> web.Response:
        """Return the response that reports the error."""
        response = answer_json(ErrorBody(self.detail), self.status)
        response.headers.update(self.headers)
        return response


@dataclass(frozen=True)
class HttpAnswer:
    """One response of an operation; `body` is the struct of its JSON, `media_type` that of any other body."""

    description: str
    body: type[Struct] | None = None
    media_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Descriptions of headers by name."""
    headers_required: bool = True
    """Whether every response of this status has them."""


@dataclass(frozen=True)
class Operation:
    """A route. The handler's docstring becomes the summary (its first line) and the description.

    `path_parameters`, `query` and `headers` are structs that decode the parameters, `body` decodes the JSON body.
    """

    method: str
    path: str
    handler: Handler
    answers: Mapping[int, HttpAnswer]
    path_parameters: type[Struct] | None = None
    query: type[Struct] | None = None
    headers: type[Struct] | None = None
    body: type[Struct] | None = None
    security: Security = ""
    optional_security: bool = False


def error(description: str, **headers: str) -> HttpAnswer:
    """Return the answer that has an ErrorBody; keywords name headers with `_` for `-`."""
    return HttpAnswer(description, ErrorBody, headers=_named(headers))


def text(description: str, **headers: str) -> HttpAnswer:
    """Return the answer that has one line of plain text; keywords name headers with `_` for `-`."""
    return HttpAnswer(description, media_type=TEXT, headers=_named(headers))


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): description for name, description in headers.items()}


def routes(operations: Iterable[Operation]) -> list[web.RouteDef]:
    """Return the routes for an application; GET also answers HEAD."""
    return [
        web.get(one.path, one.handler) if one.method == "GET" else web.route(one.method, one.path, one.handler)
        for one in operations
    ]


def answer_json(body: Struct, status: int = 200) -> web.Response:
    """Return a JSON response that must not be cached."""
    headers = {"Cache-Control": "no-store"}
    return web.Response(body=json.encode(body), status=status, headers=headers, content_type=JSON)


def decode(kind: type[P], given: Mapping[str, str]) -> P:
    """Return the parameters of a query, a path or the headers; raises msgspec.ValidationError."""
    names = [one.encode_name for one in fields(kind)]
    return convert({name: given[name] for name in names if name in given}, kind, strict=False)


async def decode_body(kind: type[P], request: web.Request) -> P:
    """Return the JSON body of a request; raises msgspec.DecodeError, of which msgspec.ValidationError is one."""
    return json.decode(await request.read(), type=kind)
