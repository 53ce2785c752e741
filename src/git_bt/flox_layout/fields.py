"""The words of FLOX's bundle format, and its config beside ours.

FLOX nests the slippage parameters and leaves out what is 0; ours is flat and complete, so that a
bundle packed by FLOX and our own pack of the same inputs have the same inputs id.
"""

from collections.abc import Mapping
from typing import Any

from git_bt.canonical import encode_json, normalise
from git_bt.errors import Corrupt
from git_bt.fields import DIGEST
from git_bt.paths import check_path

VERSION = 1
MANIFEST = "manifest.json"
PARAMS = "config/params.json"
EXPECTED = "expected_output.json"
TRACES = ("expected.lrvxrun/", "expected.floxrun/")
OUR_TRACE = "expected.floxrun/"
RUN_TRACE = "run.floxrun/"  # below output/, in our own layout
OURS = "git_bt"

MODELS = ("none", "fixed_ticks", "fixed_bps", "volume_impact")
SLIPPAGE: Mapping[str, str] = {
    "ticks": "slippage_ticks",
    "tick_size": "slippage_tick_size",
    "bps": "slippage_bps",
    "impact_coeff": "impact_coeff",
}
"""Parameter of FLOX to key of our config."""


def check_version(value: Mapping[str, Any]) -> None:
    """Refuse any bundle format version but the integer 1.

    Raises:
        Corrupt: true, 1.0 and "1" are no version; a newer one is named.
    """
    version = value.get("bundle_format_version")
    if type(version) is not int:
        raise Corrupt(
            f"{MANIFEST}: bundle_format_version must be the integer 1, is {version!r:.40}"
        )
    if version > VERSION:
        raise Corrupt(
            f"{MANIFEST}: bundle format {version} is not known to this git-bt, which reads 1",
            hint="upgrade git-bt: pip install -U git-bt",
        )
    if version != VERSION:
        raise Corrupt(f"{MANIFEST}: there is no bundle format {version}")


def config_of(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return our complete flat config from FLOX's manifest.

    Raises:
        Corrupt: a key missing, of the wrong type, unknown or out of range.
    """
    params = slippage_params(value, MANIFEST)
    config: dict[str, Any] = {
        "symbol_name": word(value, "symbol_name"),
        "exchange": word(value, "exchange"),
        "tick_size": number(value, "tick_size", MANIFEST),
        "slippage_model": slippage_model(value, MANIFEST),
    }
    if not config["tick_size"] > 0:
        raise Corrupt(f"{MANIFEST}: 'tick_size' must be above 0, is {config['tick_size']!r}")
    for name, key in SLIPPAGE.items():
        found = number(params, name, MANIFEST) if name in params else 0
        config[key] = int(found) if name == "ticks" else found  # FLOX itself cuts ticks to an int
    return config


def flox_keys(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of FLOX's manifest from our config; what is 0 is left out, as FLOX does.

    Raises:
        Corrupt: the config is not a complete one of flox.
    """
    try:
        plain = {key: config[key] for key in ("symbol_name", "exchange", "tick_size")}
        params = {name: config[key] for name, key in SLIPPAGE.items() if config[key] != 0}
        model = config["slippage_model"]
    except KeyError as e:
        raise Corrupt(f"the bundle's config lacks {e.args[0]!r}") from e
    return {**plain, "slippage_model": model, "slippage_params": params}


def check_params(params: Any, manifest: Mapping[str, Any]) -> None:
    """Hold config/params.json against the manifest; other keys in it are not FLOX's business.

    Raises:
        Corrupt: no object, or another slippage than the manifest's.
    """
    if not isinstance(params, dict):
        raise Corrupt(f"{PARAMS}: must be an object")
    # Old releases wrote {} for the defaults.
    model = slippage_model({"slippage_model": "none", **params}, PARAMS)
    some = slippage_params({"slippage_params": {}, **params}, PARAMS)
    said = {"slippage_model": model, "slippage_params": some}
    for key, value in said.items():
        if encode_json(normalise(value)) != encode_json(normalise(manifest[key])):
            raise Corrupt(f"{PARAMS}: {key!r} contradicts {MANIFEST}")


def slippage_model(value: Mapping[str, Any], what: str) -> str:
    """Return a known slippage model; the engine itself takes any word and does nothing."""
    found = value.get("slippage_model")
    if found not in MODELS or not isinstance(found, str):
        raise Corrupt(f"{what}: 'slippage_model' must be one of {', '.join(MODELS)}")
    return found


def slippage_params(value: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Return the slippage parameters, all known and 0 or above."""
    found = value.get("slippage_params")
    if not isinstance(found, dict):
        raise Corrupt(f"{what}: 'slippage_params' must be an object")
    for name in found:
        if name not in SLIPPAGE:
            raise Corrupt(f"{what}: slippage parameter {name!r:.60} is not known")
        if number(found, name, what) < 0:
            raise Corrupt(f"{what}: slippage parameter {name!r} is below 0")
    return found


def number(value: Mapping[str, Any], key: str, what: str) -> int | float:
    """Return a number, which true is not; JSON was read strictly, so it is finite."""
    found = value.get(key)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise Corrupt(f"{what}: {key!r} must be a number")
    return found


def word(value: Mapping[str, Any], key: str, what: str = MANIFEST) -> str:
    """Return text that is not empty."""
    found = value.get(key)
    if not isinstance(found, str) or not found:
        raise Corrupt(f"{what}: {key!r} must be text")
    return found


def whole(value: Mapping[str, Any], key: str, what: str = MANIFEST) -> int:
    """Return a whole number of 0 or more."""
    found = value.get(key)
    if type(found) is not int or found < 0:
        raise Corrupt(f"{what}: {key!r} must be a whole number of 0 or more")
    return found


def digest(value: Mapping[str, Any], key: str) -> str:
    """Return a sha256 in lower-case hex."""
    found = word(value, key)
    if not DIGEST.fullmatch(found):
        raise Corrupt(f"{MANIFEST}: {key!r} must be a sha256 in lower-case hex")
    return found


def entry_point(value: Mapping[str, Any]) -> str:
    """Return the strategy's path below strategy/; an engine joins it unchecked and runs it."""
    path = word(value, "strategy_filename")
    try:
        check_path(path)
    except Corrupt as e:
        raise Corrupt(f"{MANIFEST}: strategy_filename: {e.message}") from e
    return path
