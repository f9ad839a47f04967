"""One private PipeWire for the tests of a file; skipped where it is not installed."""

import pytest
from pipewire_session import missing, pipewire_session


@pytest.fixture(scope="module")
def _session(tmp_path_factory):
    if absent := missing():
        pytest.skip(f"PipeWire is not installed: {absent}")
    with pipewire_session(tmp_path_factory.mktemp("pipewire")) as session:
        yield session


@pytest.fixture
def pipewire(_session, monkeypatch):
    monkeypatch.delenv("PIPEWIRE_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(_session.folder))
    yield _session
    _session.end_readers()
