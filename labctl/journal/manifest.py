"""What every manifest says, whatever else it says beside."""

import json
import math
from collections.abc import Mapping

REQUIRED: Mapping[str, type | tuple[type, ...]] = {
    "run": str,
    "simulated": bool,
    "start_unix": (int, float),
    "bench": str,
    "channel": str,
    "protocol": Mapping,
    "cell": Mapping,
}
"""`start_unix` is UTC seconds at test time 0; `protocol` has `name`; `cell` has `id`, and
`area_cm2` where it is known. `limits` is shown to MQTT's subscribers as it stands."""

SECRET_WORDS = ("password", "passwd", "secret", "token", "api_key")


def manifest_text(manifest: Mapping[str, object]) -> str:
    """The manifest as JSON. Raises ValueError naming what is missing, wrong, secret or no JSON."""
    for name, kind in REQUIRED.items():
        if not isinstance(manifest.get(name), kind):
            raise ValueError(f"the manifest needs `{name}`")
    for outer, inner in (("protocol", "name"), ("cell", "id")):
        part = manifest[outer]
        if not isinstance(part, Mapping) or not isinstance(part.get(inner), str):
            raise ValueError(f"the manifest needs `{outer}.{inner}` as text")
    start = manifest["start_unix"]
    if not isinstance(start, int | float) or not math.isfinite(start):
        raise ValueError("the manifest's `start_unix` is no time")
    _refuse_secrets(manifest, "")
    return json.dumps(manifest, allow_nan=False, ensure_ascii=False)


def _refuse_secrets(data: object, path: str) -> None:
    if isinstance(data, Mapping):
        for name, value in data.items():
            place = f"{path}.{name}" if path else str(name)
            # {env: NAME} and {file: PATH} say where a secret is, not what it is.
            says = isinstance(value, str) and value
            if says and any(word in str(name).lower() for word in SECRET_WORDS):
                raise ValueError(f"a manifest never holds a secret: `{place}`")
            _refuse_secrets(value, place)
    elif isinstance(data, list | tuple):
        for index, value in enumerate(data):
            _refuse_secrets(value, f"{path}[{index}]")
