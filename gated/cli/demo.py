"""``gated demo``: a gate at work, with an outage and a power cut. No hardware, no root, no network."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gated.cli.common import add_json, command

if TYPE_CHECKING:
    from gated.cli.demo_show import Show
    from gated.errors import GatedError

_EXAMPLES = """\
  gated demo                          a live table of visitors, then a summary
  gated demo --taps 1000 --json       the last line is one JSON object
  gated demo --seed 7                 another day, the same each time
  gated demo --refuse-to-turn 0.2     the turnstile jams now and then: uses are given back
  gated demo --broker mqtt://localhost
                                      through a real broker on this machine
  gated demo --broker mqtts://broker.example --tls DIR
                                      DIR holds ca.crt, gate.crt, gate.key, central.crt, central.key

real: cryptography, statements, SQLite files, the journal, the kill, central and its ledger.
simulated: reader, media, turnstile, and without --broker the broker.
"""


def add(commands: Any) -> None:
    """Add the command."""
    demo = command(commands, "demo", "watch a gate at work, without hardware", _EXAMPLES)
    demo.add_argument("--taps", type=_taps, default=60, metavar="N", help="visitors (default: %(default)s)")
    demo.add_argument(
        "--seed", type=int, default=1, metavar="N", help="who comes when (default: %(default)s)"
    )
    demo.add_argument(
        "--refuse-to-turn",
        type=_share,
        default=0.0,
        metavar="P",
        help="how often, from 0 to 1, the turnstile does not turn though released (default: %(default)s)",
    )
    demo.add_argument("--keep", type=Path, metavar="DIR", help="keep the gate's files there, to look at them")
    demo.add_argument("--broker", type=_broker, metavar="URL", help="a real MQTT 5 broker")
    demo.add_argument("--tls", type=Path, metavar="DIR", help="certificates and keys for mqtts://")
    add_json(demo)
    demo.set_defaults(run=run_demo)

    gate = commands.add_parser("demo-gate")  # the demo's own process; no help text: not a command for people
    gate.add_argument("--config", type=Path, required=True)
    for name in ("seed", "first", "last", "stand-at", "out-from", "out-to"):
        gate.add_argument(f"--{name}", type=int, required=True)
    gate.add_argument("--refuse-to-turn", type=float, default=0.0)
    gate.add_argument("--broker")
    gate.add_argument("--tls", type=Path)
    gate.set_defaults(run=_run_gate)


def _taps(text: str) -> int:
    taps = int(text)
    if not 20 <= taps <= 1_000_000:
        raise argparse.ArgumentTypeError("must lie between 20 and 1000000")
    return taps


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError("must lie between 0 and 1")
    return share


def _broker(text: str) -> str:
    from gated.wire.broker import broker_url

    try:
        broker_url(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _run_gate(arguments: argparse.Namespace) -> int:
    from gated.cli.demo_gate import run

    return run(arguments)


def run_demo(arguments: argparse.Namespace) -> int:
    """Run the demo; exit code 1 and one line on stderr if anything went otherwise than told."""
    import tempfile

    from gated.cli.demo_show import show_for
    from gated.errors import ConfigError

    with tempfile.TemporaryDirectory(prefix="gated-demo-") as scratch:
        directory = Path(scratch) if arguments.keep is None else arguments.keep.absolute()
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise ConfigError(f"{directory} is not empty", hint="give --keep a new directory")
        with show_for(as_json=arguments.json) as show:
            summary, defects = _play(arguments, directory, show)
            show.end(summary, defects)
    if arguments.json:
        print(json.dumps(summary))
    wrong = [*_wrong(summary, arguments.taps), *defects]
    if wrong:
        print(f"gated: the demo went wrong: {'; '.join(wrong)}", file=sys.stderr)
    return 1 if wrong else 0


def _wrong(summary: dict[str, Any], taps: int) -> Iterator[str]:
    """What of the story did not happen."""
    for name, told, expected in (
        ("visitors answered", summary["taps"], taps),
        ("restarts", summary["restarts"], 1),
        ("passages left unknown by the power cut", summary["unknown"], 1),
        ("passages unsettled", summary["unsettled"], 0),
        ("outages", summary["outages"], 1),
        ("rows acknowledged", summary["acknowledged"], summary["journaled"]),
        ("rows at central", summary["at_central"], summary["journaled"]),
        ("uses given back", summary["given_back"], summary["not_taken"]),
        ("people told otherwise at central", summary["differing"], 0),
        ("rows lost", summary["lost"], 0),
        ("rows twice at central", summary["duplicates"], 0),
    ):
        if told != expected:
            yield f"{name}: {told}, not {expected}"


def _play(arguments: argparse.Namespace, directory: Path, show: Show) -> tuple[dict[str, Any], list[str]]:
    from gated.cli.demo_cast import issue
    from gated.cli.demo_central import enrol, reach
    from gated.cli.demo_summary import summary_of
    from gated.devices.clock import SystemClock

    if arguments.broker is not None:
        reach(arguments.broker, arguments.tls)

    statements = issue(directory / "central", arguments.seed, SystemClock().sample().wall)
    config = _configure(directory)
    enrol(directory, directory / "central")
    _import(statements, config)
    taps: list[dict[str, Any]] = []
    said = _serve(arguments, config, show, taps, stand_at=_granted_visit(arguments.seed, arguments.taps))
    show.note("power cut: the gate is killed while somebody stands in the turnstile")
    end = said | _serve(arguments, config, show, taps, stand_at=None)
    return summary_of(directory, taps, end)


def _serve(
    arguments: argparse.Namespace,
    config: Path,
    show: Show,
    taps: list[dict[str, Any]],
    *,
    stand_at: int | None,
) -> dict[str, Any]:
    """Run the gate's process; kill it at visit ``stand_at``. Returns what it said beside its taps.

    Raises ``GatedError`` when it ends otherwise than it should.
    """
    import signal
    import subprocess

    words = _words(arguments, config, len(taps), stand_at)
    said: dict[str, Any] = {}
    killed, log = False, config.with_name("gate.log")
    pipe = subprocess.PIPE
    with (
        log.open("ab") as errors,
        subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=errors, text=True) as gate,
    ):
        assert gate.stdout is not None
        for raw in gate.stdout:
            line = json.loads(raw)
            if "tap" not in line:
                said |= line
                if "note" in line:
                    show.note(line["note"])
                continue
            taps.append(line)
            show.tap(line)
            if line["tap"] == stand_at:
                gate.kill()
                killed = True
                break
    if (killed, gate.returncode) != ((False, 0) if stand_at is None else (True, -signal.SIGKILL)):
        raise _died(gate.returncode, log, len(taps), arguments.taps)
    return said


def _words(arguments: argparse.Namespace, config: Path, first: int, stand_at: int | None) -> list[str]:
    words = [sys.executable, "-m", "gated", "demo-gate", "--config", str(config)]
    words += ["--seed", str(arguments.seed), "--first", str(first), "--last", str(arguments.taps)]
    words += ["--refuse-to-turn", str(arguments.refuse_to_turn)]
    words += ["--stand-at", str(-1 if stand_at is None else stand_at)]
    words += [
        "--out-from",
        str(arguments.taps // 4),
        "--out-to",
        str(arguments.taps // 4 + arguments.taps // 8),
    ]
    if arguments.broker is not None:
        words += ["--broker", arguments.broker]
    if arguments.tls is not None:
        words += ["--tls", str(arguments.tls)]
    return words


def _died(code: int, log: Path, answered: int, taps: int) -> GatedError:
    from gated.errors import GatedError

    last = log.read_text(encoding="utf-8", errors="replace").splitlines()[-1:]
    return GatedError(
        f"the demo's gate ended by itself after {answered} of {taps} visitors"
        f" ({', '.join([f'exit code {code}', *last])})",
        hint="run it again with --keep DIR and read DIR/gate.log",
    )


def _granted_visit(seed: int, taps: int) -> int:
    """A visit that surely is granted: the first of the second half, or else the last before."""
    from itertools import islice

    from gated.cli.demo_cast import visits

    granted = [number for number, one in enumerate(islice(visits(seed), taps)) if one.role == "season"]
    return next((number for number in granted if number >= taps // 2), granted[-1])


def _configure(directory: Path) -> Path:
    from gated.cli.demo_cast import SECTOR, VENUE
    from gated.cli.demo_gate import LANE

    gate = directory / "central" / "gate"
    config = directory / "gate.toml"
    config.write_text(
        f"""\
[gate]
id = "demo"
state_dir = "state"

[trust]
keys = "{gate / "keys.json"}"
profile = "{gate / f"profile-{VENUE}.json"}"
sector_key = "{gate / f"{SECTOR}.sector-key"}"

[sync]
broker = "mqtt://localhost"

[[lane]]
id = "{LANE}"
reader = "simulated"
barrier = "simulated"
hold = "300ms"
""",
        encoding="utf-8",
    )
    return config


def _import(statements: Path, config: Path) -> None:
    from gated.cli.importing import import_file
    from gated.config.settings import check

    settings, trust = check(config)
    import_file(statements, settings.state_dir, trust)
