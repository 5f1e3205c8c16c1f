"""What the tests of sockets and of what they pursue share."""

import pytest
from tests.unit.signaling.world import World


@pytest.fixture
def world() -> World:
    """Pods and a store on which nothing has happened."""
    return World()
