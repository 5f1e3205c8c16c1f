"""Each of the operator's modules either decides or acts: one that reaches no I/O is pure, and tested as such.

Import contracts name modules, and a new one is on no list. Here a module is bound on its first day: it belongs in
`[tool.switchboard] pure` of pyproject.toml, unless it imports, itself or through others, what speaks to the world.
"""

import tomllib
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = "switchboard_operator"
WORLD = ("asyncio", "aiohttp", "kopf", "kubernetes", "prometheus_client", "redis", "socket", "ssl", "subprocess")
SETTINGS = {"switchboard_operator.runtime.settings"}
"""Reads the environment, but its rules are pure enough to be held to their own tests."""


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(PACKAGE, include_external_packages=True, cache_dir=None)


def pure() -> set[str]:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["switchboard"]["pure"]
    return {module for module in listed if module.startswith(f"{PACKAGE}.")} - SETTINGS


def to_the_world(graph: grimp.ImportGraph, module: str) -> list[tuple[str, ...]]:
    """Return a chain of imports from the module to each part of the world that it reaches."""
    chains = (graph.find_shortest_chain(module, each) for each in WORLD if each in graph.modules)
    return [chain for chain in chains if chain]


def test_pure_modules_reach_no_io(graph: grimp.ImportGraph) -> None:
    assert {module: chains for module in pure() if (chains := to_the_world(graph, module))} == {}


def test_modules_that_reach_no_io_are_pure(graph: grimp.ImportGraph) -> None:
    ours = {module for module in graph.modules if module.startswith(f"{PACKAGE}.")}
    leaves = {module for module in ours if not graph.find_children(module)} - SETTINGS
    unbound = {module for module in leaves - pure() if not to_the_world(graph, module)}
    assert unbound == set(), "add these to [tool.switchboard] pure in pyproject.toml, with tests of their own"
