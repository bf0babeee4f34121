"""The journal's queue: in order, with a deadline, and no bell left behind."""

from __future__ import annotations

import gc
import os
import queue
import threading

import pytest

from gated.store.inbox import Inbox


def test_items_come_in_the_order_in_which_they_were_put():
    inbox: Inbox[int] = Inbox()
    for number in range(5):
        inbox.put(number)
    assert list(range(5)) == [inbox.get(1.0) for _ in range(5)]


def test_an_empty_inbox_is_given_up_after_a_while():
    inbox: Inbox[int] = Inbox()
    with pytest.raises(queue.Empty):
        inbox.get(0.01)
    inbox.put(1)
    assert 1 == inbox.get(0.01)
    with pytest.raises(queue.Empty):
        inbox.get(0.0)


def test_a_reader_that_sleeps_is_woken_for_every_item_of_every_writer():
    inbox: Inbox[int | None] = Inbox()
    read: list[int] = []

    def reader():
        while (item := inbox.get()) is not None:
            read.append(item)

    def writer(first):
        for number in range(first, first + 500):
            inbox.put(number)

    threads = [threading.Thread(target=writer, args=(first,)) for first in (0, 500, 1000)]
    reading = threading.Thread(target=reader)
    for thread in (reading, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    inbox.put(None)
    reading.join(10)
    assert list(range(1500)) == sorted(read)


def test_the_bell_is_given_back_with_the_inbox():
    inbox: Inbox[int] = Inbox()
    bell = inbox._bell
    os.fstat(bell)
    del inbox
    gc.collect()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(bell)
