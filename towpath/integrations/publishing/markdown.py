"""Markdown as HTML for a blog: CommonMark with tables, and nothing of the source's own HTML or shortcodes."""

from markdown_it import MarkdownIt

_RENDERER = MarkdownIt("commonmark", {"html": False}).enable("table")


def html_of(markdown: str) -> str:
    """HTML 5. Raw HTML in the source is shown as text; links with a scheme that runs something are no links.

    A bracket becomes an entity: WordPress runs `[shortcodes]` that it finds in a post, inside attributes too.
    """
    return _RENDERER.render(markdown).replace("[", "&#91;").replace("]", "&#93;")
