"""What we add to the HTML of a mail: a frame, the preview text, the unsubscribe link and the open pixel."""

import html
import re

_HTML = re.compile(r"<html[\s>]", re.IGNORECASE)
_BODY = re.compile(r"<body(?:\s[^<>]{0,8192})?>", re.IGNORECASE)
_BODY_END = re.compile(r"</body\s*>", re.IGNORECASE)

FRAME = (
    '<!doctype html>\n<html>\n<head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1"></head>\n<body>\n{}\n</body>\n</html>\n'
)
PREVIEW = '<div style="display:none;max-height:0;max-width:0;overflow:hidden;opacity:0;mso-hide:all">{}{}</div>'
PADDING = "&#847;&zwnj;&nbsp;" * 40
"""Keeps inboxes from showing the beginning of the mail behind a short preview text."""
FOOTER = (
    '<div style="margin-top:32px;font-family:sans-serif;font-size:12px;line-height:18px;color:#6b7280">'
    'You receive this e-mail from {sender}. <a href="{url}" style="color:#6b7280">Unsubscribe</a></div>'
)
TEXT_FOOTER = "\n\n--\nYou receive this e-mail from {sender}. Unsubscribe: {url}\n"
PIXEL = '<img src="{}" width="1" height="1" alt="" style="display:block;width:1px;height:1px;border:0">'


def framed(markup: str) -> str:
    """Return a whole document, also for a fragment."""
    return markup if _HTML.search(markup) else FRAME.format(markup)


def with_preview(document: str, preview_text: str) -> str:
    """Return the document with a hidden text first, which inboxes show beside the subject."""
    body = _BODY.search(document)
    place = body.end() if body else 0
    return document[:place] + PREVIEW.format(html.escape(preview_text), PADDING) + document[place:]


def with_ending(document: str, ending: str) -> str:
    """Return the document with something added at the end of its body."""
    ends = list(_BODY_END.finditer(document))
    place = ends[-1].start() if ends else len(document)
    return document[:place] + ending + document[place:]


def footer(sender: str, url: str) -> str:
    return FOOTER.format(sender=html.escape(sender), url=html.escape(url))


def text_footer(sender: str, url: str) -> str:
    return TEXT_FOOTER.format(sender=sender, url=url)


def pixel(url: str) -> str:
    return PIXEL.format(html.escape(url))
