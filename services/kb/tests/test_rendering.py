"""Articles as HTML: nothing in it acts, and nothing takes long."""

import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierdesk_kb.domain.articles import Content
from tierdesk_kb.rendering import render_article

MOST = 65_536
HARMLESS = {
    "a": {"href", "title", "rel"}, "img": {"src", "alt", "title"}, "ol": {"start"},
    **{name: set[str]() for name in (
        "blockquote", "br", "code", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "p", "pre", "strong", "table",
         "tbody", "td", "th", "thead", "tr", "ul",
    )},
}  # fmt: skip


class Reader(HTMLParser):
    """What a browser would act on."""

    def __init__(self, html):
        super().__init__()
        self.faults = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag not in HARMLESS:
            self.faults.append(f"<{tag}>")
            return
        for name, value in attrs:
            if name not in HARMLESS[tag]:
                self.faults.append(f"{tag} {name}={value}")
            if name in {"href", "src"}:
                scheme = re.match(r"\s*([a-z][a-z0-9+.-]*):", value or "", re.IGNORECASE)
                if scheme and scheme[1].lower() not in {"http", "https", "mailto", "tel"}:
                    self.faults.append(f"{tag} to {value}")

    def handle_comment(self, data):
        self.faults.append(f"comment {data}")

    def handle_decl(self, decl):
        self.faults.append(f"declaration {decl}")

    def handle_pi(self, data):
        self.faults.append(f"instruction {data}")


def html_of(body, *steps):
    return render_article(Content("Title", body, steps=steps))


def test_what_markdown_says_is_shown():
    body = (
        '# Head\n\n*one* **two** `three <b>` [four](https://a.example/?x=1&y=2 "t")\n\n- five\n- six\n\n3. seven\n\n'
        "> eight\n\n| nine | ten |\n|:--|--:|\n| 11 | 12 |\n\n```py\nthirteen()\n```\n\n![14](https://a.example/14.png)\n\n---\n"
    )
    assert html_of(body) == (
        "<h1>Head</h1>\n<p><em>one</em> <strong>two</strong> <code>three &lt;b&gt;</code> "
        '<a href="https://a.example/?x=1&amp;y=2" title="t" rel="noopener noreferrer nofollow">four</a></p>\n'
        '<ul>\n<li>five</li>\n<li>six</li>\n</ul>\n<ol start="3">\n<li>seven</li>\n</ol>\n'
        "<blockquote>\n<p>eight</p>\n</blockquote>\n<table>\n<thead>\n<tr>\n<th>nine</th>\n<th>ten</th>\n</tr>\n</thead>\n"
        "<tbody>\n<tr>\n<td>11</td>\n<td>12</td>\n</tr>\n</tbody>\n</table>\n<pre><code>thirteen()\n</code></pre>\n"
        '<p><img src="https://a.example/14.png" alt="14"></p>\n<hr>\n'
    )


def test_steps_are_a_list_of_their_own_by_their_numbers():
    html = html_of("Before.", "Open *it*", "<script>x</script>", "1. Close it")
    assert html == (
        "<p>Before.</p>\n<ol><li>Open <em>it</em></li><li>&lt;script&gt;x&lt;/script&gt;</li><li>1. Close it</li></ol>"
    )


SPITEFUL = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//a.example/x.js></SCRIPT>",
    "<img src=x onerror=alert(1)>",
    '<a href="https://a.example/" onclick="alert(1)">x</a>',
    "<svg><script>alert(1)</script></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<style>*{display:none}</style>",
    '<iframe src="https://a.example/"></iframe><form action=x><input autofocus onfocus=alert(1)>',
    '<meta http-equiv="refresh" content="0;url=https://a.example/"><base href="https://a.example/">',
    "<!-- x --><!DOCTYPE html><?php x ?><![CDATA[x]]>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](<java\nscript:alert(1)>)",
    "[x](&#106;avascript:alert(1))",
    "[x](javascript&colon;alert(1))",
    "[x](\x01javascript:alert(1))",
    "[x](vbscript:x) [x](file:///etc/passwd) [x](blob:x) [x](ftp://a.example/)",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "![x](data:image/svg+xml;base64,PHN2Zz4=)",
    "![x](data:image/png;base64,AAAA)",
    "![x](javascript:alert(1))",
    "<javascript:alert(1)>",
    "<data:text/html,x>",
    "[x]: javascript:alert(1)\n\n[x] [x][x] ![x][x]",
    '[x](https://a.example/" onmouseover="alert(1))',
    "[x](https://a.example/ '\" onmouseover=\"alert(1)')",
    '![" onerror="alert(1)](https://a.example/x.png)',
    '```x" onclick="alert(1)\ny\n```',
    "| a |\n|---|\n| <script>alert(1)</script> |",
    "`<script>alert(1)</script>`",
    "    <script>alert(1)</script>",
    "\\<script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "\u202e<script>alert(1)</script>\u202c",
    "<scr\u0000ipt>alert(1)</scr\u0000ipt>",
]


