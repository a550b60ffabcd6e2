"""The Rodeostat's commands: name → since which hardware there is one, and what it does.

Sources: instruments.md §5; IO Rodeo's firmware (`ps_system_state`, `ps_voltammetry`) for the
multiplexer's and for what goes wrong with single keys.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from labctl_rodeostat.sim_analog import ELECTRODES
from labctl_rodeostat.sim_waves import (
    DEFAULTS,
    MUX_TESTS,
    is_number,
    is_whole,
    take_parameters,
    wave,
)

if TYPE_CHECKING:
    from labctl_rodeostat.simulator import Rodeostat

Reply = dict[str, Any]
Request = Mapping[str, Any]
Do = Callable[["Rodeostat", Request], Reply]
VERSION = "FW0.1.0"
MUX_CHANNELS = 7
NO_MUX = "multiplexer hardware not supported"


class Refused(Exception):
    """What a command answers when it fails; `.reply` is what it says besides."""

    def __init__(self, message: str, reply: Reply | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reply = reply or {}


def needed(request: Request, key: str) -> Any:  # noqa: ANN401 - whatever a client sends
    """The value of a key. Raises Refused when it is not there."""
    if key not in request:
        raise Refused(f"json does not contain key: {key}")
    return request[key]


def flag(request: Request, key: str) -> bool:
    """A value that is true or false. Raises Refused."""
    value = needed(request, key)
    if not isinstance(value, bool):
        raise Refused(f"unable to convert '{key}' to bool")
    return value


def named_test(request: Request, missing: str = "json does not contain key: test") -> str:
    """The name of a test that there is. Raises Refused."""
    if "test" not in request:
        raise Refused(missing)
    name = request["test"]
    if not isinstance(name, str) or name not in DEFAULTS:
        raise Refused("test not found", {"test": name})
    return name


def run_test(device: "Rodeostat", request: Request) -> Reply:
    """runTest."""
    name = named_test(request)
    if device.mux_on:
        if name not in MUX_TESTS:
            raise Refused(f"test, {name}, is not mux compatible", {"test": name})
        if not device.mux_channels:
            message = "mux running, but no enabled working electrode channels"
            raise Refused(message, {"test": name})
    device.start_test(name)
    return {"test": name}


def stop_test(device: "Rodeostat", _: Request) -> Reply:
    """stopTest."""
    device.stop_test()
    return {}


def get_volt(device: "Rodeostat", _: Request) -> Reply:
    """getVolt."""
    return {"v": round(device.analog.output_V(), 6)}


def set_volt(device: "Rodeostat", request: Request) -> Reply:
    """setVolt."""
    value = needed(request, "v")
    if not is_number(value):
        raise Refused("unable to convert volt to float")
    device.set_V = float(value)
    return {"v": round(device.analog.quantised(float(value)), 6)}


def get_curr(device: "Rodeostat", _: Request) -> Reply:
    """getCurr."""
    return {"i": round(device.analog.current_uA()[0], 6)}


def get_ref_volt(device: "Rodeostat", _: Request) -> Reply:
    """getRefVolt."""
    return {"r": round(device.analog.reference_V(), 6)}


def set_param(device: "Rodeostat", request: Request) -> Reply:
    """setParam."""
    name = named_test(request, "test key not found")
    reply: Reply = {"test": name}
    if "param" not in request:
        raise Refused("key param missing", reply)
    if not isinstance(request["param"], dict):
        raise Refused("param not JsonObject", reply)
    reply["param"], wrong = take_parameters(name, device.parameters[name], request["param"])
    if wrong:
        raise Refused(wrong, reply)
    return reply


def get_param(device: "Rodeostat", request: Request) -> Reply:
    """getParam."""
    name = named_test(request)
    return {"test": name, "param": device.parameters[name]}


def get_done_time(device: "Rodeostat", request: Request) -> Reply:
    """getTestDoneTime."""
    name = named_test(request, "test key not found")
    made = wave(name, device.parameters[name], device.period_us)
    return {"test": name, "testDoneTime": made.done_us // 1000}


def _names(key: str, attribute: str, ranges: str) -> tuple[Do, Do]:
    def set_range(device: "Rodeostat", request: Request) -> Reply:
        name, analog = needed(request, key), device.analog
        if not isinstance(name, str) or name not in getattr(analog, ranges):
            reply = {key: getattr(analog, attribute)}
            raise Refused(f"{key}, {name if isinstance(name, str) else ''}, not found", reply)
        setattr(analog, attribute, name)
        return {key: name}

    def get_range(device: "Rodeostat", _: Request) -> Reply:
        return {key: getattr(device.analog, attribute)}

    return set_range, get_range


def set_device_id(device: "Rodeostat", request: Request) -> Reply:
    """setDeviceId."""
    value = needed(request, "deviceId")
    if not is_whole(value):
        raise Refused("deviceId not uint32")
    device.device_id = value
    return {"deviceId": value}


def set_period(device: "Rodeostat", request: Request) -> Reply:
    """setSamplePeriod."""
    value = needed(request, "samplePeriod")
    if not is_whole(value):
        raise Refused("json samplePeriod value is not uin32_t")
    if value > 1000:
        raise Refused("json samplePeriod value is too large")
    if value < 1:
        raise Refused("json samplePeriod value is too small")
    device.period_us = value * 1000
    return {"samplePeriod": value}


def _relay(names: tuple[str, ...]) -> tuple[Do, Do]:
    def get(device: "Rodeostat", _: Request) -> Reply:
        return {"connected": all(device.analog.relays[name] for name in names)}

    def connect(device: "Rodeostat", request: Request) -> Reply:
        wanted = flag(request, "connected")
        device.analog.relays |= dict.fromkeys(names, wanted)
        return get(device, request)

    return connect, get


def set_auto(device: "Rodeostat", request: Request) -> Reply:
    """setElectAutoConnect."""
    device.auto_connect = flag(request, "autoConnect")
    return {"autoConnect": device.auto_connect}


def _muxed(command: Do) -> Do:
    def checked(device: "Rodeostat", request: Request) -> Reply:
        if not device.has_mux:
            raise Refused(NO_MUX)
        return command(device, request)

    return checked


def set_mux(device: "Rodeostat", request: Request) -> Reply:
    """setMuxEnabled."""
    value = needed(request, "muxEnabled")
    if not isinstance(value, bool):
        raise Refused("unable to convert muxEnabled to bool")
    device.mux_on = value
    disconnect_mux(device, request)
    return {"muxEnabled": value}


def set_mux_channels(device: "Rodeostat", request: Request) -> Reply:
    """setEnabledMuxChannels."""
    wanted = needed(request, "muxChannel")
    if not isinstance(wanted, list):
        raise Refused("muxChannel not a JsonArray")
    if len(wanted) > MUX_CHANNELS:
        raise Refused("muxChannel array too large")
    for each in wanted:
        if not is_whole(each):
            raise Refused("muxChannel element not an int")
        if not 1 <= each <= MUX_CHANNELS:
            raise Refused("muxChannel element out of range")
    device.mux_channels = wanted
    return {"muxChannel": wanted}


def disconnect_mux(device: "Rodeostat", _: Request) -> Reply:
    """disconnectAllMuxElect."""
    device.mux_connected = dict.fromkeys(device.mux_connected, 0)
    return {}


def _mux_relay(name: str) -> tuple[Do, Do]:
    def get(device: "Rodeostat", _: Request) -> Reply:
        at = device.mux_connected[name] if device.mux_on else 0
        return {"connected": at if name == "Wrk" and at else bool(at)}

    def connect(device: "Rodeostat", request: Request) -> Reply:
        value = needed(request, "connected")
        if not device.mux_on:
            raise Refused("mux not enabled - unable to connect/disconnect")
        device.mux_connected[name] = _mux_wanted(device, name, value)
        return get(device, request)

    return connect, get


def _mux_wanted(device: "Rodeostat", name: str, value: object) -> int:
    if isinstance(value, bool):
        if name == "Wrk" and value:
            raise Refused("if bool 'connected' must be false")
        return int(value)
    if name != "Wrk":
        raise Refused("unable to convert 'connected' to bool")
    if not is_whole(value):
        raise Refused("connected must be bool or int")
    if value not in device.mux_channels:
        raise Refused("mux channel is not enabled")
    return int(str(value))


ALWAYS, SINCE_2 = "V0.1", "V0.2"
SET_VOLTS, GET_VOLTS = _names("voltRange", "volt_range", "volt_ranges")
SET_AMPS, GET_AMPS = _names("currRange", "curr_range", "curr_ranges")
SET_REF, GET_REF = _names("voltRange", "ref_range", "volt_ranges")
COMMANDS: dict[str, tuple[str, Do]] = {
    "runTest": (ALWAYS, run_test),
    "stopTest": (ALWAYS, stop_test),
    "getVolt": (ALWAYS, get_volt),
    "setVolt": (ALWAYS, set_volt),
    "getCurr": (ALWAYS, get_curr),
    "getRefVolt": (ALWAYS, get_ref_volt),
    "setParam": (ALWAYS, set_param),
    "getParam": (ALWAYS, get_param),
    "setVoltRange": (ALWAYS, SET_VOLTS),
    "getVoltRange": (ALWAYS, GET_VOLTS),
    "setCurrRange": (ALWAYS, SET_AMPS),
    "getCurrRange": (ALWAYS, GET_AMPS),
    "setDeviceId": (ALWAYS, set_device_id),
    "getDeviceId": (ALWAYS, lambda d, _: {"deviceId": d.device_id}),
    "setSamplePeriod": (ALWAYS, set_period),
    "getSamplePeriod": (ALWAYS, lambda d, _: {"samplePeriod": d.period_us // 1000}),
    "getTestDoneTime": (ALWAYS, get_done_time),
    "getTestNames": (ALWAYS, lambda _, __: {"testNames": list(DEFAULTS)}),
    "getVersion": (ALWAYS, lambda _, __: {"version": VERSION}),
    "getVariant": (ALWAYS, lambda d, _: {"variant": d.model}),
    "setMuxEnabled": (ALWAYS, _muxed(set_mux)),
    "getMuxEnabled": (ALWAYS, _muxed(lambda d, _: {"muxEnabled": d.mux_on})),
    "setEnabledMuxChannels": (ALWAYS, _muxed(set_mux_channels)),
    "getEnabledMuxChannels": (ALWAYS, _muxed(lambda d, _: {"muxChannel": d.mux_channels})),
    "getMuxTestNames": (ALWAYS, _muxed(lambda _, __: {"testNames": list(MUX_TESTS)})),
    "disconnectAllMuxElect": (ALWAYS, _muxed(disconnect_mux)),
    "setElectAutoConnect": (SINCE_2, set_auto),
    "getElectAutoConnect": (SINCE_2, lambda d, _: {"autoConnect": d.auto_connect}),
    "setRefElectVoltRange": (SINCE_2, SET_REF),
    "getRefElectVoltRange": (SINCE_2, GET_REF),
    "getHardwareVersion": (SINCE_2, lambda d, _: {"version": d.hardware}),
}
for _name in ELECTRODES:
    _set, _get = _mux_relay(_name)
    COMMANDS[f"setMux{_name}ElectConnected"] = (ALWAYS, _muxed(_set))
    COMMANDS[f"getMux{_name}ElectConnected"] = (ALWAYS, _muxed(_get))
for _label, _names_of in [*((n, (n,)) for n in ELECTRODES), ("All", ELECTRODES)]:
    _set, _get = _relay(_names_of)
    COMMANDS[f"set{_label}ElectConnected"] = (SINCE_2, _set)
    COMMANDS[f"get{_label}ElectConnected"] = (SINCE_2, _get)
