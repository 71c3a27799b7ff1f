import pytest

from workflows.messaging.services.media import file_name


class TestFileName:
    @pytest.mark.parametrize(
        ("name", "kept"),
        [
            ("offer.pdf", "offer.pdf"),
            ("C:\\Users\\ada\\offer.pdf", "offer.pdf"),
            ("/etc/passwd", "passwd"),
            ("..", "file"),
            ("", "file"),
            (".pdf", "pdf"),
            ("offer\r\nContent-Type: text/html.pdf", "html.pdf"),
            ("offer\r\nX: y.pdf", "offer X y.pdf"),
            ("offer\u202efdp.exe", "offer fdp.exe"),
            ("a<b>|c?.pdf", "a b c .pdf"),
            ("日本.pdf", "日本.pdf"),
        ],
    )
    def test_names_no_folder_and_hides_nothing(self, name, kept):
        assert file_name(name) == kept
