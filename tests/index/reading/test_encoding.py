from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.reading.encoding import decode
from index.reading.reading import Unreadable

TEXTS = {
    "cp1252": "Grüße aus München, der Preis ist 5 € für Kinder. ",
    "cp1250": "Zwrot biletu możliwy jest do 24 godzin przed odjazdem. Źdźbło żółte. ",
    "cp1251": "Возврат билета возможен за сутки до отправления поезда. ",
    "koi8_r": "Возврат билета возможен за сутки до отправления поезда. ",
    "cp1253": "Η επιστροφή χρημάτων είναι δυνατή έως μία ημέρα πριν. ",
    "gb18030": "退票须在发车前二十四小时办理。自行车需要付费。",
    "cp932": "払い戻しは出発の二十四時間前まで可能です。自転車は有料です。",
    "utf_16_le": "Grüße aus München ohne Vorzeichen.",
}


@pytest.mark.parametrize("encoding", TEXTS)
def test_the_encoding_is_found_without_a_mark(encoding: str) -> None:
    text = TEXTS[encoding] * 5
    found = decode(text.encode(encoding))
    assert found.text == text
    assert found.text.encode(found.encoding) == text.encode(encoding)


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_a_byte_order_mark_is_believed(mark: bytes, encoding: str) -> None:
    found = decode(mark + "Grüße 😀".encode(encoding))
    assert (found.text, found.encoding, found.byte_order_mark) == ("Grüße 😀", encoding, len(mark))


@given(st.binary(max_size=300) | st.text(max_size=80).map(lambda text: text.encode("utf-8", "replace")))
def test_what_is_decoded_encodes_to_the_same_bytes(content: bytes) -> None:
    try:
        found = decode(content)
    except Unreadable:
        return
    assert "\0" not in found.text
    if found.encoding:
        assert content[found.byte_order_mark :] == found.text.encode(found.encoding)
