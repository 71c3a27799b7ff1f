"""Reading CSV files as they come."""

from pathlib import Path

import pytest

from workflows.crm.imports.files import MAXIMUM_ROW_LINES, CsvFile, UnreadableFile

UMLAUTS = "email,name\nzoë@example.com,Müller – “Söhne”\n"


def read(path: Path, content: str | bytes) -> tuple[list[str], list[tuple[int, list[str], bool]], str]:
    """Return the header, the rows as (line, cells, is broken), and the remark."""
    file = path / "people.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with CsvFile(file) as csv_file:
        return csv_file.header, [(row.line, row.cells, bool(row.problem)) for row in csv_file.rows()], csv_file.remark


class TestEncodings:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
    def test_reads(self, tmp_path: Path, encoding: str) -> None:
        header, rows, remark = read(tmp_path, UMLAUTS.encode(encoding))
        assert header == ["email", "name"]
        assert rows == [(2, ["zoë@example.com", "Müller – “Söhne”"], False)]
        assert bool(remark) == (encoding in ("utf-16-le", "utf-16-be", "cp1252"))

    def test_one_bad_byte_does_not_make_a_file_western(self, tmp_path: Path) -> None:
        content = "email,name\nzoë@example.com,Zoë\n".encode() + b"x@example.com,M\xfcller\n"
        _, rows, remark = read(tmp_path, content)
        assert rows[0][1] == ["zoë@example.com", "Zoë"]
        assert rows[1][1] == ["x@example.com", "M\udcfcller"]
        assert remark == ""


class TestSeparators:
    @pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
    def test_finds_the_separator_in_the_header(self, tmp_path: Path, separator: str) -> None:
        lines = [["email", "note, or so; yes", "tag"], ["a@b.co", "x, y; z\tq|", "t"]]
        quoted = "\n".join(separator.join(f'"{cell}"' for cell in line) for line in lines)
        header, rows, _ = read(tmp_path, quoted)
        assert header == lines[0]
        assert rows == [(2, lines[1], False)]

    def test_obeys_the_spreadsheets_line(self, tmp_path: Path) -> None:
        header, rows, _ = read(tmp_path, "sep=;\r\nemail;name\r\na@b.co;Ada\r\n")
        assert header == ["email", "name"]
        assert rows == [(3, ["a@b.co", "Ada"], False)]


class TestRows:
    def test_counts_lines_and_skips_blank_ones(self, tmp_path: Path) -> None:
        content = 'email,note\r\n\r\na@b.co,"two\r\nlines ""quoted"""\r\n,\r\n  \r\nc@d.co,\rlast@b.co,x'
        _, rows, _ = read(tmp_path, content)
        assert rows == [
            (3, ["a@b.co", 'two\r\nlines "quoted"'], False),
            (7, ["c@d.co", ""], False),
            (8, ["last@b.co", "x"], False),
        ]

    def test_a_quote_that_is_not_closed_loses_only_its_row(self, tmp_path: Path) -> None:
        good = [f"person{number}@example.com,x" for number in range(2 * MAXIMUM_ROW_LINES)]
        content = "\n".join(["email,note", good[0], 'broken@example.com,"open', *good[1:]])
        _, rows, _ = read(tmp_path, content)
        assert [line for line, _, is_broken in rows if is_broken] == [3]
        assert [",".join(cells) for _, cells, is_broken in rows if not is_broken] == good

    def test_one_on_the_last_lines_too(self, tmp_path: Path) -> None:
        _, rows, _ = read(tmp_path, 'email\n"a@b.co\nc@d.co\n"e@f.co')
        assert rows == [(2, ['"a@b.co'], True), (3, ["c@d.co"], False), (4, ['"e@f.co'], True)]

    def test_a_quote_inside_a_cell_loses_only_its_row(self, tmp_path: Path) -> None:
        _, rows, _ = read(tmp_path, 'email,note\na@b.co,"12" monitor"\nc@d.co,x\n')
        assert rows == [(2, ['a@b.co,"12" monitor"'], True), (3, ["c@d.co", "x"], False)]

    def test_a_giant_row_loses_only_itself(self, tmp_path: Path) -> None:
        giant = "x" * 1_000_000
        _, rows, _ = read(tmp_path, f'email,note\na@b.co,"{giant}"\nc@d.co,x\n')
        assert [(line, is_broken) for line, _, is_broken in rows] == [(2, True), (3, False)]
        assert len(rows[0][1][0]) == 1000


class TestUnreadableFiles:
    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\n",
            b" , \n",
            b'"email\na@b.co\n',
            b"\x7fELF\x02\x01\x01" + b"\x00\x01\x02" * 100,
            b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00" * 10,
            ",".join(f"c{number}" for number in range(501)).encode(),
        ],
    )
    def test_says_why(self, tmp_path: Path, content: bytes) -> None:
        with pytest.raises(UnreadableFile, match=r"^(The|This) "):
            read(tmp_path, content)
