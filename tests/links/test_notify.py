"""Talking to the service manager, on a real socket."""

from __future__ import annotations

import os
import socket

from gated.links.notify import ServiceManager


def test_it_tells_ready_alive_stopping_and_status(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        gate = ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "15000000"})
        gate.ready()
        gate.alive()
        gate.status("two lanes")
        gate.stopping()
        said = [manager.recv(100).decode() for _ in range(4)]
    assert ["READY=1", "WATCHDOG=1", "STATUS=two lanes", "STOPPING=1"] == said
    assert 7.5 == gate.beat_s


def test_it_tells_an_abstract_socket():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0gated-test-{os.getpid()}")
        ServiceManager({"NOTIFY_SOCKET": f"@gated-test-{os.getpid()}"}).ready()
        assert b"READY=1" == manager.recv(100)


def test_without_a_service_manager_nothing_happens():
    gate = ServiceManager({})
    gate.ready()
    assert gate.beat_s is None


def test_a_service_manager_that_has_gone_stops_no_gate(tmp_path):
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "none"), "WATCHDOG_USEC": "soon"}).alive()


def test_children_do_not_inherit_the_socket(monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/x")
    ServiceManager.from_environment()
    assert "NOTIFY_SOCKET" not in os.environ
