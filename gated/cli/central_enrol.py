"""``gated central enrol | retire | fingerprint | broker-config``: the office's side of enrolment."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gated.cli.common import add_json, command, utc

if TYPE_CHECKING:
    from collections import Counter

    from gated.central.broker_config import Written
    from gated.central.enrolment import Answered, EnrolmentDesk

_ENROL = """\
  gated central enrol ./city --sector pools --venue bron --request bron-1.request \\
      --fingerprint XXXX-XXXX-XXXX-XXXX --broker mqtts://broker.city.example:8883 --out bron-1.enrolment

the technician reads the request's fingerprint to you; then read the printed one to the technician
"""
_RETIRE = """\
  gated central retire ./city --gate bron-1

then write the broker's files anew (gated central broker-config) and let it read them (kill -HUP)
"""
_FINGERPRINT = """\
  gated central fingerprint ./city
"""
_BROKER = """\
  gated central broker-config ./city --host broker.city.example --out /etc/mosquitto/gated
  gated central broker-config ./city --host 10.0.0.5 --at /etc/mosquitto/gated --out ./to-be-copied

run it again after each enrolment and retirement: keys stay; then kill -HUP the broker
"""


def add(below: Any) -> None:
    """Add the commands to those of ``gated central``."""
    _add_enrol(below)
    retire = command(below, "retire", "end a gate's enrolment, as when the box was stolen", _RETIRE)
    _place(retire)
    retire.add_argument("--gate", required=True, metavar="NAME", help="the gate")
    retire.set_defaults(run=run_retire)

    told = command(below, "fingerprint", "show the fingerprint that technicians ask for", _FINGERPRINT)
    _place(told)
    told.set_defaults(run=run_fingerprint)
    _add_broker(below)


def _add_enrol(below: Any) -> None:
    enrol = command(below, "enrol", "answer a box's request: it becomes a gate", _ENROL)
    _place(enrol)
    enrol.add_argument("--sector", required=True, metavar="NAME", help="the venue's sector")
    enrol.add_argument("--venue", required=True, metavar="NAME", help="where the gate stands")
    enrol.add_argument(
        "--request", type=Path, required=True, metavar="FILE", help="made by `gated enrol request`"
    )
    enrol.add_argument(
        "--fingerprint", required=True, metavar="FINGERPRINT", help="of the request, as told by phone"
    )
    enrol.add_argument(
        "--broker", required=True, metavar="URL", help="as the gate reaches it: mqtts://HOST[:8883]"
    )
    enrol.add_argument(
        "--days", type=int, default=825, metavar="N", help="of the certificate (default: %(default)s)"
    )
    enrol.add_argument(
        "--valid-hours",
        type=int,
        default=168,
        metavar="N",
        help="of the file, if not installed (default: %(default)s)",
    )
    enrol.add_argument(
        "--replace", action="store_true", help="end the enrolment that a gate of this name has"
    )
    enrol.add_argument(
        "--stick",
        type=Path,
        metavar="PATH",
        help="also write there what the gate will know from the first tap",
    )
    enrol.add_argument("--out", type=Path, required=True, metavar="FILE", help="the enrolment to be written")
    enrol.set_defaults(run=run_enrol)


def _add_broker(below: Any) -> None:
    broker = command(below, "broker-config", "write mosquitto's configuration for the fleet", _BROKER)
    _place(broker)
    broker.add_argument("--host", required=True, metavar="NAME", help="of the broker, as gates reach it")
    broker.add_argument(
        "--gate-port", type=int, default=8883, metavar="N", help="gates' door (default: %(default)s)"
    )
    broker.add_argument(
        "--central-port", type=int, default=8884, metavar="N", help="central's door (default: %(default)s)"
    )
    broker.add_argument(
        "--gate-bind", default="", metavar="ADDRESS", help="gates' door (default: every address)"
    )
    broker.add_argument(
        "--central-bind", default="127.0.0.1", metavar="ADDRESS", help="central's door (default: %(default)s)"
    )
    broker.add_argument(
        "--workers", type=int, default=2, metavar="N", help="of central's (default: %(default)s)"
    )
    broker.add_argument(
        "--days", type=int, default=825, metavar="N", help="of its certificates (default: %(default)s)"
    )
    broker.add_argument(
        "--at", type=Path, metavar="DIR", help="where the folder will stand (default: as --out)"
    )
    broker.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder to be written")
    broker.set_defaults(run=run_broker_config)


def _place(made: argparse.ArgumentParser) -> None:
    made.add_argument("directory", type=Path, metavar="DIR", help="the office's directory")
    add_json(made)


def run_enrol(arguments: argparse.Namespace) -> int:
    """Enrol a gate."""
    from gated.central.enrolment import Wanted
    from gated.cli.exchange import read_carried, write_carried
    from gated.errors import ConfigError
    from gated.wire.enrolment import MAX_REQUEST_BYTES, read_broker
    from gated.wire.seal import ENVELOPE_BYTES

    desk = _desk(arguments)
    raw = read_carried(arguments.request, MAX_REQUEST_BYTES + ENVELOPE_BYTES)
    if not arguments.out.absolute().parent.is_dir():
        raise ConfigError(
            f"there is no folder for {arguments.out}", hint="name a file in a folder that is there"
        )
    try:
        broker = read_broker(arguments.broker)
    except ValueError as error:
        raise ConfigError(f"--broker {error}", hint="as the gate reaches it") from None
    wanted = Wanted(arguments.sector, arguments.venue, broker, arguments.days, arguments.valid_hours)
    made = desk.enrol(raw, arguments.fingerprint, wanted, now=_now(), replace=arguments.replace)
    write_carried(
        arguments.out,
        made.file,
        hint="the gate is enrolled: run the same again with --replace, to a disk that takes it",
    )
    carried = None
    if arguments.stick is not None:
        from gated.cli.central_stick import write_stick

        _, carried = write_stick(
            arguments.directory,
            arguments.stick,
            sector=None,
            gate=made.gate,
            progress=lambda _what: lambda _count: None,
        )
    _tell_enrolled(arguments, desk.fingerprint, made, carried)
    return 0


def _tell_enrolled(
    arguments: argparse.Namespace, fingerprint: str, made: Answered, carried: Counter[str] | None
) -> None:
    if arguments.json:
        told = {
            "file": str(arguments.out),
            "gate": made.gate,
            "kid": made.kid.hex(),
            "serial": made.serial,
            "expires": made.expires,
            "central": fingerprint,
        }
        print(json.dumps(told | ({} if carried is None else {"stick": dict(carried)})))
    else:
        print(f"{arguments.out}: makes the box gate {made.gate}; install it before {utc(made.expires)}")
        print(f"read this fingerprint to the technician over the phone: {fingerprint}")
        if carried is not None:
            print(f"{arguments.stick}: {sum(carried.values())} files for its first day; bring it along")
        print("next: gated central broker-config, then let the broker read it (kill -HUP)")


def run_retire(arguments: argparse.Namespace) -> int:
    """Retire a gate."""
    _desk(arguments).retire(arguments.gate, now=_now())
    if arguments.json:
        print(json.dumps({"gate": arguments.gate, "enrolled": False}))
    else:
        print(f"{arguments.gate}: enrolled no longer; what it signs is not believed from now on")
        print("next: gated central broker-config, then let the broker read it (kill -HUP)")
    return 0


def run_fingerprint(arguments: argparse.Namespace) -> int:
    """Show the office's fingerprint."""
    told = _desk(arguments).fingerprint
    print(json.dumps({"central": told}) if arguments.json else told)
    return 0


