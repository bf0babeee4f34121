"""Planted mutants: each breaks one law of the gate, and a test that stands in this suite goes red.

A copy of the package is broken, the named test runs on the copy, and it must fail; on an unbroken
copy it must pass, or its failure would prove nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import pcscd
from needs import missing, need

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Mutant:
    file: str
    old: str
    new: str
    test: str
    needs: tuple[str, ...] = ()  # without, the test would be skipped, and prove nothing


EV2, ROLLING = "tests/card/test_ev2.py", "tests/store/test_rolling.py"
MEDIA = "tests/attacks/test_media.py"
INTAKE = "tests/central/test_intake.py"
SYNC = "tests/daemon/test_sync.py"
FEED = "tests/central/test_feed.py"
TRUST = "tests/attacks/test_trust.py::test_it_is_refused_with_its_code_and_the_gate_goes_on"
ATTACKS, FEED_KILLS = "tests/attacks/test_feed", "tests/store/test_feed.py"
LAWS = "tests/properties/test_lane_laws.py"
TIME = "tests/attacks/test_time.py"
ORDERS = "tests/daemon/test_orders.py"
CARRYING = "tests/central/test_carrying.py::test_what_cannot_be_carried_is_not_issued_and_leaves_no_file"
PKOC2 = "tests/card/test_pkoc2.py"
FLUSHED = "test_the_barrier_is_released_only_after_the_row_was_flushed_to_the_disk"
MUTANTS = {
    "an answer believed over any number": Mutant(
        "daemon/pulse.py",
        "if pulse.nonce != nonce:",
        "if False:",
        f"{TIME}::test_a_pulse_that_is_not_right_moves_nothing_and_is_told[the last answer again]",
    ),
    "a late answer bounds from above": Mutant(
        "daemon/pulse.py",
        "rtt_s if rtt_s < SURE_RTT_S else None",
        "rtt_s",
        f"{TIME}::test_an_answer_that_was_held_back_bounds_the_time_from_below_alone",
    ),
    "a time server bounds the time": Mutant(
        "policy/reckoning.py",
        "        if sample.wall > most:\n",
        "        if False:\n",
        f"{TIME}::test_a_clock_that_jumps_while_the_gate_runs_is_found_out_at_once",
    ),
    "a night shuts today out": Mutant(
        "policy/reckoning.py",
        "            high = self.start.morning(sample)\n",
        "            high = None\n",
        f"{TIME}::test_a_night_without_battery_and_network_shuts_nobody_out",
    ),
    "our clock makes knowledge older": Mutant(
        "policy/rules.py",
        "at - case.floor_lag < ends",
        "at < ends",
        "tests/policy/test_freshness.py::test_age_is_told_by_the_floor_whatever_our_clock_says",
    ),
    "lost knowledge is not judged": Mutant(
        "daemon/knowledge.py",
        "return LOST if known_at is None and self.expected else known_at",
        "return known_at",
        "tests/daemon/test_knowledge.py::test_a_gate_that_had_a_head_and_lost_it_is_expired",
    ),
    "older heads believed": Mutant(
        "daemon/feed_heads.py",
        "if found.head.version < self._least(found.kid, applied):",
        "if False:",
        f"{ATTACKS}.py::test_it_is_refused_and_the_gate_goes_on[rolled_back]",
    ),
    "blobs not compared with their names": Mutant(
        "daemon/feed_gathering.py",
        "if name_of(blob) != name:",
        "if False:",
        f"{ATTACKS}.py::test_it_is_refused_and_the_gate_goes_on[page_replaced]",
    ),
    "rows put back unnoticed": Mutant(
        "store/feed_set.py",
        "    if rank < fed:\n",
        "    if False:\n",
        f"{ATTACKS}_files.py::test_it_is_found_and_mended[row_put_back_to_an_older_rank]",
    ),
    "a head advances what was found changed": Mutant(
        "store/feed.py",
        "seen = ? WHERE head = ?",
        "seen = ? WHERE head IS NOT NULL OR head = ?",
        f"{FEED_KILLS}::test_a_head_counts_only_in_place_of_the_one_it_began_from",
    ),
    "lowered counters unnoticed": Mutant(
        "store/verification.py",
        "elif taken < least and",
        "elif False and",
        "tests/store/test_verification.py::test_a_lowered_counter_is_named",
    ),
    "an older timestamp believed": Mutant(
        "credential/repository.py",
        'self._not_below("timestamp", "timestamp", signed.version, "timestamp_older")',
        "pass",
        "tests/attacks/test_trust.py::test_last_months_stick_brings_nothing_back",
    ),
    "a root that the old keys did not sign": Mutant(
        "credential/repository.py",
        'before = signers(self.root, new, "root_old_threshold")',
        "before = set()",
        f"{TRUST}[root: too few of the old keys]",
    ),
    "one stolen root key locks all gates out": Mutant(
        "credential/repository.py",
        "return seen[root.roles[role].threshold - 1]",
        "return seen[0]",
        "tests/credential/test_repository.py::test_one_key_of_a_threshold_cannot_raise_what_all_are_held_to",
    ),
    "floors of trust before its files": Mutant(
        "daemon/trust.py",
        "            self._files.put_in_force(verified.metadata, files)\n"
        "            self._floors.raise_all(verified.seen)\n",
        "            self._floors.raise_all(verified.seen)\n"
        "            self._files.put_in_force(verified.metadata, files)\n",
        "tests/faults/test_trust_power_cut.py",
    ),
    "deleted counters unnoticed": Mutant(
        "store/verification.py",
        "        for (cti, day), least in sorted(self._taken.items()):\n",
        "        for (cti, day), least in ():\n",
        "tests/store/test_verification.py::test_a_deleted_counter_is_named",
    ),
    "the MAC of an answer not checked": Mutant(
        "card/secure.py",
        "if not hmac.compare_digest(mac, self._truncated_mac(status & 0xFF, data)):",
        "if False:",
        f"{EV2}::test_a_flipped_bit_of_what_is_read_refuses",
    ),
    "a constant RndA": Mutant(
        "card/ev2.py",
        "talk.random(BLOCK)",
        "bytes(BLOCK)",
        f"{EV2}::test_a_recorded_session_opens_nothing",
    ),
    "RndA not looked for in the answer": Mutant(
        "card/ev2.py",
        "if not hmac.compare_digest(echo, _rotated(rnd_a)):",
        "if False:",
        f"{EV2}::test_our_own_number_sent_back_is_no_proof",
    ),
    "the command counter not advanced": Mutant(
        "card/secure.py",
        "        self.counter += 1\n",
        "",
        "tests/vectors/test_media_vectors.py::test_a_published_command_is_wrapped_and_its_answer_understood",
    ),
    "something weaker tried after a failure": Mutant(
        "card/identify.py",
        "if result is not None:\n                    return (yield from _with_carried",
        "if isinstance(result, Proof):\n                    return (yield from _with_carried",
        f"{MEDIA}::test_a_medium_that_failed_is_not_asked_for_something_weaker",
    ),
    "the UID not compared with the binding": Mutant(
        "credential/index.py",
        "    if binding.index != index_of(credential, sector_key):\n        return False\n",
        "",
        f"{MEDIA}::test_a_copied_medium_of_each_kind_is_refused_with_its_own_reason",
    ),
    "the key not compared with cnf": Mutant(
        "credential/index.py",
        "        return binding.confirmed_by == credential.value\n",
        "        return True\n",
        f"{MEDIA}::test_a_binding_for_a_key_is_none_for_a_tag_and_the_other_way_round",
    ),
    "a rolling floor not in the file": Mutant(
        "store/rolling.py",
        "            self._append(id_, counter)\n",
        "",
        f"{ROLLING}::test_a_restart_forgets_nothing_whatever_of_the_two_is_lost[the journal's table]",
    ),
    "a rolling floor not in the journal": Mutant(
        "store/rolling.py",
        "            connection.execute(_RAISE, (id_, counter))\n",
        "",
        f"{ROLLING}::test_both_places_have_it_before_anybody_is_told",
    ),
    "a rolling proof not spent": Mutant(
        "daemon/taps.py",
        "        spent = self._way.spend(proof, deadline)\n",
        "        spent = None\n",
        f"{MEDIA}::test_an_address_that_was_read_before_opens_nothing_not_even_after_a_restart",
    ),
    "a relay not refused": Mutant(
        "policy/round_trip.py",
        "if limit is None or took <= limit:",
        "if True:",
        "tests/daemon/test_reader_worker.py::test_a_fresh_answer_that_took_too_long_is_refused_and_no_other_counts",
    ),
    "a medium of another venue asked to prove itself": Mutant(
        "card/ev2.py",
        "return told.status == _DONE and told.body == bytes([application.key_version])",
        "return True",
        f"{EV2}::test_a_medium_of_another_venue_is_not_asked_to_prove_anything",
    ),
    "the MAC of an address not checked": Mutant(
        "card/sun.py",
        "if not hmac.compare_digest(shown.mac, truncated(cmac(session, shown.covered))):",
        "if False:",
        "tests/card/test_sun.py::test_a_forged_address_is_refused_and_nothing_weaker_tried",
    ),
    "constant transaction id": Mutant(
        "card/pkoc.py",
        "transaction = talk.random(TRANSACTION_BYTES)",
        "transaction = bytes(TRANSACTION_BYTES)",
        "tests/daemon/test_tap.py::test_a_replayed_answer_is_a_bad_proof_and_nothing_weaker_is_tried",
    ),
    "a certificate that its issuer did not sign": Mutant(
        "card/cvc.py",
        "if not signed(key, certificate.signature, certificate.signed):",
        "if False:",
        f"{PKOC2}::test_it_is_refused[signed by another key-alone]",
    ),
    "a certificate that has ended": Mutant(
        "card/cvc.py",
        "if time.floor >= certificate.ends:",
        "if False:",
        f"{PKOC2}::test_it_is_refused[expired-alone]",
    ),
    "version 2 fails and version 1 passes": Mutant(
        "card/pkoc2.py",
        "        return (yield from recognised(SCHEME, _prove(talk, issuers)))\n"
        "    return (yield from pkoc.prove(",
        "        proved = yield from recognised(SCHEME, _prove(talk, issuers))\n"
        "        if isinstance(proved, Proof):\n"
        "            return proved\n"
        "    return (yield from pkoc.prove(",
        f"{PKOC2}::test_a_medium_that_fails_version_2_is_not_asked_for_version_1",
    ),
    "a certificate without its key": Mutant(
        "card/pkoc2.py",
        "if not pkoc.signed(certificate.public, signature, challenge):",
        "if False:",
        f"{PKOC2}::test_a_copied_certificate_is_nothing_without_its_key",
    ),
    "skipped signature check": Mutant(
        "credential/statement.py",
        "        cose.verify(message, key)\n",
        "",
        "tests/daemon/test_tap.py::test_an_edited_right_is_refused_at_the_tap",
    ),
    "skipped scope check": Mutant(
        "credential/statement.py",
        "        _in_scope(statement, key, floor)\n",
        "",
        "tests/store/test_intake.py::test_a_right_key_for_the_wrong_sector_is_refused",
    ),
    "skipped kind check": Mutant(
        "credential/statement.py",
        "if kind not in key.kinds:",
        "if False:",
        "tests/store/test_intake.py::test_a_right_key_for_the_wrong_kind_is_refused",
    ),
    "write after release": Mutant(
        "daemon/tap.py",
        "            seq = ticket.wait(deadline - self._clock.monotonic())\n",
        "            seq = ticket.wait(0) or 1\n",
        "tests/faults/test_stalled_disk.py",
        needs=("strace",),
    ),
    "row not flushed": Mutant(
        "store/connection.py",
        "PRAGMA synchronous=FULL",
        "PRAGMA synchronous=NORMAL",
        f"tests/journeys/test_everything_real.py::{FLUSHED}",
        needs=("strace", "pcsc"),
    ),
    "release before write": Mutant(
        "store/journal.py",
        "        try:\n            seq = self._writer.write(item.draft)",
        "        landed = self._file.head_id + 1 - self._file.base\n"
        "        if isinstance(item, _Row) and item.ticket.land(landed):\n"
        "            self._writer.write(item.draft)\n"
        "            return\n"
        "        try:\n            seq = self._writer.write(item.draft)",
        "tests/faults/test_kill.py",
    ),
    "no giving back of late rows": Mutant(
        "store/journal.py",
        "                self._writer.give_back(item.draft, seq)\n",
        "                pass\n",
        "tests/store/test_journal.py::test_a_row_that_lands_after_its_lane_gave_up_is_given_back",
    ),
    "what must land lost while an earlier row is in doubt": Mutant(
        "store/writer.py",
        "            if draft.must_land:\n                self._owed.put(draft)\n",
        "",
        "tests/store/test_owed_rows.py::test_what_must_land_lands_in_its_order_and_what_need_not_is_lost",
    ),
    "what stands written again": Mutant(
        "store/writer.py",
        "if self._file.head_id < doubt.row_id:",
        "if True:",
        "tests/store/test_owed_rows.py"
        "::test_a_row_that_insists_and_stands_though_its_commit_failed_is_not_written_again",
    ),
    "more uses kept than were reserved": Mutant(
        "store/counting.py",
        "0 <= uses <= left.uses",
        "0 <= uses",
        "tests/store/test_counting.py::test_no_more_is_kept_than_was_reserved",
    ),
    "delta purged past the snapshot": Mutant(
        "store/purge.py",
        " AND s.rank >= d.rank AND",
        " AND (s.rank >= d.rank OR 1) AND",
        "tests/store/test_cache.py::test_a_denial_that_arrives_during_a_fold_denies_after_a_kill_at[never]",
    ),
    "a lost delta begins complete": Mutant(
        "store/schema.py",
        "not has_served(Path(place).parent)",
        "True",
        "tests/store/test_startup.py::test_a_power_cut_at_any_step_of_setting_a_delta_aside_admits_nobody",
    ),
    "every error taken for damage": Mutant(
        "store/directory.py",
        "if primary_code(error) in DAMAGE:",
        "if True:",
        "tests/store/test_startup.py::test_a_sound_file_that_cannot_be_read_is_left_in_place_and_the_gate_does_not_start",
    ),
    "misplaced statements believed": Mutant(
        "daemon/recall.py",
        "return statement if stands and place_of(statement) == (row.kind, row.id) else _MISPLACED",
        "return statement",
        "tests/daemon/test_tap.py::test_a_genuine_right_copied_to_another_pass_is_misplaced",
    ),
    "exits wait for the row": Mutant(
        "daemon/passage.py",
        "        if not isinstance(event, Settled):\n            return\n",
        "",
        "tests/daemon/test_exits.py::test_while_another_holds_the_journal_no_exit_waits",
    ),
    "a fire ends with its input": Mutant(
        "policy/lane_steps.py",
        "    return replace(lane, alarm=False), ()\n",
        "    return settle_after_fire(lane)\n\n\ndef settle_after_fire(lane: Standing) -> Step:\n"
        "    return _settle_down(replace(lane, alarm=False), (Shut(),))\n",
        LAWS,
    ),
    "a fire is forgotten by a restart": Mutant(
        "daemon/passage.py",
        "keep = Kept(lane.lane, lane.mode, lane.stage is Stage.FIRE)",
        "keep = Kept(lane.lane, lane.mode, False)",
        f"{ORDERS}::test_a_fire_outlasts_a_restart",
    ),
    "a fire waits for its lane": Mutant(
        "daemon/lane.py",
        "        self._walkway.open_at_once()\n\n    @property\n",
        "        pass\n\n    @property\n",
        f"{ORDERS}::test_a_fire_opens_a_lane_that_waits_for_the_disk",
    ),
    "a fire burns at one lane": Mutant(
        "daemon/gate.py",
        "        others = [lane.worker for lane in self._lanes if lane.worker is not alarmed]\n",
        "        others: list[LaneWorker] = []\n",
        f"{ORDERS}::test_a_fire_opens_every_lane_until_a_person_re_arms_each",
    ),
    "re-armed while it burns": Mutant(
        "policy/orders.py",
        "return WhyNot.STILL_BURNING if lane.alarmed else None",
        "return None",
        "tests/policy/test_lane.py",
    ),
    "who may have passed unseen is given back": Mutant(
        "policy/lane_steps.py",
        "(Shut(),), lost=True)",
        "(Shut(),), lost=False)",
        "tests/policy/test_lane.py",
    ),
    "opened by hand before its row": Mutant(
        "daemon/ordering.py",
        "        if not seq:  # it is settled as soon as it lands: nobody was let through\n",
        "        if False:\n",
        f"{ORDERS}::test_an_opening_whose_row_comes_too_late_is_given_back",
    ),
    "an order is obeyed before its row": Mutant(
        "daemon/ordering.py",
        "        if not landed:\n            self._late = ticket, event, self._passage.alarms_heard\n"
        "            return WhyNot.JOURNAL_SLOW\n",
        "",
        f"{ORDERS}::test_a_mode_whose_row_comes_late_is_obeyed_when_it_has_come",
    ),
    "a stop forgets the release": Mutant(
        "policy/lane.py",
        "        Stopped: Row(steps.stopped, (SHUT,)),\n    },\n    CLOSING",
        "        Stopped: Row(steps.leave_shut, (SHUT,)),\n    },\n    CLOSING",
        LAWS,
    ),
    "shut before whoever passed was told": Mutant(
        "policy/lane.py",
        "        HoldOver: Row(steps.hold_over, (CLOSING,)),\n",
        "        HoldOver: Row(steps.secured, _REST),\n",
        "tests/policy/test_lane.py",
    ),
    "exits wait for their turn": Mutant(
        "daemon/tap.py",
        "        try:\n            if proof is not None and not",
        "        with self._turn:\n            pass\n        try:\n            if proof is not None and not",
        "tests/daemon/test_exits.py::test_no_exit_waits_for_a_lane_that_waits_for_the_disk",
    ),
    "a party pays for whom stayed outside": Mutant(
        "policy/settle.py",
        "return Outcome(taken, min(cost, passed), passed - taken)",
        "return Outcome(taken, min(cost, passed * cost), passed - taken)",
        "tests/daemon/test_passage.py::test_who_stays_out_is_given_back",
    ),
    "any office enrols": Mutant(
        "cli/enrolling.py",
        "    if not ours:\n",
        "    if False:\n",
        "tests/cli/test_enrol.py::test_another_offices_answer_is_refused_by_the_fingerprint",
    ),
    "any box is enrolled": Mutant(
        "central/enrolment.py",
        "    if not asked:\n",
        "    if False:\n",
        "tests/cli/test_enrol.py::test_a_request_of_another_box_under_this_ones_name_is_refused_by_its_fingerprint",
    ),
    "the one-time key goes too soon": Mutant(
        "cli/enrolling.py",
        "    plan.write()\n    identity.finish()\n",
        "    identity.finish()\n    plan.write()\n",
        "tests/faults/test_enrol_power_cut.py::test_an_install_cut_off_anywhere_leaves_the_old_or_the_new_and_can_be_repeated[by_hand]",
    ),
    "a broken chain counts": Mutant(
        "central/placing.py",
        "        fits = chain.head == batch.prev\n",
        "        fits = True\n",
        f"{INTAKE}::test_a_batch_that_does_not_follow_is_kept_aside_and_its_end_is_followed",
    ),
    "both histories of a copied disk count": Mutant(
        "central/ledger_schema.py",
        "WHERE event.code IS NULL AND chain.branch = 0",
        "WHERE event.code IS NULL",
        f"{INTAKE}::test_both_histories_of_a_copied_disk_are_kept_and_one_counts",
    ),
    "what overlaps is kept twice": Mutant(
        "central/epoch.py",
        "self._write(chain, told, chain.upto + 1, batch.last, code)",
        "self._write(chain, told, batch.first, batch.last, code)",
        f"{INTAKE}::test_with_other_boundaries_only_what_is_new_is_kept",
    ),
    "one gate speaks for another": Mutant(
        "central/opening.py",
        "return opened if speaks_of == gate else",
        "return opened if speaks_of else",
        "tests/central/test_opening.py::test_a_gate_that_signs_for_another_is_not_believed",
    ),
    "an ended enrolment is believed": Mutant(
        "central/ledger_gates.py",
        '"WHERE gate = ? AND ended_at IS NULL"',
        '"WHERE gate = ?"',
        "tests/central/test_ledger.py::test_an_ended_enrolment_has_no_keys_and_another_may_follow",
    ),
    "acknowledged before it is flushed": Mutant(
        "central/ledger.py",
        "PRAGMA synchronous=FULL",
        "PRAGMA synchronous=NORMAL",
        "tests/central/test_ledger.py::test_a_ledger_is_flushed_at_each_commit",
    ),
    "a receipt for another journal believed": Mutant(
        "wire/verdict.py",
        "if place.digest is not None and place.digest != ack.digest:",
        "if False:",
        f"{SYNC}::test_another_journal_under_our_name_is_told_once_and_we_go_on",
    ),
    "a receipt for another gate believed": Mutant(
        "daemon/receipts.py",
        'return ack if ack.gate == gate else "ack_foreign"',
        "return ack",
        f"{SYNC}::test_a_receipt_that_is_not_centrals_moves_nothing_and_is_counted",
    ),
    "any old receipt goes back": Mutant(
        "daemon/uplink.py",
        "greeted = ack.session == self._session",
        "greeted = True",
        f"{SYNC}::test_an_old_receipt_of_another_connection_goes_nowhere",
    ),
    "a later epoch's receipt skips rows": Mutant(
        "wire/verdict.py",
        "if place.base > cursor or _skips_rows(ack, place, cursor):",
        "if _skips_rows(ack, place, cursor):",
        "tests/vectors/test_sync_gate.py",
    ),
    "a receipt from before a restore believed": Mutant(
        "wire/verdict.py",
        "old = not greeted and (answered_at is None or ack.at < answered_at)",
        "old = False",
        f"{SYNC}::test_a_receipt_from_before_central_was_restored_skips_nothing",
    ),
    "a greeting's answer goes back at will": Mutant(
        "daemon/uplink.py",
        "        self._went_back.add(epoch)",
        "        self._went_back.clear()",
        f"{SYNC}::test_the_answer_to_a_greeting_goes_back_once",
    ),
    "any time of central's moves the floor": Mutant(
        "daemon/uplink.py",
        "if is_leap(at, self._time.read()) or not key.holds(at):",
        "if False:",
        f"{SYNC}::test_a_time_of_central_that_cannot_be_true_moves_no_floor",
    ),
    "unacknowledged rows erased": Mutant(
        "store/outbox.py",
        " AND id <= (SELECT max(id) FROM acknowledged)",
        "",
        "tests/store/test_outbox.py::test_nothing_unacknowledged_is_erased_whoever_asks",
    ),
    "a broker's word taken for a receipt": Mutant(
        "daemon/uplink.py",
        "        if answer.refused:\n",
        "        if batch and not answer.refused:\n"
        "            self._window.note_acked(self._window.sent, now)\n"
        "        if answer.refused:\n",
        f"{SYNC}::test_without_a_receipt_the_same_is_sent_again",
    ),
    "edited rows told": Mutant(
        "store/outbox.py",
        "if link != noted:",
        "if False:",
        "tests/store/test_outbox.py::test_a_changed_row_is_not_told",
    ),
    "erased before its receipt is old": Mutant(
        "store/outbox.py",
        "FROM acknowledged WHERE hour <= ?",
        "FROM acknowledged WHERE hour >= ?",
        "tests/store/test_outbox.py::test_rows_may_be_erased_a_retention_after_their_receipt_and_not_sooner",
    ),
    "erased bytes stay in the log": Mutant(
        "store/outbox.py",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "PRAGMA wal_checkpoint(PASSIVE)",
        "tests/store/test_outbox.py::test_erased_bytes_are_gone_from_the_files",
    ),
    "what strangers send is journaled": Mutant(
        "daemon/downlink.py",
        "only_new=True",
        "only_new=False",
        f"{SYNC}::test_known_statements_leave_no_trace",
    ),
    "the serving key makes statements": Mutant(
        "central/ack_keys.py",
        "ACK_KINDS = (Kind.ACK, Kind.HEAD, Kind.USES, Kind.TIME)",
        "ACK_KINDS = (Kind.ACK, Kind.HEAD, Kind.USES, Kind.TIME, Kind.BINDING)",
        "tests/central/test_office.py::test_a_sector_has_a_key_for_statements_one_that_serves_and_one_for_commands",
    ),
    "unpacked before its size is known": Mutant(
        "wire/blob.py",
        "if header.content_size > limit or",
        "if",
        "tests/vectors/test_feed_vectors.py::test_a_page_opens_or_is_refused_as_it_says",
    ),
    "a page that is not in order": Mutant(
        "wire/page.py",
        "if not all(map(lt, places, after)):",
        "if False:",
        "tests/vectors/test_feed_vectors.py::test_a_page_opens_or_is_refused_as_it_says",
    ),
    "a gap between deltas": Mutant(
        "wire/manifest.py",
        "least=after + 1, most=after + 1",
        "least=after + 1",
        "tests/vectors/test_feed_vectors.py::test_a_manifest_opens_or_is_refused_as_it_says",
    ),
    "a set without ranks": Mutant(
        "wire/setdigest.py",
        'rank.to_bytes(8, "big"))',
        "bytes(8))",
        "tests/vectors/test_feed_vectors.py::test_a_set_has_the_digest_that_it_says",
    ),
    "an older statement in a newer one's place": Mutant(
        "central/ledger_feed.py",
        " WHERE excluded.rank > rank",
        " WHERE false",
        f"{FEED}::test_manifest_and_pages_of_any_head_are_the_set_that_it_signs",
    ),
    "a bucket counted of another moment": Mutant(
        "central/feed.py",
        "keep_buckets(self._ledger, self.sector, head.position, anew)",
        "keep_buckets(self._ledger, self.sector, head.position + 1, anew)",
        f"{FEED}::test_a_bucket_that_changes_while_a_head_is_made_is_counted_by_the_next",
    ),
    "two heads of one version": Mutant(
        "central/feed.py",
        "if head_version(self._ledger, self.sector) != head.version - 1:",
        "if False:",
        f"{FEED}::test_of_two_who_make_a_head_one_wins",
    ),
    "a blob dropped that a head names": Mutant(
        "central/blobs.py",
        "                os.utime(self._path(name), (now, now))\n            except",
        "                self._path(name).stat()\n            except",
        f"{FEED}::test_what_no_head_has_named_for_two_days_goes",
    ),
    "one key of media for all venues": Mutant(
        "central/media_keys.py",
        'self.venue or ""',
        '""',
        "tests/central/test_media_keys.py::test_every_use_has_a_key_of_its_own",
    ),
    "issued though the chip is too small": Mutant(
        "central/on_media.py",
        "if chip is not None and not chip.holds(len(message)):",
        "if False:",
        f"{CARRYING}[too small a chip]",
    ),
    "another's right on a medium": Mutant(
        "central/ledger_statements.py",
        "AND place.key = ? AND",
        "AND (place.key = ? OR 1) AND",
        "tests/central/test_carrying.py::test_another_accounts_right_is_not_carried",
    ),
    "a message without its issue": Mutant(
        "central/files.py",
        "        path.unlink(missing_ok=True)\n        raise\n",
        "        raise\n",
        f"{CARRYING}[no such right]",
    ),
    "another sector's pages": Mutant(
        "central/feed_serving.py",
        "folders.get(asker.sector)",
        'folders.get("pools")',
        "tests/central/test_feeder.py::test_a_gate_gets_head_and_blobs_of_its_own_sector_alone",
    ),
}


def run(package: Path, test: str) -> int:
    environment = {**os.environ, "PYTHONPATH": str(package)}
    # A kill inside a release finds what was released too early in one case of five: so there are many.
    environment |= {"GATED_KILLS": "40", "GATED_KILL_AT_RELEASE": "1"}
    # Keeps the working directory, with the whole package in it, off the path; also in processes of the test.
    environment["PYTHONSAFEPATH"] = "1"
    words = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", test]
    return subprocess.run(words, cwd=ROOT, env=environment, check=False, capture_output=True).returncode


def copy_to(place: Path) -> Path:
    shutil.copytree(ROOT / "gated", place / "gated", ignore=shutil.ignore_patterns("__pycache__"))
    return place


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_goes_red(tmp_path, name):
    mutant = MUTANTS[name]
    if "strace" in mutant.needs:
        need("strace", "strace")
    if "pcsc" in mutant.needs and pcscd.missing():
        missing(pcscd.missing())
    package = copy_to(tmp_path)
    path = package / "gated" / mutant.file
    whole = path.read_text()
    assert 1 == whole.count(mutant.old), "the mutant's place has moved: plant it anew"
    assert 0 == run(package, mutant.test), "the test must pass on the whole package"
    path.write_text(whole.replace(mutant.old, mutant.new))
    assert 1 == run(package, mutant.test)
