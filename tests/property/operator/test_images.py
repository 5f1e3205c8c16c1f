from hypothesis import given
from hypothesis import strategies as st

from switchboard_crds.model import Status
from switchboard_operator.images import choose

IMAGES = st.sampled_from(["mine:1", "mine:2", "default:1"])
SPECS = st.lists(st.tuples(st.none() | IMAGES, st.sampled_from(["default:1", "default:2"])), min_size=1)
"""A resource's `spec.image` and the operator's default at each reconciliation."""


@given(SPECS)
def test_the_spec_decides_and_the_default_stays_that_of_the_first_reconciliation(
    specs: list[tuple[str | None, str]],
) -> None:
    status = Status()
    for wanted, default in specs:
        status = Status.model_validate(choose(wanted, status, default).fields())
        assert status.default_image == specs[0][1]
        assert status.image == (wanted or specs[0][1])


@given(st.none() | IMAGES, IMAGES, SPECS)
def test_the_first_reconciliation_of_a_newer_operator_replaces_no_pod(
    wanted: str | None, in_use: str, specs: list[tuple[str | None, str]]
) -> None:
    older = Status(image=wanted or in_use)
    assert choose(wanted, older, specs[0][1]).used == older.image
