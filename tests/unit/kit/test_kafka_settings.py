"""The address of a Kafka cluster."""

import pytest

from comeback_kit.log.kafka_settings import KafkaSettings


def test_a_plain_address() -> None:
    settings = KafkaSettings.from_url("kafka://one:9092,two:9093")
    assert settings.client()["bootstrap_servers"] == ["one:9092", "two:9093"]
    assert settings.client()["security_protocol"] == "PLAINTEXT"
    assert settings.wire("comeback.orders.v1") == "comeback.orders.v1"
    assert settings.logical("comeback.orders.v1") == "comeback.orders.v1"


def test_a_namespace_goes_before_every_name_and_comes_off_again() -> None:
    settings = KafkaSettings.from_url("kafka://one:9092/staging")
    assert settings.wire("orders") == "staging.orders"
    assert settings.logical("staging.orders") == "orders"


def test_a_login_over_tls() -> None:
    settings = KafkaSettings.from_url(
        "kafka://me%40shop:p%3Ass@one:9092?tls=true&mechanism=SCRAM-SHA-512&replication=3"
    )
    client = settings.client()
    assert client["security_protocol"] == "SASL_SSL"
    assert (client["sasl_plain_username"], client["sasl_plain_password"]) == ("me@shop", "p:ss")
    assert client["sasl_mechanism"] == "SCRAM-SHA-512"
    assert client["ssl_context"] is not None
    assert settings.replication == 3


def test_without_tls_a_login_is_sasl_plaintext() -> None:
    assert KafkaSettings.from_url("kafka://u:p@one:9092").client()["security_protocol"] == "SASL_PLAINTEXT"


@pytest.mark.parametrize(
    "url",
    [
        "http://one:9092",
        "kafka://",
        "kafka:///x",
        "kafka://one:9092?replicas=3",
        "kafka://:9092",
        "kafka://one:port",
        "kafka://one:9092,",
    ],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="log's address"):
        KafkaSettings.from_url(url)
