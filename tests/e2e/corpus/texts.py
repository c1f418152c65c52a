"""Texts that are odd, and are texts all the same: they are kept as they are, and shown without harm."""

from __future__ import annotations

TEXTS = {
    "the order reversed": "\u202egpj.exe",
    "no width": "a\u200bb\u2060c\ufeff",
    "letters that look alike": "\u0430dmin",
    "a single line of 60,000": "x" * 60_000,
    "a family 5,000 times": "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 5_000,
    "marks upon marks": "z" + "\u0301" * 10_000,
    "a line end for a header": "Subject: x\r\nBcc: all@example.org",
    "escape sequences": "\x1b[31mred\x1b[0m\x1b]0;owned\x07\x9b2J",
    "a formula": "=cmd|' /C calc'!A0",
    "templates": "{{7*7}} ${7*7} <%= 7*7 %> #{7*7} {0.__class__} %s%n",
    "links that run": "[x](javascript:alert(1)) <svg onload=alert(1)> data:text/html,x",
    "tables in links": "<a><table><a><table>" * 1_000,
    "a text that backtracks": "a" * 30_000 + "!",
    "SQL": "'; DROP TABLE router.ticket; --",
    "search operators": 'title:"x" OR *:* AND (a^9 ~2 [a TO z] \\ ',
    "a path": "../../../../etc/passwd",
    "no characters": "\uffff\ufdd0\U0010ffff",
    "a private one": "\ue000",
    "blank": " \t\n ",
    "log lines": 'x","level":"error","event":"forged',
}
