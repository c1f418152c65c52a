"""Articles as HTML: CommonMark with tables, in which HTML is text; then cleaned of all that is not on a list."""

from __future__ import annotations

from typing import Final

import nh3
from markdown_it import MarkdownIt

from tierdesk_kb.domain.articles import Content

_MARKDOWN: Final = MarkdownIt("commonmark", {"html": False}).enable("table")
_TAGS: Final = frozenset({
    "a", "blockquote", "br", "code", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "img", "li", "ol", "p", "pre", "strong",
    "table", "tbody", "td", "th", "thead", "tr", "ul",
})  # fmt: skip
_ATTRIBUTES: Final = {"a": {"href", "title"}, "img": {"src", "alt", "title"}, "ol": {"start"}}
_SCHEMES: Final = frozenset({"https", "http", "mailto", "tel"})


def render_article(content: Content) -> str:
    """The body, and the steps as a list that numbers them. Nothing in it acts: no script, no style, no form, no frame.

    Takes time in proportion to the length of the text, whatever it holds; what is nested more than 20 deep is left out.
    """
    parts = [_MARKDOWN.render(content.body)]
    if content.steps:
        parts += ["<ol>", *(f"<li>{_MARKDOWN.renderInline(step)}</li>" for step in content.steps), "</ol>"]
    return nh3.clean(
        "".join(parts),
        tags=set(_TAGS),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        url_schemes=set(_SCHEMES),
        link_rel="noopener noreferrer nofollow",
    )
