import pytest

from switchboard_crds.model import Status
from switchboard_operator.images import Images, choose


@pytest.mark.parametrize(
    ("wanted", "status", "images"),
    [
        pytest.param(None, Status(), Images("default:2", "default:2"), id="made without an image"),
        pytest.param("mine:1", Status(), Images("mine:1", "default:2"), id="made with an image"),
        pytest.param(
            None, Status(image="default:1", default_image="default:1"), Images("default:1", "default:1"), id="at rest"
        ),
        pytest.param(
            "mine:1", Status(image="default:1", default_image="default:1"), Images("mine:1", "default:1"), id="set"
        ),
        pytest.param(
            None, Status(image="mine:1", default_image="default:1"), Images("default:1", "default:1"), id="taken back"
        ),
        pytest.param(None, Status(image="default:1"), Images("default:1", "default:1"), id="older, unset: no rollout"),
        pytest.param("mine:1", Status(image="mine:1"), Images("mine:1", "default:2"), id="older, set"),
        pytest.param("mine:2", Status(image="mine:1"), Images("mine:2", "default:2"), id="older, set to another"),
    ],
)
def test_the_used_and_the_default_image(wanted: str | None, status: Status, images: Images) -> None:
    assert choose(wanted, status, "default:2") == images


def test_the_status_contains_both_images() -> None:
    assert Images("mine:1", "default:1").fields() == {"image": "mine:1", "defaultImage": "default:1"}
