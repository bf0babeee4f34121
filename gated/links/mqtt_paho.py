"""paho's client, and what is agreed through it when a connection begins."""

from __future__ import annotations

from dataclasses import dataclass

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gated.links import mqtt_trouble as trouble
from gated.links.mqtt_place import MqttPlace
from gated.links.mqtt_stream import Stream
from gated.model.letter import Letter

#: Bytes of a remaining length at most, MQTT 5 section 1.5.5: one byte of its own for each that is passed.
_LENGTH_LIMITS = (0x7F, 0x3FFF, 0x1F_FFFF)
LARGEST = 0xFFF_FFFF


class PahoClient(Client):
    """Paho's client over a socket that is already connected: its own way there has no deadline."""

    def __init__(self, place: MqttPlace, stream: Stream) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=place.client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        self._stream = stream
        self.max_inflight_messages = place.window

    def _create_socket(self) -> Stream:
        return self._stream


@dataclass(frozen=True, slots=True)
class Agreed:
    """What the broker allows us, and wishes. ``largest`` is bytes of a whole packet."""

    window: int
    largest: int
    keepalive_s: int


def wishes(place: MqttPlace) -> Properties:
    """What we ask of the broker when we connect."""
    asked = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho annotates it not
    asked.SessionExpiryInterval = 0  # the durable queue is the journal, not a broker's session
    asked.ReceiveMaximum = place.window
    asked.MaximumPacketSize = place.max_packet
    return asked


def agree(place: MqttPlace, offered: Properties | None) -> Agreed:
    """What the CONNACK of a broker that lets us in makes of it. Raises ``LinkError``."""
    allowed = getattr(offered, "ReceiveMaximum", 0xFFFF)
    largest = getattr(offered, "MaximumPacketSize", LARGEST)
    if getattr(offered, "MaximumQoS", 1) < 1:
        raise trouble.no_mqtt(place, "it takes no letter that it must answer (QoS 1)")
    return Agreed(
        window=min(allowed, place.window),
        largest=min(largest, LARGEST),
        # paho obeys it (MQTT 5 section 3.2.2.3.14), also where it is longer than ours.
        keepalive_s=getattr(offered, "ServerKeepAlive", place.keepalive_s),
    )


def packet_bytes(letter: Letter) -> int:
    """The size of the PUBLISH that carries a letter, header and all; QoS 1, no properties."""
    remaining = 2 + len(letter.topic.encode()) + 2 + 1 + len(letter.payload)
    return 2 + sum(remaining > limit for limit in _LENGTH_LIMITS) + remaining
