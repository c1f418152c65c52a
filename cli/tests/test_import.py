"""`tierdesk kb import` on a desk that runs."""

import json

import httpx2
import pytest

from tierdesk_cli.knowledge import importing
from tierdesk_runtime.secrets import Secrets


@pytest.fixture
def kb(tierdesk, desk):
    """Runs the command on the desk."""

    def run(*arguments):
        return tierdesk("kb", "import", *arguments, "--data", desk.folder)

    return run


@pytest.fixture
def articles(desk):
    """Asks the desk what it has."""
    key = Secrets.load(desk.folder / "secrets.json").local_key()
    with httpx2.Client(base_url=desk.url, headers={"Authorization": f"Bearer {key}"}, trust_env=False) as client:

        def listed(prefix):
            found, after = [], ""
            while after is not None:
                page = client.get(f"/v1/articles/worklist?limit=500{after}").json()
                found += [one for one in page["articles"] if one["title"].startswith(prefix)]
                after = f"&after={page['next']}" if page["next"] else None
            return found

        yield listed


def lines(*documents):
    return "".join(json.dumps(one) + "\n" for one in documents)


def test_a_folder_is_imported_once_and_again_only_what_changed(kb, articles, tmp_path):
    (tmp_path / "deep" / ".hidden").mkdir(parents=True)
    (tmp_path / "one.md").write_text("---\ntitle: Folder one\nkeywords: a, b\nkind: known error\n---\nText")
    (tmp_path / "deep" / "two.MD").write_text("# Folder two\n\nText")
    (tmp_path / "deep" / ".hidden" / "no.md").write_text("# Folder no")
    (tmp_path / "notes.txt").write_text("Folder no")
    done = kb(tmp_path)
    assert (done.code, done.err, done.out) == (0, "", "2 added\n")
    assert {(one["title"], one["state"], one["kind"]) for one in articles("Folder")} == {
        ("Folder one", "draft", "known-error"),
        ("Folder two", "draft", "faq"),
    }
    assert kb(tmp_path).out == "2 unchanged\n"
    assert kb(tmp_path, "--publish").out == "2 published as they were\n"
    (tmp_path / "one.md").write_text("# Folder one, changed")
    (tmp_path / "three.md").write_text("# Folder three")
    assert kb(tmp_path, "--publish").out == "1 added, 1 revised, 1 unchanged\n"
    assert sorted((one["title"], one["revision"], one["published_revision"]) for one in articles("Folder")) == [
        ("Folder one, changed", 2, 2), ("Folder three", 1, 1), ("Folder two", 1, 1),
    ]  # fmt: skip


def test_what_is_no_article_is_named_and_the_rest_goes_on(kb, articles, tmp_path):
    file = tmp_path / "articles.jsonl"
    file.write_bytes(
        b"\xef\xbb\xbf"
        + lines({"id": 1, "title": "Line 1", "text": "Text"}).encode()
        + b"{not json}\n"
        + b'{"id": "3", "title": "Line \xff", "body": "x"}\n'
        + b"\n"
        + lines(
            {"title": "Line 5", "body": "x"},
            {"id": "6", "title": "Line 6"},
            {"id": "7", "title": "Line 7", "body": "a\0b"},
            {"id": "8", "title": "x" * 301, "body": "x" * 65_537},
            {"id": 1, "title": "Line 9", "body": "x"},
            ["Line 10"],
            {"id": "11", "title": "Line 11", "body": "x", "keyword": "x"},
        ).encode()
        + b'{"id": "12", "title": "\\ud800", "body": "x"}\n'
        + b"[" * 100_000
        + b"\n"
        + lines({"id": "14", "title": "Line 14", "body": "x" * 5_000_000}).encode()
        + lines({"id": "15", "title": "\u202eLine \U0001f5a8 \u05e9", "body": "\u0633\n\u202e"}).encode()
        + lines({"id": "16", "title": "Line 16", "body": "x" * 65_536}).encode().rstrip()
    )
    done = kb(file)
    assert done.check_one_line(2) == "12 of 15 are no articles, and were left out"
    named = [line.split(": ") for line in done.out.splitlines()]
    assert [tuple(line[:2]) for line in named if line[0].startswith("articles.jsonl")] == [
        ("articles.jsonl:2", "not JSON"),
        ("articles.jsonl:3", "not UTF-8, byte 28"),
        ("articles.jsonl:5", "id"),
        ("articles.jsonl:6", "body"),
        ("articles.jsonl:7", "body"),
        ("articles.jsonl:8", "title"),
        ("articles.jsonl:8", "body"),
        ("articles.jsonl:9", "id"),
        ("articles.jsonl:10", "not a JSON object"),
        ("articles.jsonl:11", "keyword"),
        ("articles.jsonl:12", "Invalid JSON"),
        ("articles.jsonl:13", "not JSON"),
        ("articles.jsonl:14", "longer than 2097152 bytes"),
    ]
    assert named[-1] == ["3 added"]
    assert sorted(one["title"] for one in articles("Line")) == ["Line 1", "Line 16"]
    assert len(articles("\u202eLine")) == 1


