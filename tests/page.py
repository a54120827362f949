"""A page of the report, as a reader sees it."""

from html.parser import HTMLParser
from pathlib import Path


class Page(HTMLParser):
    """The text that a reader sees, and the elements."""

    def __init__(self, path: Path):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.tag = ""
        self.feed(path.read_text(encoding="utf-8"))
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.tag = tag

    def handle_data(self, data):
        if self.tag not in ("style", "script"):
            self.words.append(data)
