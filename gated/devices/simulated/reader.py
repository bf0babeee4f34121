"""A reader without a radio: media are presented and taken away by calls, and it can be unplugged."""

from __future__ import annotations

import threading
from collections.abc import Callable

from gated.devices.simulated.media import LeftFieldError, Medium, answered_by_reader
from gated.errors import CardError, ReaderError
from gated.ports import Signal

_AGAIN = "present the medium again and hold it still"


class SimulatedSession:
    """A medium in the simulated field."""

    def __init__(self, reader: SimulatedReader, medium: Medium, presentation: int) -> None:
        self._reader = reader
        self._medium = medium
        self._presentation = presentation
        self._uid = b""

    @property
    def uid(self) -> bytes | None:
        """The anticollision number; None where the medium has none."""
        return self._uid or None

    def wake(self) -> None:
        """Ask the medium who it is, as a reader does before any command."""
        try:
            self._uid = self._medium.wake()
        except CardError:
            self._reader.check_present(self._presentation)
            raise

    def transmit(self, apdu: bytes) -> bytes:
        """Send a command to the medium."""
        self._reader.check_present(self._presentation)
        told = answered_by_reader(self._medium, apdu)
        if told is not None:
            return told
        try:
            response = self._medium.transmit(apdu)
        except LeftFieldError:
            self._reader.leave(self._presentation)
            raise
        except CardError:
            # It may have been freed because reader or medium went: then that is what is told.
            self._reader.check_present(self._presentation)
            raise
        self._reader.check_present(self._presentation)
        if len(response) < 2:
            raise CardError("the medium answered nothing", hint=_AGAIN)
        return response

    def close(self) -> None:
        """Leave the medium."""


class SimulatedReader:
    """The field, and a plug to pull."""

    def __init__(self, name: str = "simulated") -> None:
        self._name = name
        self._changed = threading.Condition()
        self._medium: Medium | None = None
        self._presentation = 0
        self._served: int | None = None  # the presentation of the last session
        self._plugged = True
        self._opened = False
        self._interrupts = 0
        self.shown: Signal | None = None  # the last signal that was shown

    @property
    def name(self) -> str:
        """As in the configuration."""
        return self._name

    # -------------------------------------------------------------- what the world does to it

    def present(self, medium: Medium) -> None:
        """Put a medium into the field."""
        with self._changed:
            if self._medium is not None:
                self._medium.free()
            medium.present()
            self._medium = medium
            self._presentation += 1
            self._changed.notify_all()

    def remove(self) -> None:
        """Take the medium away. An answer that hangs comes back as an error."""
        with self._changed:
            if self._medium is not None:
                self._medium.free()
            self._medium = None
            self._changed.notify_all()

    def unplug(self) -> None:
        """Pull the plug."""
        with self._changed:
            self._plugged = False
            if self._medium is not None:
                self._medium.free()
            self._medium = None
            self._changed.notify_all()

    def replug(self) -> None:
        """Put the plug back; the reader must be opened again."""
        with self._changed:
            self._plugged = True
            self._opened = False
            self._changed.notify_all()

    # -------------------------------------------------------------- the port

    def open(self) -> None:
        """Get ready. Raises ``ReaderError`` while unplugged."""
        with self._changed:
            if not self._plugged:
                raise ReaderError(f"reader {self._name} is not there", hint="check its cable")
            self._opened = True

    def wait_card(self, timeout_s: float) -> bool:
        """Wait for a medium."""
        with self._changed:
            self._wait(lambda: self._medium is not None, timeout_s)
            self._check_usable()
            return self._medium is not None

    def connect(self) -> SimulatedSession:
        """Begin a session."""
        with self._changed:
            self._check_usable()
            self._served = self._presentation
            if self._medium is None:
                raise CardError("the medium left the field", hint=_AGAIN)
            session = SimulatedSession(self, self._medium, self._presentation)
        session.wake()
        return session

    def wait_removed(self, timeout_s: float) -> bool:
        """Wait until the medium of the last session is gone; another one in its place counts as gone."""
        with self._changed:
            served = self._presentation if self._served is None else self._served

            def gone() -> bool:
                return self._medium is None or self._presentation != served

            self._wait(gone, timeout_s)
            self._check_usable()
            if not gone():
                return False
            self._served = None
            return True

    def interrupt(self) -> None:
        """Make a wait return soon."""
        with self._changed:
            self._interrupts += 1
            self._changed.notify_all()

    def show(self, signal: Signal) -> None:
        """Remember it."""
        self.shown = signal

    def close(self) -> None:
        """Give the reader back."""
        with self._changed:
            self._opened = False
            self._served = None
            self._changed.notify_all()

    # -------------------------------------------------------------- inside

    def leave(self, presentation: int) -> None:
        """The medium of a presentation has left the field by itself."""
        with self._changed:
            if self._presentation == presentation:
                self._medium = None
                self._changed.notify_all()

    def check_present(self, presentation: int) -> None:
        """Raise what a real reader raises when the medium or the reader has gone."""
        with self._changed:
            self._check_usable()
            if self._medium is None or self._presentation != presentation:
                raise CardError("the medium left the field", hint=_AGAIN)

    def _wait(self, reached: Callable[[], bool], timeout_s: float) -> None:
        interrupts = self._interrupts
        self._changed.wait_for(
            lambda: reached() or not self._plugged or not self._opened or self._interrupts != interrupts,
            timeout_s,
        )

    def _check_usable(self) -> None:
        if not self._plugged or not self._opened:
            raise ReaderError(f"reader {self._name} is gone", hint="check its cable")
