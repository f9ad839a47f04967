"""What was measured on this machine, kept between starts in one small JSON file."""

import json
import logging
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sharpen_core.draft import Draft
from sharpen_core.errors import OutputUnwritable
from sharpen_core.model_store import APP_NAME

log = logging.getLogger(__name__)

FORMAT = 1
MOST_ENTRIES = 50


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Setup(_Strict):
    """All that the time for a frame depends on.

    Attributes:
        processor: its name, cores and features.
        model: its name and a digest of its graphs.
        engine: the engine's fingerprint: its name, version, precision and threads.
        size: of the frames, such as "1280x720".
    """

    processor: str
    model: str
    engine: str
    size: str


class Tuned(_Strict):
    """What was found out.

    Attributes:
        most_px: largest tile of the fastest plan; None is the default plan.
        frame_ms: time for a frame.
        sure: whether the measuring was undisturbed and complete.
        tries: how often it was measured.
    """

    most_px: int | None = Field(default=None, gt=0)
    frame_ms: float = Field(gt=0, allow_inf_nan=False)
    sure: bool = False
    tries: int = Field(default=1, ge=1)


class _Entry(_Strict):
    """One line of the file."""

    setup: Setup
    tuned: Tuned


class TuningCache:
    """The file. What cannot be read counts as not measured, and what cannot be written is measured again: neither is an error.

    Args:
        path: of the file; it and its folder need not exist. None takes the user's cache folder.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or platformdirs.user_cache_path(APP_NAME) / "tuning.json"

    def get(self, setup: Setup) -> Tuned | None:
        """What was measured for exactly this; None if nothing was."""
        return next((entry.tuned for entry in reversed(self._read()) if entry.setup == setup), None)

    def put(self, setup: Setup, tuned: Tuned) -> None:
        """Keeps what was measured; of more than `MOST_ENTRIES` the oldest go."""
        entries = [entry for entry in self._read() if entry.setup != setup] + [_Entry(setup=setup, tuned=tuned)]
        content = {"format": FORMAT, "entries": [entry.model_dump() for entry in entries[-MOST_ENTRIES:]]}
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with Draft(self._path, overwrite=True) as draft:
                draft.path.write_text(json.dumps(content, indent=1), encoding="utf-8")
        except (OSError, OutputUnwritable) as error:
            log.warning("what was measured cannot be kept: %s", error)

    def _read(self) -> list[_Entry]:
        try:
            content: Any = json.loads(self._path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return []
        if not isinstance(content, dict) or content.get("format") != FORMAT or not isinstance(content.get("entries"), list):
            return []
        return [entry for raw in content["entries"] if (entry := _parsed(raw))]


def _parsed(raw: object) -> _Entry | None:
    """An entry; None if it is damaged or another version's."""
    try:
        return _Entry.model_validate(raw)
    except ValidationError:
        return None
