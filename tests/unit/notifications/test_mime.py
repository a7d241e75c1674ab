import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.mime import Mail, header, to_bytes

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ANY_TEXT = st.text(max_size=400)
HOSTILE = [
    "=?utf-8?b?DQpCY2M6IGV2ZUBldmlsLmV4YW1wbGU=?=",
    "\r\nBcc: eve@evil.example",
    "x\nBcc: eve@evil.example",
    "x\r\rBcc: e",
    "x\u2028Bcc: e",
    "x\x85Bcc: e",
    "\0",
]


def mail(**changes: Any) -> Mail:
    fields: dict[str, Any] = {
        "message_id": "<0abc@shop.example>",
        "date": NOW,
        "from_name": "Shop",
        "from_address": "no-reply@shop.example",
        "to_name": "Ada",
        "to_address": "ada@example.com",
        "subject": "Hello",
        "text": "text\n",
        "html": "<p>html</p>\n",
        "language": "en",
        "headers": {"List-Unsubscribe": "<https://shop.example/p/x>"},
    }
    return Mail(**{**fields, **changes})


def parsed(one: Mail) -> EmailMessage:
    message = email.message_from_bytes(to_bytes(one), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def test_a_mail_has_a_text_and_an_html_part_that_read_back_as_written() -> None:
    text = "Größe: 5 €\n.\n..dots\nFrom here\n" + "long " * 400 + "\n"
    html = "<p>Größe = 5 €</p>" * 200 + "\n"
    read = parsed(mail(text=text, html=html))
    plain, rich = read.get_body(("plain",)), read.get_body(("html",))
    assert plain is not None
    assert rich is not None
    assert plain.get_content().replace("\r\n", "\n") == text
    assert rich.get_content().replace("\r\n", "\n") == html
    assert read.get_content_type() == "multipart/alternative"
    assert not read.defects


@pytest.mark.parametrize("field", ["subject", "from_name", "to_name"])
@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_name_or_subject_can_add_a_header(field: str, hostile: str) -> None:
    raw = to_bytes(mail(**{field: f"Ada{hostile}"}))
    head = raw.split(b"\r\n\r\n", 1)[0]
    names = [line.split(b":", 1)[0] for line in head.split(b"\r\n") if not line.startswith(b" ")]
    assert names == [
        line.split(b":", 1)[0]
        for line in to_bytes(mail()).split(b"\r\n\r\n", 1)[0].split(b"\r\n")
        if not line.startswith(b" ")
    ]
    assert parsed(mail(**{field: f"Ada{hostile}"}))["Bcc"] is None


@given(ANY_TEXT, ANY_TEXT, ANY_TEXT)
def test_any_texts_make_a_mail_of_lines_that_every_server_takes(subject: str, name: str, body: str) -> None:
    try:
        (subject + name + body).encode()
    except UnicodeEncodeError:
        return  # lone surrogates are refused at the door
    raw = to_bytes(mail(subject=subject, from_name=name, to_name=name, text=body, html=body))
    lines = raw.split(b"\r\n")
    assert max(len(line) for line in lines) <= 998
    assert not any(b"\r" in line or b"\n" in line for line in lines)
    assert raw.isascii()
    head = raw.split(b"\r\n\r\n", 1)[0].split(b"\r\n")
    assert all(len(line) <= 76 for line in head if b"=?" in line)
    read = parsed(mail(subject=subject, from_name=name, to_name=name, text=body, html=body))
    assert [address.addr_spec for address in read["To"].addresses] == ["ada@example.com"]
    assert [address.addr_spec for address in read["From"].addresses] == ["no-reply@shop.example"]


@pytest.mark.parametrize("subject", ["Ihre Bestellung für München", "ご注文の確認", "😀" * 60, "plain " * 30])
def test_a_subject_reads_back_whatever_its_script_and_length(subject: str) -> None:
    assert parsed(mail(subject=subject))["Subject"] == " ".join(subject.split())[:250]


@pytest.mark.parametrize("name", ['Söhne & "Co"', "Shop, Inc.", 'a "quoted" \\ name', "Plain", ""])
def test_a_display_name_reads_back(name: str) -> None:
    assert parsed(mail(from_name=name))["From"].addresses[0].display_name == name


def test_an_unsubscribe_link_stands_on_one_line_unbroken() -> None:
    url = "<https://shop.example/p/" + "x" * 300 + ">"
    assert b"List-Unsubscribe: " + url.encode() + b"\r\n" in to_bytes(mail(headers={"List-Unsubscribe": url}))


def test_a_link_too_long_for_a_header_is_left_to_the_text() -> None:
    raw = to_bytes(mail(headers={"List-Unsubscribe": "<https://shop.example/p/" + "x" * 1200 + ">"}))
    assert b"List-Unsubscribe" not in raw
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998


def test_an_internationalized_local_part_makes_a_utf8_header() -> None:
    raw = to_bytes(mail(to_address="用户@example.com"))
    assert "<用户@example.com>".encode() in raw


def test_folding_keeps_every_word() -> None:
    value = " ".join(f"word{number}" for number in range(60))
    assert header(value, 9).replace("\r\n ", " ") == value


@pytest.mark.parametrize("field", ["subject", "from_name", "to_name"])
def test_a_name_spelled_like_an_encoded_word_is_read_as_it_is_spelled(field: str) -> None:
    spelled = "=?utf-8?b?DQpCY2M6IGV2ZQ==?="
    read = parsed(mail(**{field: spelled}))
    header_of = {"subject": "Subject", "from_name": "From", "to_name": "To"}[field]
    assert spelled in str(read[header_of])
    assert read["Bcc"] is None
