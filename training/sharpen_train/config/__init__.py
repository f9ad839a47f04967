"""The settings of a run: what they are, where they come from, and what they mean at a step."""

from sharpen_train.config.load import DEFAULT_RECIPE, KEYS, RECIPES, load_config, read_config
from sharpen_train.config.model import Config, Data, Distil, Loss, Model, Phase, Train
from sharpen_train.config.schedule import Plan, StepPlan

__all__ = [
    "DEFAULT_RECIPE",
    "KEYS",
    "RECIPES",
    "Config",
    "Data",
    "Distil",
    "Loss",
    "Model",
    "Phase",
    "Plan",
    "StepPlan",
    "Train",
    "load_config",
    "read_config",
]
