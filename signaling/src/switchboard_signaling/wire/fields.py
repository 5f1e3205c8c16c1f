"""Types and bounds of frame fields."""

from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta

MAX_FRAME_BYTES: Final = 64 * 1024
"""Maximum frame size in bytes of UTF-8. An SDP with many codecs is about 10 KiB."""
MAX_CHAT: Final = 4096
"""Maximum length of a chat message in characters."""
MAX_SPAN_MS: Final = 3_600_000
MAX_BITRATE: Final = 10_000_000_000

Counter = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Id = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.:-]+$(?!\n)")]
"""Identifier. The lookahead makes Python reject a trailing newline, as JSON Schema does."""
KnownId = Annotated[str, Meta(min_length=1, max_length=64, extra_json_schema={"pattern": r"^[A-Za-z0-9_.:-]+$(?!\n)"})]
"""Identifier that is compared with a known one, so its pattern is not checked. Most frames are lane frames, and
checking three patterns takes longer than the rest of the decoding."""
Token = Annotated[str, Meta(min_length=1, max_length=1024)]
Jwt = Annotated[str, Meta(min_length=1, max_length=8192)]
"""JSON Web Token (RFC 7519). Issuers may add many claims, hence the generous limit."""
Sdp = Annotated[str, Meta(max_length=MAX_FRAME_BYTES)]
ChatText = Annotated[str, Meta(max_length=MAX_CHAT)]
Word = Annotated[str, Meta(max_length=64)]
Milliseconds = Annotated[float, Meta(ge=0, le=MAX_SPAN_MS)]
Bitrate = Annotated[float, Meta(ge=0, le=MAX_BITRATE)]
"""Bits per second."""
Share = Annotated[float, Meta(ge=0, le=1)]
Code = Annotated[str, Meta(max_length=32, pattern=r"^[a-z][a-z0-9-]*$(?!\n)")]
Path: TypeAlias = Literal["direct", "relay"]
Blocked = Annotated[list[Annotated[str, Meta(max_length=256)]], Meta(max_length=64)]
"""JWT subjects."""
Attributes = Annotated[dict[Word, Word], Meta(max_length=16)]

# Fields that several frames share

SocketNumber = Annotated[
    Counter,
    Meta(
        description="Number of this socket; the client increases it with each one that it tries, over page loads too."
    ),
]
Instance = Annotated[Id, Meta(description="Id of the client's page load, random per load and per bfcache restore.")]
Revision = Annotated[Counter, Meta(description="Number of the intent; the client increases it with each change.")]
Ticket = Annotated[Id, Meta(description="Id of the request to be matched, random and chosen by the client.")]
OwnAttributes = Annotated[Attributes, Meta(description="What the client offers, by name: language, region, media, …")]
RequiredAttributes = Annotated[Attributes, Meta(description="Attributes that a peer must have, with these values.")]
PreferredAttributes = Annotated[
    Attributes, Meta(description="Attributes that a peer must have at first, with these values; waiting relaxes them.")
]
Mode = Annotated[Word, Meta(description="Only tickets of the same mode are matched.")]
BlockedSubjects = Annotated[Blocked, Meta(description="JWT subjects that the client is never matched with.")]
MatchId = Annotated[Id, Meta(description="Id of the match.")]
Generation = Annotated[
    Counter,
    Meta(
        description="Number of the media connection that the frame is about, counted between the two page loads from 0."
        " A receiver drops offers, answers and candidates of an older one than its own newest."
    ),
]
RequestJwt = Annotated[Jwt | None, Meta(description="JWT that identifies the client, if the pool requires one.")]
