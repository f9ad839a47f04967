"""Where the settings of a run come from: a recipe, a file, `--set key=value` and options, each over the one before."""

import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sharpen_train.config.model import Config, Data, Distil, Loss, Model, Phase, Train
from sharpen_train.errors import ConfigError, did_you_mean

DEFAULT_RECIPE = "ours"
_RECIPE_FOLDER = resources.files("sharpen_train.config") / "recipes"
_PHASE_HINT = "Write each phase under a line [[phase]]"
_SECTIONS = {"data": Data, "model": Model, "train": Train, "loss": Loss, "distil": Distil, "phase": Phase}
KEYS = {f"{name}.{key}": field.description or "" for name, section in _SECTIONS.items() for key, field in section.model_fields.items()}
"""Every key that a file or `--set` can give, with its meaning; those of `phase` stand for all phases."""


def _titles() -> dict[str, str]:
    files = sorted((file for file in _RECIPE_FOLDER.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    return {file.name.removesuffix(".toml"): file.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ") for file in files}


RECIPES: dict[str, str] = _titles()
"""The recipes by name, each with the line that describes it: the first of its file."""


def load_config(
    recipe: str | None = None, file: Path | None = None, sets: Sequence[str] = (), overrides: Mapping[str, object] | None = None
) -> Config:
    """Returns the settings of a run: defaults, under a recipe, under a file, under `--set`, under options.

    A list or a table of loss terms in a file replaces the one below it as a whole.

    Args:
        recipe: one of `RECIPES`; None: `DEFAULT_RECIPE`.
        file: TOML with any part of the settings.
        sets: `key=value` as in `train.lr=1e-3`. `phase.batch=8` changes every phase, `phase.2.batch=8` the second. The value is TOML;
            what is not TOML is text.
        overrides: values by dotted key; None leaves a key as it is.

    Raises:
        ConfigError: a file cannot be read, a key or name is unknown, or a value is impossible.
    """
    values = Config().model_dump(mode="json")
    _lay_over(values, _recipe(recipe or DEFAULT_RECIPE))
    if file is not None:
        _lay_over(values, _read(file))
    for text in sets:
        key, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"--set {text} gives no value", "Write it like: --set train.lr=1e-3")
        _put(values, key.strip(), _parse(value.strip()))
    for key, value in (overrides or {}).items():
        if value is not None:
            _put(values, key, str(value) if isinstance(value, Path) else value)
    return _checked(values)


def read_config(path: Path) -> Config:
    """Returns the settings in a file that `Config.to_toml` wrote.

    Raises:
        ConfigError: the file cannot be read, a key or name is unknown, or a value is impossible.
    """
    return _checked(_read(path))


def _recipe(name: str) -> dict[str, Any]:
    if name not in RECIPES:
        raise ConfigError(f"there is no recipe '{name}'", did_you_mean(name, RECIPES))
    return tomllib.loads((_RECIPE_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the settings {path}: {error.strerror}", "Give a TOML file.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"the settings {path} are not text", "Give a TOML file in UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the settings {path} are not TOML: {error}", "Write values like lr = 1e-3, and text in quotes.") from error


def _parse(text: str) -> object:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return parsed["value"] if len(parsed) == 1 else text


def _lay_over(values: dict[str, Any], upper: Mapping[str, Any]) -> None:
    """Replaces what `upper` gives in each section of `values`."""
    for name, section in upper.items():
        below = values.get(name)
        values[name] = {**below, **section} if isinstance(below, dict) and isinstance(section, dict) else section


def _put(values: dict[str, Any], key: str, value: object) -> None:
    """Puts one value at a dotted key."""
    *path, last = key.split(".")
    nodes: list[dict[str, Any]] = [values]
    if path[:1] == ["phase"]:
        nodes, path = _phases(values, path)
    for name in path:
        for position, node in enumerate(nodes):
            if not isinstance(node.get(name), dict):
                node[name] = {}
            nodes[position] = node[name]
    for node in nodes:
        node[last] = value


def _phases(values: dict[str, Any], path: list[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """Returns the phases that a key means and what is left of its path: all, or the one that it numbers."""
    phases: Any = values["phase"]
    if not isinstance(phases, list) or not all(isinstance(phase, dict) for phase in phases):
        raise ConfigError("phase must be a list of tables", _PHASE_HINT)
    if len(path) < 2 or not path[1].isdecimal():
        return list(phases), path[1:]
    number = int(path[1])
    if not 1 <= number <= len(phases):
        raise ConfigError(f"there is no phase {number}", f"The phases are numbered from 1 to {len(phases)}")
    return [phases[number - 1]], path[2:]


def _checked(values: dict[str, Any]) -> Config:
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise _refusal(error.errors()[0]) from error
    _check_names(config)
    return config


def _refusal(error: ErrorDetails) -> ConfigError:
    """Returns one line for people: the key, its value and what is allowed."""
    key = ".".join(str(part + 1) if isinstance(part, int) else part for part in error["loc"])
    general = ".".join(part for part in error["loc"] if isinstance(part, str))
    if error["type"] == "extra_forbidden":
        return ConfigError(f"there is no setting '{key}'", _nearest_key(general))
    hint = KEYS.get(general, "")
    match error["type"]:
        case "value_error":
            return ConfigError(f"{key}: {error['ctx']['error']}", hint)  # pyright: ignore[reportTypedDictNotRequiredAccess]
        case "model_type" | "dict_type":
            allowed = "must be a table of values"
        case "tuple_type" if general == "phase":
            allowed, hint = "must be a list of tables", _PHASE_HINT
        case "tuple_type":
            allowed = "must be a list"
        case "missing":  # within a list of fixed length: the place that is empty is named, what is shown is the list
            key, allowed = key.rpartition(".")[0], "must have more values"
        case "string_type":
            allowed = "must be text, in quotes"
        case _:
            allowed = "must " + error["msg"].split(" should ", 1)[-1]
    return ConfigError(f"{key} = {_shown(error['input'])} {allowed}", hint)


def _shown(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _nearest_key(key: str) -> str:
    """Returns a hint to the setting that was meant: the same word in another section, one that begins with it, or a similar one."""
    section, _, word = key.rpartition(".")
    elsewhere = [known for known in KEYS if known.endswith(f".{word}")]
    if elsewhere:
        return f"Did you mean {' or '.join(elsewhere)}?"
    inside = [known for known in KEYS if known.startswith(f"{section}.")]
    begun = [known for known in inside if known.startswith(key)]
    return did_you_mean(key, begun or inside or _SECTIONS)


def _check_names(config: Config) -> None:
    """Refuses names that nothing has; imported here because torch takes a second, and `--help` needs none."""
    from sharpen_train.architectures import ARCHITECTURES
    from sharpen_train.degradations import find_preset
    from sharpen_train.losses import LOSSES, PERCEPTUAL

    if config.model.arch not in ARCHITECTURES:
        raise ConfigError(f"there is no architecture '{config.model.arch}'", did_you_mean(config.model.arch, ARCHITECTURES))
    for phase in config.phase:
        find_preset(phase.preset)
    names = [*LOSSES, *PERCEPTUAL]
    for name in config.loss.terms:
        if name not in names:
            raise ConfigError(f"there is no loss '{name}'", did_you_mean(name, names))
    networks = [name for name, weight in config.loss.terms.items() if weight and name in PERCEPTUAL]
    if len(networks) > 1:
        raise ConfigError(f"only one loss can see features, not {' and '.join(networks)}", "Leave one out: --set loss.terms.vgg16=0")
    if networks and not config.loss.perceptual_weights:
        raise ConfigError(
            f"the loss '{networks[0]}' needs weights: {PERCEPTUAL[networks[0]].files}",
            f"Give them: --set loss.perceptual_weights=FILE, or leave it out: --set loss.terms.{networks[0]}=0",
        )
