"""A file of text as it really is: its encoding, its compression and its line ends, found by its first bytes.

A file that is compressed, or in an encoding in which no line end can be found by its byte, is read from front to back;
of others a stretch can be read by itself.
"""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass

from towpath.contracts.pipeline.encodings import CUTTABLE, codec_of
from towpath.contracts.pipeline.pipeline import FileSource
from towpath.dataplane.core.errors import SourceFormatError
from towpath.dataplane.extract.compression import ENDINGS, Packing, other_kind, packing_of, unpacked
from towpath.dataplane.extract.decoding import Decoded, shown
from towpath.dataplane.extract.lines import LONGEST_RECORD, NEWLINE
from towpath.dataplane.extract.places import FilePlace, SourceFile

RETURN = b"\r"
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf_32_le"),
    (codecs.BOM_UTF32_BE, "utf_32_be"),
    (codecs.BOM_UTF8, "utf_8"),
    (codecs.BOM_UTF16_LE, "utf_16_le"),
    (codecs.BOM_UTF16_BE, "utf_16_be"),
)
_WIDE = ("utf_16", "utf_32")
_LOOKED_AT = 4096


@dataclass(frozen=True, slots=True)
class TextFile:
    """`start` is where its text begins: in bytes of the file, or of its text in UTF-8 where it `is_whole`.

    `notes` is what a reader should hear of it.
    """

    place: FilePlace
    file: SourceFile
    packing: Packing
    encoding: str
    bom: int
    line_end: bytes
    notes: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """It is not cut."""
        return self.packing != "none" or self.encoding not in CUTTABLE

    @property
    def start(self) -> int:
        return 0 if self.is_whole else self.bom

    @property
    def head(self) -> bytes:
        """Its first MiB at most, from the start on: UTF-8 where it is whole, else as it is."""
        if not self.is_whole:
            end = min(self.bom + LONGEST_RECORD, self.file.size_bytes)
            return b"".join(self.place.read(self.file.name, self.bom, end))
        found = b""
        for piece in self.text(0, self.file.size_bytes):
            found += piece
            if len(found) >= LONGEST_RECORD:
                break
        return found[:LONGEST_RECORD]

    @property
    def head_encoding(self) -> str:
        return "utf_8" if self.is_whole else self.encoding

    def text(self, start: int, end: int) -> Decoded:
        """A stretch of it in UTF-8; of one that is whole, all of it."""
        return Decoded(self._bytes(start, end), self.encoding)

    def _bytes(self, start: int, end: int) -> Iterator[bytes]:
        if not self.is_whole:
            return self.place.read(self.file.name, start, end)
        whole = self.place.read(self.file.name, 0, self.file.size_bytes)
        return _after(unpacked(whole, self.packing, self.file.name), self.bom)


def open_text(source: FileSource, place: FilePlace, file: SourceFile) -> TextFile:
    """Raises SourceFormatError for what is no text, or is not in the encoding that is told."""
    first = b"".join(place.read(file.name, 0, min(_LOOKED_AT, file.size_bytes)))
    packing, notes = _packing(source, file, first)
    head = first if packing == "none" else _head(place, file, packing)
    if (kind := other_kind(head)) is not None:
        mend = "write type: parquet" if kind == "Parquet" else "unpack it, or save it as text"
        raise SourceFormatError(f"{file.name}: this is {kind} and no text of type {source.type}: {mend}")
    encoding, bom = _encoding(source, file, head)
    if codec_of(source.encoding) not in {encoding, encoding[:6]}:
        notes.append(f"read as {shown(encoding)}, as its byte order mark says, and not as {source.encoding}")
    text = head[bom:].decode(encoding, "replace")
    line_end = _line_end(text)
    if line_end == RETURN:
        notes.append("its lines end with a carriage return alone")
    return TextFile(place, file, packing, encoding, bom, line_end, tuple(notes))


def _packing(source: FileSource, file: SourceFile, first: bytes) -> tuple[Packing, list[str]]:
    found = packing_of(first)
    wanted = source.compression
    if wanted == "none":
        return "none", []
    if wanted not in {"auto", found}:
        raise SourceFormatError(f"{file.name}: not {wanted}, which the source says: leave compression out")
    named = next((packing for packing, ending in ENDINGS.items() if file.name.lower().endswith(ending)), "none")
    if wanted != "auto" or named == found:
        return found, []
    return found, [f"read as {found}, as its first bytes say" if found != "none" else f"not {named}, as its name says"]


def _head(place: FilePlace, file: SourceFile, packing: Packing) -> bytes:
    found = b""
    for piece in unpacked(place.read(file.name, 0, file.size_bytes), packing, file.name):
        found += piece
        if len(found) >= _LOOKED_AT:
            break
    return found[:_LOOKED_AT]


def _encoding(source: FileSource, file: SourceFile, head: bytes) -> tuple[str, int]:
    """The codec, and the length of the byte order mark."""
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return encoding, len(mark)
    told = codec_of(source.encoding)
    found = _by_zeros(head)
    if not told.startswith(_WIDE):
        if found is not None:
            raise SourceFormatError(f"{file.name}: this looks like {shown(found)}: write encoding: {shown(found)}")
        return told, 0
    if found is None and head:
        what = f"no byte order mark, and no zeros as {shown(told)} has them"
        raise SourceFormatError(f"{file.name}: {what}: write the encoding that it has")
    if told in _WIDE:
        found = found or f"{told}_le"
        return (f"{told}_{found[-2:]}", 0)
    if found is not None and found != told:
        raise SourceFormatError(f"{file.name}: this looks like {shown(found)}: write encoding: {shown(found)}")
    return told, 0


def _by_zeros(head: bytes) -> str | None:
    """Which encoding of two or four bytes a text has, as far as its ASCII letters tell; None: it has none of them."""
    if len(head) < 2 or head.count(0) * 8 < len(head):
        return None
    zeros = [head[place::4].count(0) for place in range(4)]
    quarter = len(head) // 4
    if quarter and zeros[1] + zeros[2] >= 2 * quarter * 0.9 and min(zeros[0], zeros[3]) * 4 < quarter:
        return "utf_32_le" if zeros[3] > zeros[0] else "utf_32_be"
    return "utf_16_le" if zeros[1] + zeros[3] > zeros[0] + zeros[2] else "utf_16_be"


def _line_end(text: str) -> bytes:
    """The end of its first line. What has none is taken for one line."""
    places = [place for place in (text.find("\n"), text.find("\r")) if place >= 0]
    if not places or text[min(places)] == "\n" or text[min(places) + 1 : min(places) + 2] in {"\n", ""}:
        return NEWLINE
    return RETURN


def _after(pieces: Iterator[bytes], left_out: int) -> Iterator[bytes]:
    for piece in pieces:
        yield piece[left_out:]
        left_out = max(0, left_out - len(piece))
