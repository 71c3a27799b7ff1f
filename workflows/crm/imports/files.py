"""Reading CSV files as they come: encodings, separators, and rows of which a broken one never hides the others."""

import codecs
import csv
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from types import TracebackType
from typing import Self

SAMPLE_SIZE = 1024 * 1024
MAXIMUM_ROW_LINES = 200
MAXIMUM_ROW_LENGTH = 128 * 1024
MAXIMUM_COLUMNS = 500

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_BEYOND_ASCII = re.compile("[\x80-\ud7ff\ue000-\U0010ffff]")
_SEPARATOR_LINE = re.compile(r"\s*sep=(.)\s*", re.IGNORECASE)
_SEPARATORS = ",;\t|"
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

csv.field_size_limit(2 * MAXIMUM_ROW_LENGTH)


class UnreadableFile(Exception):
    """The file as a whole cannot be imported; the message says why and how to mend it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the file: its first line (the header being 1) and its cells, or why it cannot be read."""

    line: int
    cells: list[str]
    problem: str = ""


def printable(text: str) -> str:
    """Return text that can be stored and shown, with a mark in place of what cannot."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def find_encoding(path: Path) -> tuple[str, str]:
    """Return the file's encoding and a remark about it for the report, empty when there is nothing to say.

    A byte order mark decides; else it is UTF-8, unless the file has bytes beyond ASCII and none of them are valid
    UTF-8: then it is taken for Windows-1252, the spreadsheets' Western encoding.
    """
    with path.open("rb") as file:
        start = file.read(4096)
        for mark, encoding in _BYTE_ORDER_MARKS:
            if start.startswith(mark):
                return encoding, ""
        for offset, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
            if start[offset::2].count(0) > len(start) // 4:
                return encoding, "The file has no byte order mark; it was read as UTF-16."
        file.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        is_utf8 = True
        while chunk := file.read(SAMPLE_SIZE):
            text = decoder.decode(chunk)
            if text.isascii():
                continue
            if _BEYOND_ASCII.search(text):
                return "utf-8", ""
            is_utf8 = False
    if is_utf8:
        return "utf-8", ""
    return "cp1252", "The file is not UTF-8; it was read as Windows-1252 (Western European)."


class _RowTooLong(Exception):
    pass


class CsvFile:
    """A CSV file that is read once, from its header to its end.

    A quote that is opened and never closed would swallow everything behind it: when a row grows beyond 200 lines or
    128 KB, or reaches the end of the file, only its first line is reported and reading goes on with the next.
    """

    def __init__(self, path: Path) -> None:
        encoding, self.remark = find_encoding(path)
        self.size = path.stat().st_size
        self._bytes = path.open("rb")
        self._file = TextIOWrapper(self._bytes, encoding=encoding, errors="surrogateescape", newline="")
        self._ahead: deque[str] = deque()
        self._row_lines: list[str] = []
        self._row_length = 0
        self._line = 0
        self._separator = ","
        try:
            self.header = self._read_header()
        except UnreadableFile:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def position(self) -> int:
        """Return how many bytes were taken from the file so far."""
        return self._bytes.tell()

    def rows(self) -> Iterator[Row]:
        """Yield the rows behind the header; blank ones are left out."""
        reader = self._reader()
        while True:
            self._row_lines.clear()
            self._row_length = 0
            line = self._line + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except (csv.Error, _RowTooLong, UnicodeError) as error:
                yield self._broken(line, error)
                reader = self._reader()
                continue
            if any(cells) and not (len(cells) == 1 and not cells[0].strip()):
                yield Row(line, cells)

    def _broken(self, line: int, error: Exception) -> Row:
        """Report the first line of the row and put the others back."""
        if isinstance(error, UnicodeError):
            raise UnreadableFile("The file's text cannot be decoded; save it as UTF-8.") from None
        first, *others = self._row_lines or [""]
        self._ahead.extendleft(reversed(others))
        self._line = line
        reason = 'A quote (") is opened and not closed, or stands inside a cell without being doubled.'
        return Row(line, [first.rstrip("\r\n")[:1000]], reason)

    def _reader(self) -> Iterator[list[str]]:
        return csv.reader(self._lines(), delimiter=self._separator, strict=True)

    def _lines(self) -> Iterator[str]:
        while line := (self._ahead.popleft() if self._ahead else self._read_line()):
            self._line += 1
            self._row_lines.append(line)
            self._row_length += len(line)
            if len(self._row_lines) > MAXIMUM_ROW_LINES or self._row_length >= MAXIMUM_ROW_LENGTH:
                raise _RowTooLong
            yield line

    def _read_line(self) -> str:
        """Return the next line, of a giant one its beginning only."""
        line = rest = self._file.readline(MAXIMUM_ROW_LENGTH)
        while len(rest) == MAXIMUM_ROW_LENGTH and not rest.endswith(("\n", "\r")):
            rest = self._file.readline(MAXIMUM_ROW_LENGTH)
        return line

    def _read_header(self) -> list[str]:
        try:
            first = self._read_line()
        except UnicodeError:
            raise UnreadableFile("The file's text cannot be decoded; save it as UTF-8.") from None
        if match := _SEPARATOR_LINE.fullmatch(first):
            self._separator = match[1]
            self._line += 1
        else:
            self._ahead.append(first)
            outside_quotes = re.sub(r'"[^"]*"', "", first)
            self._separator = max(_SEPARATORS, key=outside_quotes.count)
        if "\0" in first:
            raise UnreadableFile("This is no text file; export the contacts as CSV in UTF-8.")
        try:
            header = next(self._reader(), [])
        except (csv.Error, _RowTooLong):
            raise UnreadableFile('The header row cannot be read: a quote (") is not closed.') from None
        if not any(name.strip() for name in header):
            raise UnreadableFile("The file is empty; its first line must name the columns.")
        if len(header) > MAXIMUM_COLUMNS:
            raise UnreadableFile(f"The file has more than {MAXIMUM_COLUMNS} columns.")
        return [printable(name.strip())[:100] for name in header]
