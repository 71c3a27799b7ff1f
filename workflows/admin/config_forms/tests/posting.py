"""A browser in a few lines: reads the inputs of a page as it would send them."""

from html.parser import HTMLParser
from typing import Any

from django.http import QueryDict
from django.utils.datastructures import MultiValueDict


class Inputs(HTMLParser):
    """The successful controls of a page, in its order; what stands in a `<template>` is none."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.sent: list[tuple[str, str]] = []
        self.labels: set[str] = set()
        self.controls: list[dict[str, str]] = []
        self._templates = 0
        self._area: str | None = None
        self._select: tuple[str, list[str], list[str]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "template":
            self._templates += 1
        if self._templates:
            return
        if tag == "label":
            self.labels.add(attributes.get("for", ""))
        if tag in ("input", "select", "textarea") and attributes.get("type") != "hidden":
            self.controls.append(attributes)
        name = attributes.get("name", "")
        if tag == "input" and name:
            is_box = attributes.get("type") in ("checkbox", "radio")
            if not is_box or "checked" in attributes:
                self.sent.append((name, attributes.get("value", "on" if is_box else "")))
        elif tag == "textarea" and name:
            self._area = ""
            self._area_name = name
        elif tag == "select" and name:
            self._select = (name, [], [])
        elif tag == "option" and self._select:
            self._select[1].append(attributes.get("value", ""))
            if "selected" in attributes:
                self._select[2].append(attributes.get("value", ""))

    def handle_data(self, data: str) -> None:
        if self._area is not None and not self._templates:
            self._area += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "template":
            self._templates -= 1
        elif tag == "textarea" and self._area is not None:
            text = self._area.removeprefix("\n").replace("\n", "\r\n")
            self.sent.append((self._area_name, text))
            self._area = None
        elif tag == "select" and self._select:
            name, options, chosen = self._select
            if chosen or options:
                self.sent.append((name, (chosen or options)[0]))
            self._select = None


def inputs_of(html: str) -> Inputs:
    inputs = Inputs()
    inputs.feed(html)
    return inputs


def posted(html: str) -> MultiValueDict[str, str]:
    """Return what a browser would send for the inputs as they stand in the page."""
    data = QueryDict(mutable=True)
    for name, value in inputs_of(html).sent:
        data.appendlist(name, value)
    return data


def post_of(**fields: Any) -> MultiValueDict[str, str]:
    """Return a POST of fields by their paths in the config; a list gives several values to one name."""
    data = QueryDict(mutable=True)
    for name, value in fields.items():
        data.setlist(f"config.{name}", value if isinstance(value, list) else [value])
    return data
