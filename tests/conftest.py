"""Fixtures of the whole suite. Each test gets its own directory, office and gate."""

from __future__ import annotations

import pytest

from venue import ServedSite, Site


@pytest.fixture
def site(tmp_path):
    """A venue with one lane."""
    made = Site(tmp_path)
    yield made
    made.office.close()


@pytest.fixture
def serve():
    """Start gates that are stopped when the test ends."""
    running = []

    def start(site, **more):
        running.append(ServedSite(site, **more))
        return running[-1]

    yield start
    for served in running:
        served.stop_now()
