"""Questions to central, and their answers: a few on their way at once, each answered once or given up."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import NamedTuple

from gated.credential.message import MESSAGE_TYPES
from gated.model.document import DocumentError
from gated.model.letter import Letter
from gated.model.statement import Kind
from gated.ports import Link
from gated.wire import topics
from gated.wire.request import HERE, ID_BYTES, Answer, Request, Want, encode_request, read_answer
from gated.wire.seal import SigningKey

#: Questions on their way at once: a page of the feed is 120 kB, and central serves a whole city.
WINDOW = 8
#: No answer after this counts as none: the broker may have thrown question or answer away; seconds.
ANSWER_S = 10.0

#: Is told the answer, or None where none came.
Told = Callable[[Answer | None], None]


class _Asked(NamedTuple):
    told: Told
    at: float


class Asking:
    """Used by the sync thread, over one link after the other."""

    def __init__(self, *, gate: str, link: Link, key: SigningKey, random: Callable[[int], bytes]) -> None:
        self._gate = gate
        self._link = link
        self._key = key
        self._random = random
        self._queue: deque[tuple[Want, Told]] = deque()
        self._asked: dict[bytes, _Asked] = {}
        self.refused: Counter[str] = Counter()
        #: What a stick brought: asked first, with or without a link. None = it has no such thing.
        self.source: Callable[[Want], bytes | None] | None = None

    def ask(self, want: Want, told: Told) -> None:
        """Ask as soon as there is room; ``told`` is called once, from ``pump``, ``heard`` or ``end``."""
        self._queue.append((want, told))

    @property
    def outstanding(self) -> int:
        """Questions that were not answered yet, those that wait to be sent among them."""
        return len(self._queue) + len(self._asked)

    def serve(self) -> int:
        """Answer what waits from the source, if there is one. How many were answered."""
        if self.source is None:
            return 0
        served = 0
        for _ in range(len(self._queue)):  # what is asked meanwhile has its turn the next time
            want, told = self._queue.popleft()
            body = self.source(want)
            if body is None:
                self._queue.append((want, told))
            else:
                served += 1
                told(Answer(bytes(ID_BYTES), HERE, body))
        return served

    def pump(self, now: float, room: int) -> list[int]:
        """Give up what got no answer, and send at most ``room`` questions; the numbers of their letters.

        Raises ``LinkError``.
        """
        for name in [name for name, asked in self._asked.items() if now - asked.at >= ANSWER_S]:
            self.refused["no_answer"] += 1
            self._asked.pop(name).told(None)
        sent: list[int] = []
        while self._queue and len(self._asked) < WINDOW and len(sent) < room:
            want, told = self._queue.popleft()
            name = self._random(ID_BYTES)
            self._asked[name] = _Asked(told, now)
            request = encode_request(Request(self._gate, name, want))
            token = self._key.sign(MESSAGE_TYPES[Kind.REQUEST], request)
            sent.append(self._link.send(Letter(topics.request(self._gate), token)))
        return sent

    def heard(self, payload: bytes) -> None:
        """Something arrived where answers do. What nobody asked is counted, and not looked at."""
        try:
            answer = read_answer(payload)
        except DocumentError:
            self.refused["answer_malformed"] += 1
            return
        asked = self._asked.pop(answer.id, None)
        if asked is None:
            self.refused["answer_unasked"] += 1
            return
        asked.told(answer)

    def end(self) -> None:
        """The link is lost: nothing that was asked over it is answered any more."""
        lost = [asked.told for asked in self._asked.values()] + [told for _, told in self._queue]
        self._asked.clear()
        self._queue.clear()
        for told in lost:
            told(None)
