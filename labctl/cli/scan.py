"""`labctl scan`: what is connected to this PC, and who answers."""

import asyncio
import sys
from typing import Annotated

from cyclopts import Parameter

from labctl.cli.exits import Refused
from labctl.cli.options import JsonOption
from labctl.cli.output import print_json, print_lines
from labctl.show.columns import in_columns


def scan(
    *resources: Annotated[
        str, Parameter(name="RESOURCE", help="More addresses to ask, as in a bench file.")
    ],
    list_only: Annotated[
        bool, Parameter(name="--list-only", negative="", help="Send nothing at all.")
    ] = False,
    json: JsonOption = False,
) -> int:
    """List VISA resources and serial ports, and who answers there.

    Only questions are sent that change no setting (`*IDN?`, and on serial ports and raw sockets
    what instruments without it answer to); an instrument in the middle of a test by another
    program should not even hear these: --list-only sends nothing. Raw sockets cannot be found and
    have to be named.

    For example:

        labctl scan
        labctl scan TCPIP::192.168.1.20::5025::SOCKET
        labctl scan --list-only --json
    """
    from labctl.bench.scanning import Address, addresses, identify_all
    from labctl_drivers.link import make_transport

    for resource in resources:
        try:
            make_transport(resource)
        except ValueError as error:
            raise Refused(str(error)) from error
    listed, problems = addresses()
    known = {address.resource for address in listed}
    listed += [Address(each) for each in dict.fromkeys(resources) if each not in known]
    for problem in problems:
        print(f"labctl: not all could be listed: {problem}", file=sys.stderr)
    found = asyncio.run(identify_all(listed, ask=not list_only))
    if json:
        print_json({"found": [each.document() for each in found]})
        return 0
    rows = []
    for each in found:
        who = each.identity
        name = each.why if who is None else f"{who.maker} {who.model} {who.serial}"
        rows.append([each.address.resource, name, ", ".join(each.drivers), each.address.what])
    if not rows:
        print_lines(["nothing is listed by VISA or the system; name a RESOURCE to ask there"])
        return 0
    print_lines(in_columns(["resource", "who answers", "driver", "what"], rows))
    return 0
