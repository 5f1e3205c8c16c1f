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