@pytest.mark.parametrize("body", SPITEFUL)
def test_nothing_that_an_author_writes_acts(body):
    for told in (body, f"> - {body}", f"x\n{body}\n", f"*{body}*", f"[{body}](https://a.example/)"):
        read = Reader(html_of(told, told[:300].replace("\n", " ") or "x"))
        assert read.faults == [], told


@settings(deadline=None)
@given(st.text(st.sampled_from("<>\"'=&;:/()[]!`*_-|#\\\n\t scriptjavhefonld012"), max_size=200))
def test_no_text_acts(body):
    assert Reader(html_of(body, body.replace("\n", " ") or "x")).faults == []


@given(st.text(max_size=300))
def test_every_text_can_be_shown(body):
    assert Reader(html_of(body)).faults == []


@pytest.mark.parametrize(
    "text",
    [
        "\u202eabc\u202c",
        "\u05e9\u05dc\u05d5\u05dd \u0633\u0644\u0627\u0645",
        "\U0001f5a8\ufe0f \U0001f468\u200d\U0001f469\u200d\U0001f467",
        "e\u0301\u0323",
        "\ufeffx",
    ],
)
def test_letters_of_every_script_stay(text):
    assert text in html_of(f"a {text} b")


LONG = {
    "quotes in quotes": ">" * MOST,
    "quotes in quotes, line by line": "\n".join(">" * n for n in range(1, 360)),
    "lists in lists": "\n".join(f"{'  ' * n}- x" for n in range(250)),
    "lists in one line": "- " * (MOST // 2),
    "numbers in one line": "1. " * (MOST // 3),
    "lists in quotes": "> - " * (MOST // 4),
    "a table in a table": "| a " * (MOST // 8) + "|\n" + "|---" * (MOST // 8) + "|\n",
    "a wide table of empty rows": "|".join("a" * 250) + "\n" + "|".join("-" * 250) + "\n" + "a\n" * 30_000,
    "tables in quotes": "> |a|\n> |-|\n" * 5_000,
    "rows": "|a|\n|-|\n" + "|b|\n" * 16_000,
    "brackets": "[" * MOST,
    "brackets that close": "[" * (MOST // 2) + "]" * (MOST // 2),
    "pictures": "![" * (MOST // 2),
    "pictures in pictures": "![" * 20_000 + "x" + "](y)" * 6_000,
    "links": "[a](" * (MOST // 4),
    "links to angles": "[a](<b" * (MOST // 6),
    "links that lead nowhere": "[a][b]" * (MOST // 6),
    "names": "[a]: b\n" * (MOST // 7),
    "names that do not end": "[" + "a" * (MOST - 1),
    "names of many lines": "[a\n" * (MOST // 3),
    "titles that do not end": '[a]: b "' + "c\n" * 32_000,
    "references": "[a]: /b\n\n" + "[a]" * 20_000,
    "stars": "*" * MOST,
    "stars and words": "*a " * (MOST // 3),
    "stars and lines": "*a_ " * (MOST // 4),
    "opening and closing": "**a *b **c* " * (MOST // 12),
    "underlines": "_a__" * (MOST // 4),
    "backticks": "`" * MOST,
    "backticks of every length": "".join("a" + "`" * n for n in range(1, 360)),
    "angles": "<" * MOST,
    "angles and letters": "<a " * (MOST // 3),
    "comments": "<!--" * (MOST // 4),
    "addresses": "<https://a" * (MOST // 10),
    "entities": "&" * MOST,
    "numbered entities": "&#" * (MOST // 2),
    "backslashes": "\\" * MOST,
    "spaces": " " * MOST + "x",
    "blanks before a line end": ("x" + " " * 60) * 1_000,
    "tabs": "\t" * MOST + "x",
    "line ends": "\n" * MOST,
    "lines": "x\n" * (MOST // 2),
    "heads": "#" * MOST,
    "heads, many": "# x\n" * (MOST // 4),
    "heads by lines": "x\n=\n" * (MOST // 4),
    "lines of lines": "-" * MOST,
    "lines across": "* " * (MOST // 2) + "x",
    "fences": "```\n" * (MOST // 4),
    "fences in lists": "- ```\n" * (MOST // 6),
    "list items": "- x\n" * (MOST // 4),
    "list items that go on": "- x\n\n  y\n" * (MOST // 9),
    "emoji": "\U0001f5a8\ufe0f" * (MOST // 2),
    "marks": "e" + "\u0301" * (MOST - 1),
}


@pytest.mark.parametrize("what", LONG)
def test_nothing_that_fits_into_an_article_takes_long_to_show(what):
    body = LONG[what][:MOST]
    begun = time.process_time()
    html = html_of(body)
    assert time.process_time() - begun < 3
    assert len(html) < 40 * MOST
    assert Reader(html).faults == []
