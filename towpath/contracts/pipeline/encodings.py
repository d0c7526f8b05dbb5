"""Encodings of text files by name: what they are called, and which of them a file can be cut in."""

from typing import Annotated

from pydantic import AfterValidator

_LINES = """
    utf_8: utf8 u8
    ascii: usascii
    latin_1: latin1 iso88591 l1
    iso8859_2: latin2
    iso8859_3: latin3
    iso8859_4: latin4
    iso8859_5: cyrillic
    iso8859_6: arabic
    iso8859_7: greek
    iso8859_8: hebrew
    iso8859_9: latin5
    iso8859_10: latin6
    iso8859_11:
    iso8859_13: latin7
    iso8859_14: latin8
    iso8859_15: latin9
    iso8859_16: latin10
    cp1250: windows1250
    cp1251: windows1251
    cp1252: windows1252
    cp1253: windows1253
    cp1254: windows1254
    cp1255: windows1255
    cp1256: windows1256
    cp1257: windows1257
    cp1258: windows1258
    cp874: windows874
    cp437: ibm437
    cp720:
    cp737:
    cp775: ibm775
    cp850: ibm850
    cp852: ibm852
    cp855: ibm855
    cp856:
    cp857: ibm857
    cp858: ibm858
    cp860: ibm860
    cp861: ibm861
    cp862: ibm862
    cp863: ibm863
    cp865: ibm865
    cp866: ibm866
    cp869: ibm869
    cp1125: ibm1125
    koi8_r:
    koi8_t:
    koi8_u:
    kz1048:
    ptcp154: cyrillicasian
    tis_620:
    hp_roman8: roman8
    mac_cyrillic: maccyrillic
    mac_greek: macgreek
    mac_iceland: maciceland
    mac_latin2: maccentraleurope
    mac_roman: macroman macintosh
    mac_turkish: macturkish
    cp949: uhc ms949 windows949
    euc_kr: ksc5601 ksx1001
    johab: cp1361 ms1361
    shift_jis: sjis
    cp932: ms932 windows932 windows31j
    euc_jp: ujis
    euc_jis_2004:
    euc_jisx0213:
    gb2312: euccn
    gbk: cp936 ms936 windows936
    gb18030:
    big5: big5tw
    cp950: ms950 windows950
    big5hkscs:
"""
"""Codecs in which ASCII is itself, and no byte of another character is a line end or a quote."""
_WHOLE = """
    utf_16: utf16 u16 unicode ucs2
    utf_16_le: utf16le
    utf_16_be: utf16be
    utf_32: utf32 u32
    utf_32_le: utf32le
    utf_32_be: utf32be
    shift_jis_2004: sjis2004
    shift_jisx0213: sjisx0213
    iso2022_jp:
    iso2022_jp_1:
    iso2022_jp_2:
    iso2022_jp_2004:
    iso2022_jp_3:
    iso2022_jp_ext:
    iso2022_kr:
    hz: hzgb2312
    cp037: ebcdiccpus ibm037
    cp273: ibm273
    cp424: ibm424
    cp500: ibm500
    cp864: ibm864
    cp875:
    cp1026: ibm1026
    cp1140: ibm1140
"""
"""Others: their files are read from front to back."""


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _named(table: str) -> dict[str, str]:
    lines = (line.strip().split(":") for line in table.strip().splitlines())
    return {_plain(name): codec for codec, others in lines for name in (codec, *others.split())}


CUTTABLE = frozenset(_named(_LINES).values())
"""Codecs of files that can be cut at line ends."""
CODECS = {**_named(_LINES), **_named(_WHOLE)}
"""Python's codec for each name, in small letters and digits alone."""


def codec_of(name: str) -> str:
    """Python's codec; `windows-1252`, `Windows_1252` and `cp1252` are one. Raises ValueError."""
    codec = CODECS.get(_plain(name))
    if codec is None:
        raise ValueError("not an encoding that is known here (utf-8, utf-16, windows-1252, euc-kr, shift_jis, …)")
    return codec


def _known(name: str) -> str:
    codec_of(name)
    return name


EncodingName = Annotated[str, AfterValidator(_known)]
