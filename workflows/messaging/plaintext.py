"""The text of an HTML mail, for readers that show no HTML. Linear in the length of the HTML."""

import html
import re

_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)([^<>]*)>|<!--|<[!?][^<>]*>")
_HREF = re.compile(r"""\bhref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>]+))""", re.IGNORECASE)
_ALT = re.compile(r"""\balt\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\r\f\v\n]+")
_BLANK_LINES = re.compile(r"\n{3,}")
HIDDEN = frozenset({"script", "style", "head", "title", "template", "noscript"})
BLOCKS = re.compile(
    "address|article|aside|blockquote|dd|div|dl|dt|fieldset|figcaption|figure|footer|form|header|hr|li|main|nav|ol|"
    "section|table|tr|ul"
)
PARAGRAPHS = re.compile("h[1-6]|p|pre")


def text_of(markup: str) -> str:
    """Return what an HTML mail says: paragraphs, list items and the addresses of links."""
    parts: list[str] = []
    position = 0
    link, link_start = "", 0
    while tag := _TAG.search(markup, position):
        add_text(parts, markup[position : tag.start()])
        position = tag.end()
        if tag[0] == "<!--":
            position = after(markup, "-->", position)
            continue
        name = (tag[2] or "").lower()
        if name in HIDDEN and not tag[1]:
            position = after_closing(markup, name, position)
        elif name == "a" and not tag[1]:
            link, link_start = value_of(_HREF, tag[3]), len(parts)
        elif name == "a":
            label = "".join(parts[link_start:]).strip()
            if link.lower().startswith(("http:", "https:", "mailto:")) and link.removeprefix("mailto:") != label:
                parts.append(f" ({link.removeprefix('mailto:')})" if label else link)
            link = ""
        else:
            add_layout(parts, name, tag)
    add_text(parts, markup[position:])
    lines = [line.strip() for line in "".join(parts).split("\n")]
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip()


def add_text(parts: list[str], raw: str) -> None:
    if raw:
        text = _SPACE.sub(" ", html.unescape(raw)).replace("\N{NO-BREAK SPACE}", " ")
        parts.append(text)


def add_layout(parts: list[str], name: str, tag: re.Match[str]) -> None:
    match name:
        case "br":
            parts.append("\n")
        case "li" if not tag[1]:
            parts.append("\n- ")
        case "img":
            parts.append(value_of(_ALT, tag[3]))
        case "td" | "th" if tag[1]:
            parts.append(" ")
        case _ if PARAGRAPHS.fullmatch(name):
            parts.append("\n\n")
        case _ if BLOCKS.fullmatch(name):
            parts.append("\n")


def value_of(pattern: re.Pattern[str], attributes: str) -> str:
    found = pattern.search(attributes)
    return html.unescape(next(filter(None, found.groups()), "")).strip() if found else ""


def after(markup: str, mark: str, position: int) -> int:
    """Return the place behind the next `mark`, or the end."""
    found = markup.find(mark, position)
    return len(markup) if found < 0 else found + len(mark)


def after_closing(markup: str, name: str, position: int) -> int:
    closing = re.compile(rf"</{name}\s*>", re.IGNORECASE).search(markup, position)
    return len(markup) if closing is None else closing.end()
