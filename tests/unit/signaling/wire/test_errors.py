"""The catalogue of errors and close codes."""

import pytest

from switchboard_signaling.wire import errors


def test_codes_are_unique_and_every_error_has_a_remedy() -> None:
    assert len({kind.code for kind in errors.CATALOGUE}) == len(errors.CATALOGUE)
    assert all(kind.message and kind.remedy for kind in errors.CATALOGUE)
    assert len({close.code for close in errors.CLOSE_CODES}) == len(errors.CLOSE_CODES)


@pytest.mark.parametrize("close", errors.CLOSE_CODES)
def test_close_codes_are_standard_or_private_and_fit_a_close_frame(close: errors.CloseCode) -> None:
    assert close.code in (1001, 1002, 1007, 1009, 1011) or 4000 <= close.code < 5000
    assert len(close.reason.encode()) <= 123


@pytest.mark.parametrize(
    ("code", "reaction"),
    [
        (4400, "stop"), (4419, "stop"), (4420, "reconnect"), (4439, "reconnect"), (4440, "fresh-jwt"),
        (4459, "fresh-jwt"), (4460, "back-off"), (4479, "back-off"), (4480, "back-off"), (4399, "back-off"),
        (1000, "back-off"), (1006, "back-off"), (1009, "stop"), (None, "back-off"),
    ],
)  # fmt: skip
def test_the_range_of_a_close_code_decides_what_a_client_does(code: int | None, reaction: str) -> None:
    assert errors.reaction(code) == reaction


def test_a_close_code_has_the_reaction_of_its_range() -> None:
    assert (errors.CLOSE_RETRY.reaction, errors.CLOSE_BLOCKED.reaction) == ("reconnect", "stop")


def test_ranges_of_close_codes_do_not_overlap() -> None:
    codes = [code for one in errors.CLOSE_RANGES for code in one]
    assert len(codes) == len(set(codes))


def test_an_error_has_a_detail_about_the_frame() -> None:
    error = errors.BAD_FRAME.because("seq is negative")
    assert str(error) == "The frame is not a valid message: seq is negative"
    assert (error.kind, error.detail) == (errors.BAD_FRAME, "seq is negative")
    assert str(errors.ProtocolError(errors.BAD_FRAME)) == "The frame is not a valid message"
