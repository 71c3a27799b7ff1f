"""The links of a mail: which of them are followed through us, and what campaigns add to them."""

import html
import re
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, quote_plus, urlsplit

MAXIMUM_TRACKED_LENGTH = 2000
"""Characters of an address; longer ones lead straight to where they point."""

Rewrite = Callable[[str], str]

_ANCHOR = re.compile(r"<a(?:rea)?\s[^<>]{0,8192}>", re.IGNORECASE)
_HREF = re.compile(r"""(?<=[\s"'])href\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>]+))""", re.IGNORECASE)
_UNSAFE = re.compile("[\x00-\x20\x7f\\\\]")


def is_web_address(url: str) -> bool:
    """Tell whether a browser goes where the text says: http or https, a host, nothing that readers read differently."""
    if _UNSAFE.search(url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def rewrite_links(markup: str, rewrite: Rewrite) -> str:
    """Return HTML in which every web address of a link is what `rewrite` makes of it; all else stays as it is."""

    def of_tag(tag: re.Match[str]) -> str:
        return _HREF.sub(of_href, tag[0], count=1)

    def of_href(href: re.Match[str]) -> str:
        url = html.unescape(href[1] or href[2] or href[3] or "").strip()
        if not is_web_address(url):
            return href[0]
        rewritten = rewrite(url)
        return href[0] if rewritten == url else f'href="{html.escape(rewritten)}"'

    return _ANCHOR.sub(of_tag, markup)


def with_parameters(url: str, parameters: Mapping[str, str]) -> str:
    """Return the address with query parameters added that it does not have yet."""
    parts = urlsplit(url)
    present = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    added = "&".join(f"{name}={quote_plus(value)}" for name, value in parameters.items() if name not in present)
    if not added:
        return url
    return parts._replace(query=f"{parts.query}&{added}" if parts.query else added).geturl()
