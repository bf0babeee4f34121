"""``gated lane safe``: outputs to rest, on a real Modbus module, whatever state the files are in."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from fleet import here
from gated.app.safety import make_lanes_safe
from gated.config.driver import Driver
from gated.config.lights import LightSettings
from gated.config.outputs import LaneOutputs, load_outputs
from gated.devices.clock import SystemClock
from gated.devices.lights import LightLines
from gated.devices.simulated.barrier import SimulatedBarrier
from gated.devices.simulated.board import SimulatedBoard
from gated.devices.wiring import Wiring
from gated.store.burning import burning
from gated.store.directory import JOURNAL
from modbus_module import TcpModule
from turnstile_model import FIRE, RELEASE, TurnstileModel
from venue import Site, medium, until


class Hall:
    """Lanes on one module, each with a release; in-1 listens to the fire contact."""

    def __init__(self, path) -> None:
        self.path = path
        self.module = TcpModule(TurnstileModel(SystemClock().monotonic)).start()
        self.outputs = self.module.model.outputs
        self.state = path / "state"
        self.config = path / "gate.toml"
        self.say()

    def say(self, *, more: str = "", broken: str = "") -> None:
        lanes = f"fire = {FIRE}\n", broken
        text = '[gate]\nid = "gate-1"\nstate_dir = "state"\n'
        for number, line in enumerate(lanes, 1):
            text += (
                f'[[lane]]\nid = "in-{number}"\nreader = "simulated"\n'
                f'barrier = "modbus:{self.module.target}"\n'
                f"[lane.wiring]\nrelease = {RELEASE + number}\npassage = {number}\n{line}\n"
            )
        self.config.write_text(text + more)
        self.outputs.update({RELEASE + number: True for number in (1, 2)})

    @property
    def open(self) -> list[bool]:
        return [self.outputs[RELEASE + number] for number in (1, 2)]

    def safe(self, *words):
        return here("lane", "safe", "--config", self.config, *words)


@pytest.fixture
def hall(tmp_path):
    (tmp_path / "hall").mkdir()
    made = Hall(tmp_path / "hall")
    yield made
    made.module.stop()


def test_every_output_is_switched_off_and_told(hall):
    said = hall.safe()
    assert (0, "lane in-1: outputs off\nlane in-2: outputs off\n", "") == (said.code, said.out, said.err)
    assert [False, False] == hall.open


def test_as_json(hall):
    said = hall.safe("--json")
    assert [
        {"lane": "in-1", "outputs": "off", "error": None},
        {"lane": "in-2", "outputs": "off", "error": None},
    ] == list(map(json.loads, said.out.splitlines()))


def test_while_a_fire_input_is_active_every_lane_is_held_open(hall):
    hall.module.model.inputs[FIRE] = True
    said = hall.safe()
    assert (0, 2) == (said.code, said.out.count("held open: a fire stands"))
    assert [True, True] == hall.open


def test_a_lane_that_nobody_rearmed_is_held_open_though_its_gate_was_killed(hall, site):
    """The journal of a gate that died in a fire: its write-ahead log was never folded in."""
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from venue import *\n"
        "from gated.model.order import Mode\n"
        "from gated.store.ticket import Kept\n"
        "site = Site.__new__(Site)\n"
        "site.path = Path(sys.argv[1])\n"
        "settings, trust = check(site.config)\n"
        "gate = RunningGate(settings, trust, World())\n"
        "gate.start()\n"
        "from gated.store.counting import keep\n"
        "gate.journal.do(lambda db: keep(db, Kept('in-2', Mode.NORMAL, True))).wait(20)\n"
        "os._exit(9)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-c", program, str(site.path)], check=False, env=environment)
    assert (site.state / f"{JOURNAL}-wal").stat().st_size
    hall.state.symlink_to(site.state)
    said = hall.safe()
    assert (0, "") == (said.code, said.err)
    assert [False, True] == hall.open
    assert "lane in-2: held open" in said.out


@pytest.mark.parametrize("damage", ["noise", "another table", "no table", "empty"])
def test_a_damaged_journal_is_told_and_outputs_are_switched_off(hall, site, damage):
    with closing(sqlite3.connect(site.path / "other.db")) as other:
        other.execute(f"CREATE TABLE {'standing' if damage == 'another table' else 'x'} (colour TEXT)")
        other.commit()
    hall.state.mkdir()
    journal = hall.state / JOURNAL
    raw = (site.path / "other.db").read_bytes()
    journal.write_bytes({"noise": b"\x55" * 8192, "empty": b""}.get(damage, raw))
    said = hall.safe()
    assert (0, [False, False]) == (said.code, hall.open)
    assert (damage in ("noise", "another table")) is ("does not tell which lanes burn" in said.err)


def test_a_lane_whose_table_is_wrong_keeps_no_other_from_being_safe(hall):
    hall.say(broken="releases = 1\n")
    said = hall.safe()
    assert (2, [False, True]) == (said.code, hall.open)
    assert "lane[1].wiring.releases: unknown key" in said.err


def test_what_else_is_wrong_with_the_file_keeps_nothing_from_being_safe(hall):
    hall.say(more='[journal]\nwait = "for ever"\n[walls]\ncolour = "red"\n')
    hall.config.write_text(hall.config.read_text().replace('reader = "simulated"', "reader = 7\nhold = 8"))
    assert (0, [False, False]) == (hall.safe().code, hall.open)


def test_no_toml_is_told(hall):
    hall.config.write_text("[gate")
    said = hall.safe()
    assert (2, True) == (said.code, "is not TOML" in said.err)


def test_a_board_that_does_not_answer_is_told_and_keeps_no_other_from_being_safe(hall):
    hall.say(
        more='[[lane]]\nid = "in-3"\nreader = "simulated"\nbarrier = "modbus:tcp://127.0.0.1:1"\n'
        "[lane.wiring]\nrelease = 0\npassage = 0\n"
    )
    said = hall.safe()
    assert (1, [False, False]) == (said.code, hall.open)
    assert "lane in-3: NOT safe: " in said.out


def test_while_the_gate_runs_it_is_left_alone_unless_somebody_insists(hall, tmp_path, serve):
    site = Site(tmp_path / "site")
    serve(site, barriers={"in-1": SimulatedBarrier()})
    hall.state.symlink_to(site.state)
    said = hall.safe()
    assert (1, [True, True]) == (said.code, hall.open)
    assert "systemctl stop gated" in said.err
    assert (0, [False, False]) == (hall.safe("--even-so").code, hall.open)
    site.office.close()


def test_of_a_gate_that_burned_the_journal_tells_which_lanes(tmp_path, serve):
    site = Site(tmp_path, lanes=("in-1", "in-2"))
    site.bring(site.give("alice", medium(1), "season"))
    barrier = SimulatedBarrier()
    serve(site, barriers={"in-1": barrier, "in-2": SimulatedBarrier()})
    assert frozenset() == burning(site.state / JOURNAL)
    barrier.fire()
    assert until(lambda: frozenset({"in-1", "in-2"}) == burning(site.state / JOURNAL))
    site.office.close()


def test_it_loads_what_it_needs_and_nothing_heavy(hall):
    """It has to be done within a second on a small computer."""
    text = hall.config.read_text()
    (hall.path / "simulated.toml").write_text(text.replace(f"modbus:{hall.module.target}", "simulated"))
    probe = (
        "import sys\n"
        "from gated.cli.main import main\n"
        "main(['lane', 'safe', '--config', sys.argv[1]])\n"
        "print(*sorted(sys.modules), sep='\\n', file=sys.stderr)\n"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    words = [sys.executable, "-c", probe, str(hall.path / "simulated.toml")]
    ended = subprocess.run(words, check=True, capture_output=True, text=True, env=clean)
    loaded = {name.partition(".")[0] for name in ended.stderr.split()}
    heavy = {"cryptography", "cbor2", "opening_hours", "sqlite_utils", "pymodbus", "gpiozero", "rich", "paho"}
    assert set() == loaded & heavy
    assert 2 == ended.stdout.count("there is nothing to switch")


# ------------------------------------------------------------------ boards to order


class Boards:
    def __init__(self, **boards) -> None:
        self.boards, self.closed = boards, 0

    def board(self, driver):
        return self.boards[driver.target]

    def close(self) -> None:
        self.closed += 1


def lanes(*boards: str, **more):
    wiring = {"passage": 9, **more}
    return [
        LaneOutputs(f"in-{number}", Driver("modbus", board), Wiring(release=number, **wiring))
        for number, board in enumerate(boards, 1)
    ]


def test_a_board_that_went_away_is_not_waited_for_by_each_of_its_lanes():
    here_board, gone = SimulatedBoard(), SimulatedBoard()
    gone.gone = True
    tried = []
    answer = gone._answer
    gone._answer = lambda what: (tried.append(what), answer(what))
    boards = Boards(a=here_board, b=gone)
    made = make_lanes_safe(lanes("b", "a", "b", "b", "b", "a"), frozenset(), boards)
    assert ["in-2", "in-6"] == [one.lane for one in made if not one.error]
    assert (2, 1) == (len(tried), boards.closed)
    assert {2: False, 6: False} == here_board.outputs


def test_a_spike_on_the_fire_input_opens_nothing():
    board = SimulatedBoard()
    levels = iter([True, True, False])
    board.read = lambda _inputs: (next(levels),)
    made = make_lanes_safe(lanes("a", fire=5), frozenset(), Boards(a=board))
    assert ["off"] == [one.outputs for one in made]


def test_a_loop_that_opens_at_a_fire_is_read_the_other_way_round():
    board = SimulatedBoard()
    made = make_lanes_safe(lanes("a", fire=5, inverted=frozenset({"fire"})), frozenset(), Boards(a=board))
    assert (["held"], {1: True}) == ([one.outputs for one in made], board.outputs)


def test_the_sample_of_a_wired_lane_is_read(tmp_path):
    (tmp_path / "gate.toml").write_text(
        '[[lane]]\nbarrier = "gpio"\n[lane.wiring]\nrelease = 17\npassage = 5\n'
    )
    found = load_outputs(tmp_path / "gate.toml")
    assert (["lane[0]"], ()) == ([lane.id for lane in found.lanes], found.mistakes)


def test_lamps_go_out_but_those_that_tell_of_a_fire_and_a_silent_board_is_not_asked_again():
    lamps, gone, fire = SimulatedBoard(), SimulatedBoard(), SimulatedBoard()
    gone.gone = True
    boards = Boards(a=lamps, b=gone, c=fire)
    lit = [
        lane._replace(lights=LightSettings(lane.barrier, LightLines(20, 21, inverted=frozenset({"red"}))))
        for lane in lanes("a", "b", "c")
    ]
    for board in (lamps, fire):
        board.outputs.update({20: True, 21: False})
    made = make_lanes_safe(lit, frozenset({"in-3"}), boards)
    assert ["off", "off", "held"] == [one.outputs for one in made]
    assert {1: False, 20: False, 21: True} == lamps.outputs
    assert {3: True, 20: True, 21: False} == fire.outputs


def test_the_lamps_of_a_lane_are_read_and_a_mistake_among_them_keeps_no_barrier_from_being_shut(tmp_path):
    wired = '[[lane]]\nid = "a"\nbarrier = "gpio"\n[lane.wiring]\nrelease = 17\npassage = 5\n[lane.lights]\n'
    (tmp_path / "gate.toml").write_text(f"{wired}green = 20\nred = 21\n")
    (lane,) = load_outputs(tmp_path / "gate.toml").lanes
    assert (20, 21) == (lane.lights.lines.green, lane.lights.lines.red)
    (tmp_path / "gate.toml").write_text(f"{wired}green = 20\n")
    found = load_outputs(tmp_path / "gate.toml")
    assert ((), None) == (found.mistakes, found.lanes[0].lights)
    assert 17 == found.lanes[0].wiring.release
