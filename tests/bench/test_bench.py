"""The bench works, and prints what it promises. No time is asserted: figures are for people."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import pcscd
from kinds import KINDS
from needs import missing

KEYS = {
    "gated_us", "bare_us", "ratio", "commits_per_entry", "fdatasync_per_entry", "entitlements", "rights",
    "rss_mb",
}  # fmt: skip


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256"])
def test_a_brief_run_prints_every_figure(algorithm, tmp_path):
    words = [sys.executable, str(Path(__file__).with_name("tap.py")), "--json", "--dir", str(tmp_path)]
    words += ["--entitlements", "2000", "--taps", "60", "--algorithm", algorithm]
    ended = subprocess.run(words, check=True, capture_output=True, text=True)
    figures = json.loads(ended.stdout)
    assert figures.keys() == KEYS
    assert {"p50", "p99"} == figures["gated_us"].keys() == figures["bare_us"].keys()
    assert (2000, 5, 1.0) == (figures["entitlements"], figures["rights"], figures["commits_per_entry"])


@pytest.mark.pcsc
def test_a_brief_run_of_the_memory_bench_grants_every_tap(tmp_path):
    if pcscd.missing():
        missing(pcscd.missing())
    words = [sys.executable, str(Path(__file__).with_name("memory.py")), "--json", "--dir", str(tmp_path)]
    words += ["--entitlements", "300", "--taps", "8"]
    ended = subprocess.run(words, check=True, capture_output=True, text=True)
    figures = json.loads(ended.stdout)
    assert figures.keys() == {"rss_mb", "rss_start_mb", "taps", "granted", "entitlements"}
    assert (8, 8, 308) == (figures["taps"], figures["granted"], figures["entitlements"])
    assert min(figures["rss_mb"], figures["rss_start_mb"]) > 10  # a Python with SQLite and cryptography in it


def test_a_brief_run_of_the_bench_of_a_big_city_cuts_all_of_it(tmp_path):
    words = [sys.executable, str(Path(__file__).with_name("bigcity.py")), str(tmp_path), "--json"]
    for _ in range(2):  # the second takes the office that the first has made
        ended = subprocess.run([*words, "--statements", "1500"], check=True, capture_output=True, text=True)
        figures = json.loads(ended.stdout)
        assert figures.keys() == {
            "rows", "seconds", "rows_per_s", "pages", "bytes", "bytes_per_row", "base_mb", "peak_mb",
            "head_after_1_s", "head_after_1000_s",
        }  # fmt: skip
        assert 3000 == figures["rows"]


def test_a_brief_run_of_the_sync_bench_loses_nothing():
    words = [sys.executable, str(Path(__file__).with_name("sync.py")), "--json", "--events", "1500"]
    ended = subprocess.run(words, check=True, capture_output=True, text=True)
    figures = json.loads(ended.stdout)
    assert figures.keys() == {
        "events", "events_per_s", "raw_paho_events_per_s", "bare_insert_events_per_s", "peak_mb", "lost",
        "duplicates",
    }  # fmt: skip
    assert (1500, 0, 0) == (figures["events"], figures["lost"], figures["duplicates"])


def test_a_brief_run_of_the_latency_bench_hears_of_everything():
    words = [sys.executable, str(Path(__file__).with_name("latency.py")), "--json", "--times", "5"]
    ended = subprocess.run(words, check=True, capture_output=True, text=True)
    figures = json.loads(ended.stdout)
    assert figures.keys() == {"times", "sold", "denied", "used"}
    assert all(figures[name].keys() == {"p50_s", "p99_s", "max_s"} for name in ("sold", "denied", "used"))


def test_a_brief_run_of_the_feed_bench_comes_to_the_head():
    words = [sys.executable, str(Path(__file__).with_name("feed.py")), "--json", "--statements", "1500"]
    ended = subprocess.run([*words, "--idle", "0.1"], check=True, capture_output=True, text=True)
    figures = json.loads(ended.stdout)
    assert figures.keys() == {
        "statements", "seconds", "rows_per_s", "bare_rows_per_s", "ratio", "bytes", "peak_mb",
        "tap_p99_rest_us", "tap_p99_load_us", "tap_p50_rest_us", "tap_p50_load_us", "delta_1000_s",
        "nothing_new_bytes",
    }  # fmt: skip
    assert 1500 == figures["statements"]
    assert figures["bytes"] > 1500 * 2 * 100  # as many bindings, and no signature compresses


@pytest.mark.pcsc
def test_a_brief_run_of_the_lane_bench_tells_every_hop():
    if pcscd.missing():
        missing(pcscd.missing())
    words = [sys.executable, str(Path(__file__).with_name("lane.py")), "--json", "--taps", "4"]
    ended = subprocess.run(words, check=True, capture_output=True, text=True)
    figures = json.loads(ended.stdout)
    assert figures.keys() == {"taps", "granted", "own_ms", "hops_ms"}
    assert (4, 4) == (figures["taps"], figures["granted"])
    assert {"p50", "p99"} == figures["own_ms"].keys()
    hops = {"conversed", "handed", "opened", "judged", "written", "acted", "medium"}
    assert hops == figures["hops_ms"].keys()
    assert all(figures["hops_ms"][name] > 0 for name in hops)


@pytest.mark.pcsc
def test_a_brief_run_of_the_media_bench_tells_what_each_scheme_costs():
    if pcscd.missing():
        missing(pcscd.missing())
    words = [sys.executable, str(Path(__file__).with_name("media.py")), "--json", "--taps", "3"]
    ended = subprocess.run(words, check=True, capture_output=True, text=True)
    schemes = json.loads(ended.stdout)["schemes"]
    assert KINDS.keys() == schemes.keys()
    for one in schemes.values():
        assert {
            "apdus", "bytes", "air_ms_106", "air_ms_424", "own_ms", "bare_ms", "ratio",
        } == one.keys()  # fmt: skip
    assert schemes["pkoc"]["apdus"] <= 2
    assert schemes["ntag424"]["apdus"] <= 5
    assert schemes["ntag424"]["air_ms_424"] < schemes["ntag424"]["air_ms_106"]
    assert schemes["tag"]["air_ms_424"] == schemes["tag"]["air_ms_106"]
