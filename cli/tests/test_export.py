"""Reading an export: what is no export is told in one line, with file, line and column."""

import gzip
from datetime import UTC, datetime

import pytest

from tierdesk_cli.replay.export import COLUMNS, ExportError, read_export

from .exports import as_csv, row, write


def broken(**cells: str) -> str:
    """A good row on line 2, and a faulty one on line 3."""
    return as_csv([row(), row(**cells)])


def test_incidents_come_in_the_order_of_their_opening_with_their_updates_in_the_order_of_the_file(tmp_path):
    rows = [
        row(number="B", opened_at="3/3/2026 09:00", sys_updated_at="3/3/2026 09:00"),
        row(number="A", assignment_group="?", assigned_to="?", contact_type="Phone"),
        row(number="B", opened_at="3/3/2026 09:00", sys_updated_at="4/3/2026 10:30", incident_state="Active"),
        row(number="A", sys_updated_at="2/3/2026 07:00", assigned_to="Resolver 4", contact_type="Email"),
    ]
    first, second = read_export(write(tmp_path / "export.csv.gz", rows))
    assert (first.number, second.number) == ("A", "B")
    assert (first.phone, first.caller, first.location) == (True, "Caller 9", "Location 4")
    assert first.opened_at == datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    assert [update.group for update in first.updates] == [None, "Service desk"]
    assert [update.worker for update in first.updates] == [None, "Resolver 4"]
    assert [update.at for update in first.updates] == [datetime(2026, 3, 2, 8, 5, tzinfo=UTC)] * 2  # never back
    assert [update.state for update in second.updates] == ["New", "Active"]


def test_a_file_without_compression_and_one_with_a_byte_order_mark_read_alike(tmp_path):
    packed = write(tmp_path / "export.csv.gz", [row()])
    plain = tmp_path / "export.csv"
    plain.write_text("\ufeff" + as_csv([row()]), encoding="utf-8")
    assert read_export(packed) == read_export(plain)


BROKEN = {
    "a wrong date": (as_csv([row(opened_at="2026-03-02 08:00")]), ":2: opened_at: ", "is no d/m/yyyy hh:mm"),
    "a date that is none": (broken(sys_updated_at="31/2/2026 08:00"), ":3: sys_updated_at: ", "is no d/m/yyyy hh:mm"),
    "no date": (broken(sys_updated_at="?"), ":3: sys_updated_at: ", "is no d/m/yyyy hh:mm"),
    "a date before all time": (broken(sys_updated_at="2/3/0999 08:00"), ":3: sys_updated_at: ", "1970"),
    "no impact": (broken(impact="?"), ":3: impact: ", "is no number from 1 to 3"),
    "an impact of 12": (broken(impact="12 - Odd"), ":3: impact: ", "is no number from 1 to 3"),
    "an urgency of 0": (broken(urgency="0"), ":3: urgency: ", "is no number from 1 to 3"),
    "a priority of 6": (broken(priority="6 - Odd"), ":3: priority: ", "is no number from 1 to 5"),
    "a digit that is none": (broken(impact="\u00b2"), ":3: impact: ", "is no number from 1 to 3"),
    "no number": (broken(number=""), ":3: number: ", "expected"),
    "a question mark for a number": (broken(number="?"), ":3: number: ", "expected"),
    "a number with a line end": (broken(number="INC\n1"), ":4: number: ", "expected"),
    "a number that is too long": (broken(number="I" * 41), ":3: number: ", "expected"),
    "NUL": (broken(category="a\x00b"), ":3: category: ", "control character"),
    "an escape sequence": (broken(u_symptom="\x1b[31mred"), ":3: u_symptom: ", "control character"),
    "an eight-bit escape": (broken(location="\x9b31mred"), ":3: location: ", "control character"),
    "a cell that is too long": (broken(caller_id="x" * 101), ":3: caller_id: ", "longer than 100"),
    "a huge cell": (broken(category="x" * 200_000), ":3: ", "not readable as CSV"),
    "a short row": (as_csv([row()]) + "INC2,New\n", ":3: opened_at: ", "the row ends before this column"),
    "a long row": (as_csv([row()]).rstrip() + ",more\n", ":2: ", "more cells than there are columns"),
    "an open quote": (as_csv([row()]) + '"INC2,New\n', ":3: ", "not readable as CSV"),
    "a foreign file": ("case,activity,resource\n1,Open,Ann\n", ":1: ", "no column number, incident_state"),
    "a missing column": (as_csv([row()], COLUMNS[:-1]), ":1: ", "no column location"),
    "an empty file": ("", ":1: ", "no column number"),
    "a head without rows": (as_csv([]), ": ", "no incidents in it"),
    "a lone line end": ("\n", ":1: ", "no column"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_is_no_export_is_told_with_its_place(tmp_path, name):
    text, place, reason = BROKEN[name]
    path = tmp_path / "export.csv"
    path.write_bytes(text.encode())
    with pytest.raises(ExportError) as refused:
        read_export(path)
    told = str(refused.value)
    assert refused.value.exit_code == 2
    assert told.startswith(f"{path}{place}"), told
    assert reason in told
    assert "\n" not in told
    assert len(told) < 1000


BYTES = {
    "no UTF-8": (as_csv([row(), row(category="caf\u00e9")]).encode("latin-1"), "not readable"),
    "UTF-16": (as_csv([row()]).encode("utf-16"), "not readable"),
    "noise": (bytes(range(256)) * 20, "not readable"),
    "cut off while compressed": (gzip.compress(as_csv([row()] * 500).encode())[:-30], "not readable"),
    "compressed noise": (b"\x1f\x8b\x08\x00" + bytes(range(200)), "not readable"),
    "a head of compression alone": (b"\x1f\x8b", "not readable"),
    "a wrong sum": (gzip.compress(as_csv([row()]).encode())[:-8] + bytes(8), "not readable"),
    "compressed noise inside": (gzip.compress(bytes(range(256)) * 50), "not readable"),
    "compressed twice": (gzip.compress(gzip.compress(as_csv([row()]).encode())), "not readable"),
}


@pytest.mark.parametrize("name", BYTES)
def test_bytes_that_are_no_text_are_told_with_their_place(tmp_path, name):
    body, reason = BYTES[name]
    path = tmp_path / "export.csv.gz"
    path.write_bytes(body)
    with pytest.raises(ExportError) as refused:
        read_export(path)
    told = str(refused.value)
    assert told.startswith(f"{path}:"), told
    assert told.removeprefix(f"{path}:").partition(":")[0].isdigit(), told
    assert reason in told
    assert "\n" not in told


def test_a_file_that_is_not_there_and_a_folder(tmp_path):
    with pytest.raises(ExportError, match=r"missing\.csv: cannot be read: No such file or directory"):
        read_export(tmp_path / "missing.csv")
    with pytest.raises(ExportError, match=r": cannot be read: Is a directory"):
        read_export(tmp_path)