def test_bad_files_are_named_and_the_rest_goes_on(kb, articles, tmp_path):
    (tmp_path / "bytes.md").write_bytes(b"# Caf\xe9")
    (tmp_path / "empty.md").write_bytes(b"")
    (tmp_path / "good.md").write_text("# File good")
    (tmp_path / "head.md").write_text("---\ntitle: x\n")
    (tmp_path / "kind.md").write_text("---\ntitle: x\n\nkind: poem\n---\nText")
    (tmp_path / "long.md").write_text("# Long\n" + "x" * 5_000_000)
    (tmp_path / "nul.md").write_bytes(b"# Nul\nx\0")
    (tmp_path / "untitled.md").write_text("Text")
    (tmp_path / "utf16.md").write_text("# Sixteen", encoding="utf-16")
    done = kb(tmp_path)
    assert done.check_one_line(2) == "8 of 9 are no articles, and were left out"
    assert [line.split(": ")[:2] for line in done.out.splitlines()] == [
        ["bytes.md", "not UTF-8, byte 6"],
        ["empty.md", "title"],
        ["empty.md:1", "body"],
        ["head.md:1", "the head has no end, a line of three hyphens"],
        ["kind.md:4", "kind"],
        ["long.md", "body"],
        ["nul.md:1", "body"],
        ["untitled.md", "title"],
        ["utf16.md", "not UTF-8, byte 1"],
        ["1 added"],
    ]
    assert len(articles("File good")) == 1


def test_a_source_that_is_none_is_told_in_one_line(kb, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.csv").write_text("x")
    for path, reason in (
        (tmp_path / "empty", "no Markdown file in it"),
        (tmp_path / "none", "No such file or directory"),
        (tmp_path / "a.csv", "neither a folder"),
    ):
        assert reason in kb(path).check_one_line(2)


def test_many_go_in_batches_and_what_was_cut_off_goes_on(kb, articles, tmp_path, monkeypatch):
    file = tmp_path / "many.jsonl"
    file.write_text(lines(*({"id": n, "title": f"Many {n}", "body": "x" * 3_000} for n in range(500))))
    post, posts = importing._post, []

    async def die_at_the_third(desk, batch, *, publish):
        if len(posts) == 2:
            raise importing.CommandError("no desk answers")
        posts.append(len(batch))
        return await post(desk, batch, publish=publish)

    monkeypatch.setattr(importing, "_post", die_at_the_third)
    done = kb(file, "--publish")
    assert done.check_one_line(1) == f"no desk answers; {sum(posts)} of 500 are in; the same command goes on from there"
    assert max(posts) <= importing.ENTRIES_PER_POST
    assert len(articles("Many")) == sum(posts)
    monkeypatch.setattr(importing, "_post", post)
    assert kb(file, "--publish").out == f"{500 - sum(posts)} added, {sum(posts)} unchanged\n"
    assert len(articles("Many")) == 500


def test_the_longest_articles_fit_into_a_request(kb, articles, tmp_path):
    file = tmp_path / "long.jsonl"
    body = "\U0001f5a8" * 65_536
    file.write_text(lines(*({"id": f"long {n}", "title": f"Long {n}", "body": body} for n in range(5))))
    assert kb(file).out == "5 added\n"
    assert len(articles("Long")) == 5
