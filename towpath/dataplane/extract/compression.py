"""Compressed files read piece by piece: by their first bytes, whatever they are called, and within a bound."""

import io
import zlib
from collections.abc import Iterable, Iterator
from typing import Literal

from towpath.dataplane.core.arrow import pa
from towpath.dataplane.core.errors import SourceFormatError

Packing = Literal["none", "gzip", "zstd"]

PIECE = 1024**2
RATIO = 512
"""Bytes for each compressed one. Data of any use stays far below; a bomb reaches 1,030 and more."""
RATIO_FROM = 64 * 1024**2
"""Bytes up to which the ratio does not matter."""
_BEGINS: dict[Packing, bytes] = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}
ENDINGS: dict[Packing, str] = {"gzip": ".gz", "zstd": ".zst"}
_OTHERS = {
    b"PK\x03\x04": "a ZIP archive, or a workbook",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x04\x22\x4d\x18": "lz4",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"PAR1": "Parquet",
    b"\xd0\xcf\x11\xe0": "a workbook",
    b"%PDF-": "PDF",
    b"SQLite format 3\x00": "a SQLite database",
}
_BZIP_BLOCKS = (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90")
_WBITS = zlib.MAX_WBITS | 16


def packing_of(head: bytes) -> Packing:
    """How a file is compressed that begins like this."""
    for packing, magic in _BEGINS.items():
        if head.startswith(magic):
            return packing
    return "none"


def other_kind(head: bytes) -> str | None:
    """What a file is that is no text, in words; None for what may be one."""
    for magic, kind in _OTHERS.items():
        if head.startswith(magic) and (kind != "bzip2" or head[4:10] in _BZIP_BLOCKS):
            return kind
    return None


def unpacked(pieces: Iterable[bytes], packing: Packing, name: str) -> Iterator[bytes]:
    """The bytes of a compressed file, a MiB at most at a time. Raises SourceFormatError."""
    if packing == "none":
        yield from pieces
        return
    counted = _Counted(pieces)
    made = 0
    for piece in _gzip(counted, name) if packing == "gzip" else _zstd(counted, name):
        made += len(piece)
        if made > RATIO_FROM and made > counted.size_bytes * RATIO:
            message = f"{name}: unpacks to more than {RATIO} times its size, as bombs do"
            raise SourceFormatError(f"{message}; unpack it where that is meant")
        yield piece


class _Counted:
    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self.size_bytes = 0

    def next(self) -> bytes:
        """Empty at the end."""
        piece = next(self._pieces, b"")
        self.size_bytes += len(piece)
        return piece


def _gzip(source: _Counted, name: str) -> Iterator[bytes]:
    """Members one after the other, and zeros after the last one, as tapes have them."""
    member = zlib.decompressobj(_WBITS)
    data = source.next()
    while data:
        try:
            piece = member.decompress(data, PIECE)
        except zlib.error as error:
            raise SourceFormatError(f"{name}: damaged gzip") from error
        if piece:
            yield piece
        data = member.unused_data.lstrip(b"\0") if member.eof else member.unconsumed_tail
        if not data:
            data = source.next()
            data = data.lstrip(b"\0") if member.eof else data
        if data and member.eof:
            member = zlib.decompressobj(_WBITS)
    if not member.eof:
        raise SourceFormatError(f"{name}: its gzip breaks off")


class _File(io.RawIOBase):
    def __init__(self, source: _Counted) -> None:
        self._source = source
        self._left = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        self._left = self._left or self._source.next()
        piece, self._left = (self._left, b"") if size < 0 else (self._left[:size], self._left[size:])
        return piece


def _zstd(source: _Counted, name: str) -> Iterator[bytes]:
    try:
        with pa.CompressedInputStream(pa.PythonFile(_File(source), mode="r"), "zstd") as stream:
            while piece := stream.read(PIECE):
                yield piece
    except OSError as error:
        raise SourceFormatError(f"{name}: its zstd is damaged, or breaks off") from error
