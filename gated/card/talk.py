"""The dialogue of one tap, shared by all schemes that are tried in it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

from gated.card.apdu import MAX_RESPONSE_BYTES, OK, CardFault, Response, command, parse, select
from gated.errors import CardError, CardSlowError
from gated.model.credential import Proof
from gated.model.refusal import Reason, Refusal
from gated.model.time import TimeReading

T = TypeVar("T")

#: Part of a conversation: yields commands, receives responses, comes to a ``T``.
Steps = Generator[bytes, bytes, T]
#: What a scheme makes of a medium: a proof; a refusal where it was recognised and failed; None where it
#: does not speak the scheme.
Result = Proof | Refusal | None
Conversation = Steps[Result]

#: Of one answer after its first piece, 61xx (ISO/IEC 7816-4:2020 clause 5.3.4): an endless chain is cut off.
MAX_CHAINED = 3
#: The same of 91AF: some DESFire cards send frames of 59 bytes, whatever the reader takes.
MAX_FRAMES = 8
#: Commands of one tap. The longest conversation that is in order, a full NTAG 216 read four pages at a time
#: after every other scheme was tried in vain, has some eighty.
MAX_COMMANDS = 128

_GET_RESPONSE = command(0x00, 0xC0, 0x00, 0x00)
_ADDITIONAL_FRAME = command(0x90, 0xAF, 0x00, 0x00)
#: A DESFire status (91xx) in the ISO wrapping: more frames are to come.
_MORE_FRAMES = 0x91AF


class Talk:
    """What a conversation is handed, and what this tap has shown so far.

    Args:
        uid: the anticollision number, where the reader tells it. Never an identity by itself.
        random: bytes from a cryptographic source: whoever can foretell them can answer beforehand.
        time: what time it is.

    """

    def __init__(
        self, uid: bytes | None, random: Callable[[int], bytes], time: Callable[[], TimeReading]
    ) -> None:
        self.uid = uid
        self.random = random
        self.time = time
        self.sent = 0  # commands so far
        self._absent: set[bytes] = set()  # applications that it does not have

    def send(self, apdu: bytes) -> Steps[Response]:
        """Send a command, take its one response apart. Raises ``CardFault``."""
        if self.sent == MAX_COMMANDS:
            raise CardFault("endless")
        self.sent += 1
        return parse((yield apdu))

    def ask(self, apdu: bytes, most: int = MAX_RESPONSE_BYTES, pieces: int = MAX_CHAINED) -> Steps[Response]:
        """Send a command and collect what the card chains: up to ``most`` bytes, in so many ``pieces`` after
        the first. Raises ``CardFault``.
        """
        return (
            yield from self._collected(apdu, most, pieces, lambda status: status >> 8 == 0x61, _GET_RESPONSE)
        )

    def ask_wrapped(self, ins: int, body: bytes = b"", most: int = MAX_RESPONSE_BYTES) -> Steps[Response]:
        """Send a DESFire command in the ISO wrapping (CLA 90) and collect its frames. Raises ``CardFault``.

        For a command whose 91AF means more of the same answer; in an authentication it means "go on".
        """
        apdu = command(0x90, ins, 0x00, 0x00, body)
        return (
            yield from self._collected(
                apdu, most, MAX_FRAMES, lambda status: status == _MORE_FRAMES, _ADDITIONAL_FRAME
            )
        )

    def select(self, aid: bytes) -> Steps[Response | None]:
        """Select an application; None = the medium does not have it, and is not asked again in this tap."""
        if aid in self._absent:
            return None
        try:
            response = yield from self.ask(select(aid))
        except CardFault:
            response = None
        if response is None or response.status != OK:
            self._absent.add(aid)
            return None
        return response

    def _collected(
        self, apdu: bytes, most: int, pieces: int, more: Callable[[int], bool], then: bytes
    ) -> Steps[Response]:
        response = yield from self.send(apdu)
        body, chained = response.body, 0
        while more(response.status):
            if chained == pieces:
                raise CardFault("endless")
            chained += 1
            response = yield from self.send(then)
            body += response.body
            if len(body) > most:
                raise CardFault("too_long")
        return Response(body, response.status)


def unreadable(scheme: str, what: str) -> Refusal:
    """A medium that was recognised and answered something that cannot be right."""
    return Refusal(Reason.UNREADABLE, {"scheme": scheme, "what": what})


def bad_proof(scheme: str, what: str | None = None) -> Refusal:
    """A medium that was recognised and did not prove that it is genuine."""
    return Refusal(Reason.BAD_PROOF, {"scheme": scheme} | ({} if what is None else {"what": what}))


def recognised(scheme: str, steps: Steps[Proof | Refusal]) -> Steps[Proof | Refusal]:
    """The rest of a conversation with a medium that was recognised: from here on all that fails refuses."""
    try:
        return (yield from steps)
    except CardFault as fault:
        return unreadable(scheme, fault.what)
    except CardError as error:
        return unreadable(scheme, left(error))


def left(error: CardError) -> str:
    """The code of a conversation that could not go on."""
    return "slow" if isinstance(error, CardSlowError) else "torn"


def expect(response: Response, status: int = OK) -> bytes:
    """The body of a response with the status that is due. Raises ``CardFault`` otherwise."""
    if response.status != status:
        raise CardFault(f"status_{response.status:04x}")
    return response.body
