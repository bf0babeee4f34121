"""The head of a letter that came: read here, so that paho never sees its properties.

Whoever may write to a topic chooses them, and a broker passes them on to every reader. paho refuses some that
MQTT 5 allows, and ends the connection over them: one retained letter would keep all its readers away.
Nothing here asks for a property, nor for topic aliases, so that none has to be known.
"""

from __future__ import annotations

from dataclasses import dataclass

_QOS = 0x06


@dataclass(frozen=True, slots=True)
class Head:
    """All of a PUBLISH but its payload.

    Attributes:
        size: bytes that it took as it came.
        bare: the same in bytes, without properties.
        packet_id: what an answer must name; 0 = no answer is wanted (QoS 0).
        has_topic: whether the topic is one: there, and UTF-8.

    """

    size: int
    bare: bytes
    packet_id: int
    has_topic: bool


def read_head(packet: bytearray, size: int) -> Head:
    """Read the head of the PUBLISH in the first ``size`` bytes, whose own length is known to be sound.

    Raises ``ValueError``, saying what is wrong, where its parts do not fit into it.
    """
    _, begin = _varint(packet, 1, size)
    topic = begin + 2
    at = topic + int.from_bytes(packet[begin:topic], "big")
    has_number = packet[0] & _QOS
    number = at
    at += 2 if has_number else 0
    if at >= size:
        raise ValueError("a letter ends within its head")
    length, payload = _varint(packet, at, size)
    payload += length
    if payload > size:
        raise ValueError("the properties of a letter are longer than it")
    bare = bytes([packet[0]]) + _encoded(at - begin + 1 + size - payload) + packet[begin:at] + b"\0"
    packet_id = int.from_bytes(packet[number:at], "big")
    return Head(payload, bare, packet_id, _is_topic(packet[topic:number]))


def _is_topic(raw: bytearray) -> bool:
    try:
        return bool(raw.decode())
    except UnicodeDecodeError:
        return False


def _varint(packet: bytearray, at: int, end: int) -> tuple[int, int]:
    """A number of MQTT 5 section 1.5.5, and where it ends."""
    value = 0
    for place in range(4):
        if at + place >= end:
            break
        byte = packet[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if not byte & 0x80:
            return value, at + place + 1
    raise ValueError("the length of a letter's properties has no end")


def _encoded(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)
