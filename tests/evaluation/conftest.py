"""Scorers are trained once for all tests of evaluations."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def scorers_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scorers")
