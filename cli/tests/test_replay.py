"""An export of our own, posted to a real desk and acted out on it."""

import re
import time
from pathlib import Path

from e2e.desks import Done, tierdesk

from .exports import as_csv, invent, row, write

INCIDENTS = 40


def closing_line(done: Done) -> dict[str, int]:
    """The counts of a replay's last line."""
    last = done.out.splitlines()[-1]
    found = re.fullmatch(r"hand-offs (\d+), in the export (\d+) · differing (\d+) · lost (\d+)", last)
    assert found is not None, done
    names = ("hand_offs", "in_export", "differing", "lost")
    return dict(zip(names, map(int, found.groups()), strict=True))


def count_changes(rows: list[dict[str, str]]) -> int:
    last: dict[str, str] = {}
    changes = 0
    for cells in rows:
        changes += last.get(cells["number"], cells["assignment_group"]) != cells["assignment_group"]
        last[cells["number"]] = cells["assignment_group"]
    return changes


def tell(capsys, where: str, done: Done, seconds: float) -> None:
    rate = next(line for line in done.out.splitlines() if "tickets/s" in line)
    with capsys.disabled():
        print(f"\n{where}: {rate}; {seconds:.0f} s in all")  # noqa: T201 - the rate is part of the record


def test_every_incident_ends_as_the_export_says_on_the_embedded_database(server_folder, reaper, tmp_path, capsys):
    folder = server_folder / "replay"
    reaper.watch_postgres(folder / "postgres" / "data")
    rows = invent(INCIDENTS)
    begun = time.monotonic()
    done = tierdesk(
        "replay", write(tmp_path / "export.csv.gz", rows), "--format", "servicenow", "--data", folder, "--explain"
    )
    assert done.code == 0, done
    changes = count_changes(rows)
    assert changes > INCIDENTS // 2
    assert closing_line(done) == {"hand_offs": changes, "in_export": changes, "differing": 0, "lost": 0}
    assert f"{INCIDENTS} incidents read, {INCIDENTS} to be replayed." in done.out
    assert f"priorities of {8} pairs" in done.out
    assert [name for name in ("first_response", "resolution") if name in done.out] == ["first_response", "resolution"]
    assert not (folder / "postgres" / "data" / "postmaster.pid").exists()
    told = re.findall(r"^Went first to .*: decided by the department (group-.*|unassigned)\.$", done.out, re.MULTILINE)
    assert len(told) == done.out.count("Its road (times in UTC)") == 3
    assert re.findall(r"^  Hand-offs: (\d+)\.", done.out, re.MULTILINE)[0] == "0"
    tell(capsys, "embedded", done, time.monotonic() - begun)

    # Once more on the same data, and with an incident whose priority no desk with this policy would give.
    odd = [
        row(number="INC1"),
        row(number="INC1", incident_state="Resolved"),
        row(number="INC2", incident_state="Resolved", priority="1 - Critical"),
    ]
    file = tmp_path / "odd.csv"
    file.write_text(as_csv(odd))
    done = tierdesk("replay", file, "--data", folder)
    assert done.check_one_line(1) == "the desk's tickets differ from the export"
    assert closing_line(done) == {"hand_offs": 0, "in_export": 0, "differing": 1, "lost": 0}
    assert re.search(r"differs: INC2 \(TD-\S+\): priority is 3, the export says 1", done.out)


def test_every_incident_ends_as_the_export_says_on_rabbitmq(
    postgres_url, amqp_url, amqp_management_url, tmp_path, capsys
):
    rows = invent(30, seed=11)
    settings = {"database_url": postgres_url, "amqp_url": amqp_url, "amqp_management_url": amqp_management_url}
    begun = time.monotonic()
    done = tierdesk(
        "replay", write(tmp_path / "export.csv.gz", rows), "--limit", "12", "--data", tmp_path / "desk", **settings
    )
    assert done.code == 0, done
    first = {cells["number"] for cells in rows if int(cells["number"].removeprefix("INC")) <= 12}
    changes = count_changes([cells for cells in rows if cells["number"] in first])
    assert changes > 0
    assert closing_line(done) == {"hand_offs": changes, "in_export": changes, "differing": 0, "lost": 0}
    assert "30 incidents read, 12 to be replayed." in done.out
    assert not Path(tmp_path / "desk" / "postgres").exists()
    tell(capsys, "RabbitMQ", done, time.monotonic() - begun)
