"""A pytest plugin (`-p tools.measure`) that measures coverage in each process that runs tests, including collection."""

import os

import coverage
import pytest

KEY = pytest.StashKey[coverage.Coverage]()


def pytest_configure(config: pytest.Config) -> None:
    """Start the measurement, unless other processes run the tests."""
    if getattr(config.option, "numprocesses", None):
        return
    name = os.environ.get("PYTEST_XDIST_WORKER", "all")
    config.stash[KEY] = measured = coverage.Coverage(config_file=str(config.inipath), data_suffix=name)
    measured.start()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Write the measurement."""
    if measured := config.stash.get(KEY, None):
        measured.stop()
        measured.save()