def run_broker_config(arguments: argparse.Namespace) -> int:
    """Write the broker's files."""
    import secrets

    from gated.central.broker_config import write_broker
    from gated.central.broker_text import BrokerPlace
    from gated.central.share import share_group

    place = BrokerPlace(
        host=arguments.host,
        gate_port=arguments.gate_port,
        central_port=arguments.central_port,
        gate_bind=arguments.gate_bind,
        central_bind=arguments.central_bind,
        workers=arguments.workers,
        at=arguments.at or arguments.out.absolute(),
    )
    written = write_broker(
        arguments.directory,
        arguments.out,
        place,
        _desk(arguments).gates(),
        now=_now(),
        days=arguments.days,
        random=secrets.token_bytes,
    )
    share_group(arguments.directory, secrets.token_bytes)  # an office of an earlier release has none
    _tell_written(arguments, written)
    return 0


def _tell_written(arguments: argparse.Namespace, written: Written) -> None:
    if arguments.json:
        told = {
            "folder": str(arguments.out),
            "gates": written.enrolled,
            "ended": written.ended,
            "renewed": list(written.renewed),
        }
        print(json.dumps(told))
        return
    print(f"{arguments.out}: {written.enrolled} gates may connect, {written.ended} enrolments ended")
    for path in written.renewed:
        print(f"  new certificate: {path}")
    if written.renewed:
        print("next: restart the broker")
    else:
        print("next: let the broker read it (kill -HUP, or systemctl reload mosquitto)")


def _desk(arguments: argparse.Namespace) -> EnrolmentDesk:
    import secrets

    from gated.central.enrolment import EnrolmentDesk

    return EnrolmentDesk(arguments.directory, secrets.token_bytes)


def _now() -> int:
    from gated.devices.clock import SystemClock

    return SystemClock().sample().wall
