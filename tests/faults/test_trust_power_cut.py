"""Power that fails in front of each step in which an update of keys and rules is taken in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from gated.app import RunningGate, World
from gated.credential.metadata import Untrusted
from gated.store.trust_files import TRUST, TrustFiles
from trusting import TrustingGate, keys_of, profile_of, with_key
from venue import NOW

RUNNER = Path(__file__).with_name("trust_cut.py")


def test_the_old_keys_count_or_the_new_ones_and_what_was_seen_stays_seen(site, serve, tmp_path):
    gate = TrustingGate(site, serve)
    repository = gate.repository
    old = gate.kids()
    before = repository.write(tmp_path / "before")
    repository.rotate("timestamp")
    repository.rotate("targets")
    repository.contents["keys.json"], key = with_key(keys_of(site))
    repository.contents["profile-bron.json"] = profile_of(site, version=2)
    repository.publish()
    after = repository.write(tmp_path / "after")
    gate.served.stop_now()
    shutil.copytree(site.state, tmp_path / "template")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*filter(None, sys.path), str(RUNNER.parent)])}
    seen, step, code = set(), 0, -9
    while code:
        shutil.rmtree(site.state)
        shutil.copytree(tmp_path / "template", site.state)
        words = [sys.executable, str(RUNNER), str(site.config), str(after), str(step)]
        code = subprocess.run(words, check=False, env=environment).returncode
        assert code in (0, -9)
        seen.add(after_the_cut(site, old, key.kid.hex(), before, after))
        step += 1
    assert {False, True} == seen, "in the last run it was whole, and in the first it was not"
    assert step > 10, "a step that nobody looked at"


def after_the_cut(site, old, new, before, after) -> bool:
    """Whether the new keys count; the old files are refused wherever they do, and the new ones are taken."""
    gate = RunningGate(*site.settings_and_trust(), World())
    try:
        keeper, kids = gate._repository._keeper, {kid.hex() for kid in gate._trust.keys}
        assert [] == list(site.state.glob(f"{TRUST}.damaged-*"))
        assert kids in (old, old | {new})
        assert (new in kids) == (2 == gate._trust.profile.version)
        if new in kids:
            refused = ""
            try:
                keeper.read_folder(TrustFiles(before), NOW)
            except Untrusted as untrusted:
                refused = untrusted.code
            assert refused in ("root_older", "timestamp_older", "timestamp_signature", "targets_older")
        keeper.read_folder(TrustFiles(after), NOW)
        assert bytes.fromhex(new) in gate._trust.keys
    finally:
        for close in gate._closers:
            close()
        gate.journal.stop(5)
        gate._directory.unlock()
    return new in kids
