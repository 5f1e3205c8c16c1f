"""The images and their Dockerfiles."""

import itertools

import pytest

from switchboard_cluster import images, layout
from switchboard_cluster.errors import ClusterError
from switchboard_cluster.images.catalog import COTURN, IMAGES, PYTHON, VALKEY, Base, Image

ROOT = layout.checkout_root()
each_image = pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.name)


@each_image
def test_its_dockerfile_runs_as_an_unprivileged_user(image: Image) -> None:
    lines = (ROOT / image.dockerfile).read_text().splitlines()
    user = [line.split()[1] for line in lines if line.startswith("USER ")][-1]
    assert user == ("65535:65535" if image.name == "pause" else "10001:10001")


@each_image
def test_its_dockerfile_defaults_to_a_public_base(image: Image) -> None:
    lines = (ROOT / image.dockerfile).read_text().splitlines()
    instructions = [line for line in lines if line and not line.startswith("#")]
    if image.base is None:
        assert instructions[0] == "FROM scratch"
    else:
        assert instructions[0].startswith("ARG BASE=")
        assert ":" in instructions[0]
        assert instructions[1].startswith("FROM ${BASE}")


@each_image
def test_it_is_a_binary_or_has_a_base(image: Image) -> None:
    assert (image.binary is None) == (image.base is not None)


@each_image
def test_its_packages_and_their_lock_exist(image: Image) -> None:
    assert all((ROOT / package / "pyproject.toml").exists() for package in image.packages)
    assert not image.packages or (ROOT / "requirements" / f"{image.name}.txt").exists()


@pytest.mark.parametrize("base", [PYTHON, VALKEY, COTURN], ids=lambda base: base.name)
def test_each_suite_has_a_floor_per_program_and_fallbacks_have_lower_ones(base: Base) -> None:
    floors = [suite.floors for suite in base.suites]
    assert all(set(one) == set(base.programs) for one in floors)
    assert all(first[name] > second[name] for first, second in itertools.pairwise(floors) for name in first)


def test_images_are_found_by_name() -> None:
    assert images.names() == ["pause", "coredns", "valkey", "operator", "signaling", "turn"]
    assert [images.find(name).name for name in images.names()] == images.names()


def test_an_unknown_image_raises_an_error_with_the_known_ones() -> None:
    with pytest.raises(ClusterError, match="there is no image nginx") as caught:
        images.find("nginx")
    assert caught.value.remedy == "the images are: pause, coredns, valkey, operator, signaling, turn"
