"""Recalling uses beside the journal's writer: what breaks is told as a breakage of the store."""

from __future__ import annotations

import pytest

from gated.errors import StoreError
from gated.store.uses import UsesReader
from store.test_journal import CTI, GRANT, RESERVE, STAMP, open_journal


def test_a_journal_that_is_not_there_cannot_be_recalled_from(tmp_path):
    with pytest.raises(StoreError, match=r"journal\.db cannot be read"):
        UsesReader(tmp_path / "journal.db")


def test_a_journal_that_becomes_noise_under_the_reader_is_told(tmp_path):
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    journal.start()
    journal.append(GRANT, STAMP, RESERVE).wait(10)
    journal.stop(10)
    uses = UsesReader(path)
    assert 1 == uses.used(CTI)
    path.write_bytes(b"\x55" * path.stat().st_size)
    uses._connection.execute("PRAGMA shrink_memory")  # a page that is known is not read again
    with pytest.raises(StoreError, match=r"journal\.db cannot be read"):
        uses.used(bytes(8))
    uses.close()
