"""The medium's side of ISO/IEC 14443-4: frames in, frames out. It knows no transport.

What a medium needs more time for than a frame may wait is bridged as cards do it, by asking for more time
(S(WTX), clause 7.3): so a medium that hangs holds its reader, and a late answer is an answer.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from gated.devices.simulated.media import LeftFieldError, Medium
from gated.errors import CardError

#: Answer to select: 128-byte frames for us, frame waiting time 77 ms (FWI 8), one historical byte.
ATS = bytes.fromhex("067733810280")
#: Half a frame waiting time: then the medium asks for more.
_ASK_AFTER_S = 0.038
_FSD = (16, 24, 32, 40, 48, 64, 96, 128, 256)  # table 1: what the reader takes, by its code

_I, _R_ACK, _S_DESELECT, _S_WTX = 0x02, 0xA2, 0xC2, 0xF2
_CHAINED = _NAK = 0x10


class IsoDepTarget:
    """The protocol around one medium."""

    def __init__(self, medium: Medium, ats: bytes = ATS) -> None:
        self._medium = medium
        self._ats = ats
        self.active = False
        self.reset()

    def reset(self) -> None:
        """The field went off: everything is forgotten. An answer that still hangs will find nobody."""
        self.active = False
        self._number = 1
        self._frame_bytes = _FSD[0]
        self._command = b""
        self._rest = b""
        self._last = b""
        self._pending: queue.SimpleQueue[bytes | CardError] | None = None
        self._medium.reset()

    def select(self, size_code: int, answer: bytes) -> bytes | None:
        """RATS or ATTRIB: enter the protocol. None = the medium does not wake."""
        self.reset()
        if asked(self._medium.wake, _ASK_AFTER_S) is None:
            return None
        self._frame_bytes = _FSD[min(size_code, 8)]
        self.active = True
        return answer

    def frame(self, frame: bytes) -> bytes | None:
        """What is answered; None = silence. Raises ``LeftFieldError`` when the medium has left."""
        control = frame[0] if frame else 0
        if not self.active:
            return self.select(frame[1] >> 4, self._ats) if control == 0xE0 and len(frame) > 1 else None
        if control & 0xE2 == _I:
            return self._information(control, frame[1:])
        if control & 0xE6 == _R_ACK:
            return self._receipt(control)
        if control == _S_WTX:
            return self._wait()
        if control == _S_DESELECT:
            self.active = False
            return bytes([_S_DESELECT])
        return None

    def _information(self, control: int, part: bytes) -> bytes | None:
        self._number = control & 1
        self._command += part
        if control & _CHAINED:
            self._last = bytes([_R_ACK | self._number])
            return self._last
        command, self._command = self._command, b""
        self._pending = _begin(lambda: self._medium.transmit(command))
        return self._wait()

    def _receipt(self, control: int) -> bytes | None:
        """Clause 7.5.5: a block that got lost is sent again, and a chain goes on."""
        if self._pending is not None:
            return self._wait()
        same = control & 1 == self._number
        if same and self._last:
            return self._last
        if control & _NAK:
            return bytes([_R_ACK | self._number])
        self._number = control & 1
        return self._send()

    def _wait(self) -> bytes | None:
        if self._pending is None:
            return None
        try:
            answer = self._pending.get(timeout=_ASK_AFTER_S)
        except queue.Empty:
            return bytes([_S_WTX, 1])
        self._pending = None
        self._last = b""
        if isinstance(answer, LeftFieldError):
            raise answer
        if isinstance(answer, CardError):
            return None
        self._rest = answer
        return self._send()

    def _send(self) -> bytes:
        room = self._frame_bytes - 3  # the control byte and two of checksum
        part, self._rest = self._rest[:room], self._rest[room:]
        self._last = bytes([_I | (_CHAINED if self._rest else 0) | self._number]) + part
        return self._last


def asked(call: Callable[[], bytes], timeout_s: float) -> bytes | CardError | None:
    """What a medium answers within a time; None = nothing."""
    try:
        return _begin(call).get(timeout=timeout_s)
    except queue.Empty:
        return None


def _begin(call: Callable[[], bytes]) -> queue.SimpleQueue[bytes | CardError]:
    """Ask the medium in a thread of its own: it may take for ever."""
    answers: queue.SimpleQueue[bytes | CardError] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put(call())
        except CardError as error:
            answers.put(error)

    threading.Thread(target=run, name="medium", daemon=True).start()
    return answers
