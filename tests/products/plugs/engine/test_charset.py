"""A text that does not name its encoding is read as what it is, or refused; it never becomes noise."""

import io
import os
import re
import struct

import pytest

from patchbay.products.plugs.engine.digest import digest
from patchbay.products.plugs.engine.parsing import detect
from patchbay.products.plugs.engine.parsing.blocks import UnreadableError

CHINESE = "本合同期限为三年。承租人应当在每个季度的第一天支付租金。押金为两个月的租金，在房屋归还后三十日内退还。"
TAIWAN = "本合約期限為三年。承租人應於每季第一天支付租金。押金為兩個月的租金，在房屋歸還後三十日內退還。"
JAPANESE = (
    "契約期間は三年です。借主は毎月一日に家賃を支払います。解約する場合は三か月前に書面で通知してください。"
    "敷金は家賃の二か月分とし、返還は三十日以内に行います。"
)
KOREAN = "계약 기간은 삼 년입니다. 임차인은 매월 첫째 날에 임대료를 지불합니다. 해지하려면 석 달 전에 통지해야 합니다."
RUSSIAN = "Срок договора три года. Арендная плата вносится первого числа каждого месяца. Залог возвращается сразу."
GREEK = "Η προθεσμία καταγγελίας είναι τρεις μήνες. Το ενοίκιο καταβάλλεται την πρώτη ημέρα κάθε μήνα."
WESTERN = {
    "French": "Le dépôt de garantie s’élève à deux mois de loyer. Où a-t-il été créé, et quand sera-t-il payé ?",
    "French capitals": "RÉSUMÉ GÉNÉRAL DES CHARGES : ÉTÉ À PARIS, DÉPÔT PAYÉ À L’AVANCE",
    "German": "Die Kündigungsfrist beträgt drei Monate. Über die Größe der Fläche entscheidet die Prüfstelle.",
    "Spanish": "¿Cuándo vence la garantía? El dueño reparará la fachada en el año próximo.",
    "Dutch": "De huurder betaalt één maand. Eén sleutel is genoeg, en niet meer dan één.",
    "Icelandic": "Það þarf að skila lyklum við lok tímans. Leigan greiðist fyrirfram fyrsta dag hvers mánaðar.",
    "typed": "\xa0\xa0\xa0\xa0“Notice” – 24 hours … £500 • ±5 % at 20 °C\n————————————\n••• ½ inch •••",
    "alphabet": "Umlauts are ÄÖÜäöüß.",
}


def read(data: bytes, name: str = "contract.txt") -> str:
    return digest(data, detect.detect(io.BytesIO(data), name)).text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (CHINESE, "gbk"),
        (TAIWAN, "big5"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
        (KOREAN, "euc_kr"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8_r"),
        (RUSSIAN, "cp866"),
        (RUSSIAN, "iso8859_5"),
        (GREEK, "cp1253"),
        (RUSSIAN, "utf-16-le"),
        (RUSSIAN, "utf-16-be"),
        (f"{CHINESE}\n一 二", "utf-16-le"),
        (WESTERN["typed"], "utf-16-be"),
    ],
)
def test_a_text_of_another_script_is_read_though_it_does_not_name_its_encoding(text: str, encoding: str) -> None:
    english = "1. Terms\n\nThe words below are what the parties agreed upon, and nothing else is.\n\n"
    assert " ".join(read(text.encode(encoding)).split()) == " ".join(text.split())
    assert " ".join(read((english * 3 + text).encode(encoding), "a.md").split()).endswith(" ".join(text.split()))


@pytest.mark.parametrize("text", WESTERN.values(), ids=WESTERN)
def test_western_text_is_windows_1252(text: str) -> None:
    assert re.sub(r"\s+", " ", read(text.encode("cp1252"))) == " ".join(text.split())


LATIN = {
    "Polish": ("cp1250", "Okres wypowiedzenia wynosi trzy miesiące. Właściciel dzieli część kosztów równo."),
    "Czech": ("cp1250", "Výpovědní lhůta činí tři měsíce. Nájemné se platí předem. Úpravy vyžadují souhlas."),
    "Romanian": ("cp1250", "Chiria se plăteşte în avans. Garanţia va fi restituită când încetează locaţiunea."),
    "Turkish": ("cp1254", "Fesih süresi üç aydır. Kiracı, değişiklik için ev sahibinin iznini almalıdır."),
}


@pytest.mark.parametrize(("encoding", "text"), LATIN.values(), ids=LATIN)
def test_other_languages_in_latin_letters_are_read_with_their_own(encoding: str, text: str) -> None:
    assert read(text.encode(encoding)) == text
    assert read(text.upper().encode(encoding, "ignore")) != ""


def test_letters_of_several_languages_are_windows_1252() -> None:
    text = "Müller, Señor Ibáñez, Åsa Lindström, Søren, François Lefèvre and João Gonçalves pay £5 for 3 m³."
    assert read(text.encode("cp1252")) == text


@pytest.mark.parametrize("data", ["契約は三年です。".encode("euc_jp"), "Срок договора".encode("koi8_r")])
def test_what_could_be_of_several_encodings_is_refused_with_what_to_do(data: bytes) -> None:
    with pytest.raises(UnreadableError, match="Save it as UTF-8"):
        read(data)


def test_a_long_text_is_told_by_its_first_lines_that_are_not_ascii() -> None:
    text = "The terms are these. " * 20_000 + "\n\n" + CHINESE * 5000
    assert read(text.encode("gbk")).endswith(CHINESE)


def test_a_page_that_does_not_name_its_encoding_is_read() -> None:
    page = f"<html><body><p class=terms>{JAPANESE}</p></body></html>"
    assert read(page.encode("shift_jis"), "page.html") == JAPANESE
    assert read(page.encode("utf-16-le"), "page.html") == JAPANESE


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("<40I", *range(40)),
        struct.pack("<40H", *range(0x30, 0x58)) + b"\0\0",
        b"\0" * 64,
        b"record\0name\0value\0",
        b"A\0" + os.urandom(4000),
        "a\ud800b".encode("utf-16-le", "surrogatepass"),
    ],
)
def test_binary_data_is_no_wide_text(data: bytes) -> None:
    with pytest.raises(UnreadableError, match="binary data"):
        read(data)
