"""An HTML page as a tree, and every place where something could be loaded, run or broken out of."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

#: HTML's elements without an end tag, and SVG's that the page closes itself.
_VOID = frozenset({"meta", "br", "link", "img"})


@dataclass(slots=True)
class Element:
    name: str
    attributes: dict[str, str]
    children: list[Element | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join("".join(one if isinstance(one, str) else f" {one.text} " for one in self.children).split())

    def all(self, name: str, **attributes: str) -> list[Element]:
        found = []
        for one in self.children:
            if isinstance(one, Element):
                matches = all(one.attributes.get(key.rstrip("_")) == value for key, value in attributes.items())
                found += [one] if one.name == name and matches else []
                found += one.all(name, **attributes)
        return found

    def everything(self) -> list[Element]:
        inner = [one for one in self.children if isinstance(one, Element)]
        return [*inner, *(deeper for one in inner for deeper in one.everything())]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Element("", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open[-1].children.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().name == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)


def parse(text: str) -> Element:
    """The page; every element has to be closed in its order."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert reader._open == [reader.root]
    return reader.root
