"""The bench's sections by name: apart, since the command line needs the names before anything is imported."""

from enum import StrEnum


class Section(StrEnum):
    """What can be measured, in the order of measuring: each finding may refer to those before it."""

    ROOF = "roof"
    NETWORK = "network"
    PUBLISHED = "published"
    STAGES = "stages"
    PIPELINE = "pipeline"
    MEMORY = "memory"
