from __future__ import annotations

import io
import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_runtime.keys import KeyRing
from tierdesk_runtime.logs import render
from tierdesk_runtime.secrets import Secrets


def lines_of(stream: io.BytesIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_level_and_utc_time(stream: io.BytesIO) -> None:
    before = datetime.now(UTC)
    structlog.get_logger("x").info("ticket_opened", count=3)
    (line,) = lines_of(stream)
    assert (line["event"], line["level"], line["count"]) == ("ticket_opened", "info", 3)
    assert before <= datetime.fromisoformat(line["time"]) <= datetime.now(UTC)


def test_what_is_bound_to_the_context_stands_in_every_line(stream: io.BytesIO) -> None:
    with structlog.contextvars.bound_contextvars(tenant="acme", ticket="t-1", message_id="m-1"):
        structlog.get_logger().info("own")
        logging.getLogger("library").warning("of a library: %s", 7)
    structlog.get_logger().info("outside")
    own, foreign, outside = lines_of(stream)
    for line in (own, foreign):
        assert (line["tenant"], line["ticket"], line["message_id"]) == ("acme", "t-1", "m-1")
    assert foreign["event"] == "of a library: 7"
    assert "tenant" not in outside


def test_a_line_below_the_level_is_not_written(stream: io.BytesIO) -> None:
    structlog.get_logger().debug("quiet")
    logging.getLogger("library").debug("quiet")
    assert stream.getvalue() == b""


@given(st.text(max_size=200) | st.sampled_from(["\x1b[2J", "a\r\nb", "\x9b31m", "\u2028", "\u202egpj.exe", "\ud800"]))
def test_no_text_breaks_a_line_or_reaches_a_terminal_raw(text: str) -> None:
    line = render(None, "info", {"event": "x", "text": text})
    assert line.isascii()
    assert not any(byte < 0x20 for byte in line)
    assert json.loads(line)["text"] == text


def test_keys_webhook_secrets_and_passwords_are_blotted_out_wherever_they_stand(
    stream: io.BytesIO, tmp_path: Path
) -> None:
    secrets = Secrets.create(tmp_path / "secrets.json")
    key = KeyRing(secrets).mint("a", "main", ["tickets:read"])
    webhook = secrets.add_webhook_secret("main", "phone")
    structlog.get_logger().info(f"got {key}", header=f"Bearer {key}", nested={"list": [webhook]})
    logging.getLogger("library").warning("cannot reach postgresql://desk:hunter2@db:5432/x")
    text = stream.getvalue().decode()
    for hidden in (key, key[-20:], webhook, webhook.removeprefix("whsec_"), "hunter2"):
        assert hidden not in text
    assert key.rsplit("_", 1)[0] in text  # which key it was
    assert "postgresql://desk:***@db:5432/x" in text


def test_an_exception_is_told_by_type_and_place_without_what_its_further_lines_repeat(stream: io.BytesIO) -> None:
    from pydantic import BaseModel

    class Person(BaseModel):
        age: int

    try:
        try:
            Person(age="ana@example.org")  # type: ignore[arg-type]  # on purpose
        except ValueError as error:
            raise RuntimeError("cannot read the person\nDETAIL: ana@example.org") from error
    except RuntimeError:
        structlog.get_logger().exception("failed")
        logging.getLogger("library").exception("failed too")
    assert b"ana@example.org" not in stream.getvalue()
    for line in lines_of(stream):
        assert line["level"] == "error"
        assert line["error"]["type"] == "builtins.RuntimeError"
        assert line["error"]["text"] == "cannot read the person"
        assert "test_logs.py" in line["error"]["frames"][-1]
        assert line["error"]["cause"]["text"] == "1 validation error for Person"


def test_an_object_is_named_by_its_type_and_never_by_its_content(stream: io.BytesIO) -> None:
    class Party:
        def __repr__(self) -> str:
            return "Party(name='Ana')"

    structlog.get_logger().info("x", party=Party(), scopes=frozenset({"b", "a"}), path=Path("a/b"), big=2**70)
    (line,) = lines_of(stream)
    assert line["party"] == "<Party>"
    assert line["scopes"] == ["a", "b"]
    assert line["path"] == "a/b"
    assert line["big"] == 2**70
