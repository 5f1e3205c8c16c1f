"""An API server in memory, as the client that speaks to it: the paths and rules are real, only HTTP is missing."""

import asyncio
import copy
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

from switchboard_crds import names
from switchboard_operator.kinds import api_of_kind
from switchboard_operator.kube import resources
from switchboard_operator.kube.client import APPLY_PATCH, ApiError, Kube, KubeCredentials
from switchboard_operator.kube.informer import Keeper
from switchboard_operator.kube.resources import Api, Json

_PATH = re.compile(r"/(?:api|apis/[^/]+)/v[^/]+(?:/namespaces/(?P<namespace>[^/]+))?/(?P<rest>.+)")
_KNOWN = [each for each in vars(resources).values() if isinstance(each, Api)] + list(map(api_of_kind, names.KINDS))
_PLURALS = {api.kind: api.plural for api in _KNOWN}
_Place = tuple[str, str, str]
"""Plural, namespace, name."""


class FakeKube(Kube):
    """Keeps objects; tests read and change `objects`, script `failures`, and read `calls`.

    Server-side apply takes away the fields that the last apply had and this one does not have, a merge patch follows
    RFC 7396, and writes with an outdated resourceVersion or another uid are refused, as by the API server. Defaults,
    validation and controllers are missing: tests play them with `change`.
    """

    def __init__(self, *objects: Json) -> None:
        # Not the client's own: no connection is opened.
        self._field_manager = "tester"
        self.objects: dict[_Place, Json] = {}
        self.calls: list[str] = []
        """Requests as `METHOD plural/name[/subresource]`, without watches."""
        self.failures: dict[str, Exception] = {}
        """Raised by each request that a key, a regular expression, matches as it stands in `calls`."""
        self._applied: dict[tuple[_Place, str], Json] = {}
        self._version = 0
        self._history: list[tuple[int, str, Json]] = []
        self._news = asyncio.Event()
        for obj in objects:
            self.change(obj)

    @property
    def writes(self) -> list[str]:
        """Calls that are meant to change something."""
        return [call for call in self.calls if not call.startswith("GET")]

    def change(self, obj: Json) -> Json:
        """Create or replace an object, as a user or a controller does; return it as it is kept.

        Without a status of its own it keeps the one that it has.
        """
        place = _PLURALS[obj["kind"]], obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
        known = self.objects.get(place, {})
        return self._keep(place, {**({"status": known["status"]} if "status" in known else {}), **copy.deepcopy(obj)})

    def found(self, api: Api, name: str, namespace: str = "web") -> Json:
        """Return the object itself; KeyError if there is none."""
        return self.objects[api.plural, namespace, name]

    def of(self, api: Api) -> list[Json]:
        """Return all objects of an API resource, by name."""
        return [obj for (plural, _, _), obj in sorted(self.objects.items()) if plural == api.plural]

    def remove(self, api: Api, name: str, namespace: str = "web") -> None:
        """Delete an object, as a user or a controller does."""
        obj = self.objects.pop((api.plural, namespace, name))
        self._version += 1
        obj["metadata"]["resourceVersion"] = str(self._version)
        self._tell("DELETED", obj)

    def show(self, keeper: Keeper, *apis: Api) -> None:
        """Put all objects of these API resources where an informer would put them."""
        for api in apis:
            for obj in self.of(api):
                keeper.put(api, copy.deepcopy(obj))

    async def close(self) -> None:
        """Close nothing."""

    async def credentials(self) -> KubeCredentials:
        """Return credentials for a server that nobody reaches."""
        return KubeCredentials("http://localhost:1", None, None, None, None, insecure=False)

    async def request(
        self, method: str, path: str, query: Any = None, body: Any = None, content_type: str = "application/json"
    ) -> Json:
        """Do what the API server does with a request."""
        match = _PATH.fullmatch(path)
        assert match is not None, path
        plural, *rest = match["rest"].split("/")
        name, subresource = [*rest, "", ""][:2]
        self._note(method, plural, name or (body or {}).get("metadata", {}).get("name", ""), subresource)
        place = (plural, match["namespace"] or "", name)
        body = copy.deepcopy(body)
        answer: dict[str, Callable[[], Json]] = {
            "GET": lambda: self._get(place) if name else self._page(place, match["namespace"], query or {}),
            "POST": lambda: self._create(place, body),
            "PUT": lambda: self._replace(place, body),
            "PATCH": lambda: self._patch(place, body, subresource, apply=content_type == APPLY_PATCH),
            "DELETE": lambda: self._delete(place, body),
        }
        return copy.deepcopy(answer[method]())

    async def watch(self, api: Api, namespace: str | None, selector: str, version: str) -> AsyncIterator[Json]:
        """Yield what changed after a version, for ever."""
        seen = int(version)
        while True:
            news, known = self._news, list(self._history)
            for number, event, obj in known:
                here = namespace in {None, obj["metadata"].get("namespace")}
                if number > seen and obj["kind"] == api.kind and here and _selects(selector, obj):
                    yield {"type": event, "object": copy.deepcopy(obj)}
            seen = max([seen, *(number for number, _, _ in known)])
            await news.wait()

    def _note(self, method: str, plural: str, name: str, subresource: str) -> None:
        call = f"{method} {'/'.join(filter(None, (plural, name, subresource)))}"
        self.calls.append(call)
        for pattern, error in self.failures.items():
            if re.search(pattern, call):
                raise error

    def _get(self, place: _Place) -> Json:
        if place not in self.objects:
            raise refusal(404, "NotFound", f"{place[0]} {place[2]!r} not found")
        return self.objects[place]

    def _page(self, place: _Place, namespace: str | None, query: Json) -> Json:
        items = [
            obj
            for (plural, where, _), obj in sorted(self.objects.items())
            if plural == place[0] and namespace in {None, where} and _selects(query.get("labelSelector", ""), obj)
        ]
        return {"metadata": {"resourceVersion": str(self._version)}, "items": items}

    def _create(self, place: _Place, body: Json) -> Json:
        place = (*place[:2], body["metadata"]["name"])
        if place in self.objects:
            raise refusal(409, "AlreadyExists", f"{place[0]} {place[2]!r} already exists")
        return self._keep(place, body)

    def _replace(self, place: _Place, body: Json) -> Json:
        self._check(self._get(place), body["metadata"])
        return self._keep(place, body)

    def _patch(self, place: _Place, body: Json, subresource: str, *, apply: bool) -> Json:
        known = self.objects.get(place)
        if known is None and (subresource or not apply):
            raise refusal(404, "NotFound", f"{place[0]} {place[2]!r} not found")
        if known is None:
            known = {"metadata": {}}
        self._check(known, body.get("metadata", {}))
        after = copy.deepcopy(known)
        wanted = {subresource: body.get(subresource)} if subresource else {**body}
        if apply:
            _take_away(after, self._applied.get((place, subresource), {}), wanted)
            self._applied[place, subresource] = copy.deepcopy(wanted)
        _merge(after, wanted)
        return known if after == known else self._keep(place, after)

    def _delete(self, place: _Place, options: Json | None) -> Json:
        self._check(self._get(place), (options or {}).get("preconditions", {}))
        obj = self.objects[place]
        api = Api("", obj["kind"], place[0])
        self.remove(api, place[2], place[1])
        return obj

    def _check(self, known: Json, wanted: Json) -> None:
        for field in ("resourceVersion", "uid"):
            if wanted.get(field) not in {None, known["metadata"].get(field)}:
                raise refusal(409, "Conflict", f"{field} differs")

    def _keep(self, place: _Place, obj: Json) -> Json:
        known = self.objects.get(place)
        before = known["metadata"] if known else {}
        self._version += 1
        changed = known is None or known.get("spec") != obj.get("spec")
        defaults = {
            "namespace": place[1],
            "uid": before.get("uid", f"uid-of-{place[2]}"),
            "creationTimestamp": before.get("creationTimestamp", "2026-01-01T00:00:00Z"),
            "generation": before.get("generation", 0) + changed,
        }
        obj["metadata"] = {**defaults, **obj["metadata"], "resourceVersion": str(self._version)}
        self.objects[place] = obj
        self._tell("MODIFIED" if known else "ADDED", obj)
        return obj

    def _tell(self, event: str, obj: Json) -> None:
        self._history.append((self._version, event, copy.deepcopy(obj)))
        self._news.set()
        self._news = asyncio.Event()


def refusal(status: int, reason: str = "", message: str = "") -> ApiError:
    """Return the error of a request that the API server refuses."""
    return ApiError(status, f'{{"reason": "{reason}", "message": "{message}"}}'.encode())


def _selects(selector: str, obj: Json) -> bool:
    wanted = dict(part.split("=") for part in selector.split(",") if part)
    return (obj["metadata"].get("labels") or {}).items() >= wanted.items()


def _merge(target: Json, patch: Json) -> None:
    """Merge a patch into an object (RFC 7396)."""
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict):
            if not isinstance(target.get(key), dict):
                target[key] = {}
            _merge(target[key], value)
        else:
            target[key] = value


def _take_away(target: Json, before: Json, after: Json) -> None:
    """Remove from an object the fields that were applied before and are no more."""
    for key, value in before.items():
        if key not in after:
            target.pop(key, None)
        elif isinstance(value, dict) and isinstance(after[key], dict) and isinstance(target.get(key), dict):
            _take_away(target[key], value, after[key])
