"""A broker's URL, taken apart."""

from __future__ import annotations

import pytest

from gated.wire.broker import BrokerUrl, broker_url


@pytest.mark.parametrize(
    ("text", "host", "port", "tls"),
    [
        ("mqtts://broker.example", "broker.example", 8883, True),
        ("mqtts://broker.example:18883", "broker.example", 18883, True),
        ("mqtts://BROKER.example.", "broker.example.", 8883, True),
        ("MQTTS://broker", "broker", 8883, True),
        ("mqtts://192.0.2.7:1", "192.0.2.7", 1, True),
        ("mqtts://[2001:db8::7]:65535", "2001:db8::7", 65535, True),
        ("mqtts://xn--bcher-kva.example", "xn--bcher-kva.example", 8883, True),
        ("mqtt://localhost", "localhost", 1883, False),
        ("mqtt://127.0.0.1:18883", "127.0.0.1", 18883, False),
        ("mqtt://[::1]", "::1", 1883, False),
    ],
)
def test_a_url_names_a_host_and_a_port(text, host, port, tls):
    assert BrokerUrl(host, port, tls) == broker_url(text)


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("", "mqtts://"),
        ("broker.example", "mqtts://"),
        ("broker.example:8883", "mqtts://"),
        ("https://broker.example", "mqtts://"),
        ("mqtts:broker.example", "no host"),
        ("mqtts://", "no host"),
        ("mqtts://:8883", "no host"),
        ("mqtts://broker.example:0", "no host"),
        ("mqtts://broker.example:65536", "no URL"),
        ("mqtts://broker.example:tls", "no URL"),
        ("mqtts://broker.example/", "more than a host"),
        ("mqtts://broker.example/topic", "more than a host"),
        ("mqtts://broker.example?x=1", "more than a host"),
        ("mqtts://broker.example#x", "more than a host"),
        ("mqtts://bro ker", "no host"),
        ("mqtts://bröker.example", "no host"),
        ("mqtts://broker..example", "no host"),
        ("mqtts://" + "a" * 64 + ".example", "no host"),
        ("mqtts://" + "a." * 130 + "example", "no host"),
        ("mqtts://[::1", "no URL"),
        ("mqtts://[1.2.3]", ""),
        ("mqtt://broker.example", "only for a broker on this machine"),
        ("mqtt://192.0.2.7", "only for a broker on this machine"),
        ("mqtt://[2001:db8::7]", "only for a broker on this machine"),
        ("mqtt://localhost.example", "only for a broker on this machine"),
    ],
)
def test_anything_else_is_told_and_how_to_write_it(text, means):
    with pytest.raises(ValueError) as caught:
        broker_url(text)
    assert means in str(caught.value)
    assert "mqtts://" in str(caught.value)


def test_a_password_in_a_url_is_refused_and_not_repeated():
    with pytest.raises(ValueError) as caught:
        broker_url("mqtts://gate:hunter2@broker.example")
    assert "certificate" in str(caught.value)
    assert "hunter2" not in str(caught.value)
