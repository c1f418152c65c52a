import json
from pathlib import Path

import pytest

from tierdesk_contracts.documents import ASYNCAPI, GOLDEN, RELEASE, SCHEMAS, faults, main, write


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / GOLDEN.parent).mkdir(parents=True)
    write(tmp_path)
    return tmp_path


def test_what_was_written_has_no_faults_and_writing_again_writes_nothing(root: Path) -> None:
    assert faults(root) == []
    assert write(root) == []


def test_each_kind_of_drift_is_one_line_and_exit_code_one(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / ASYNCAPI).unlink()
    schema = root / SCHEMAS / "work.offered.v1.json"
    was = schema.read_text()
    schema.write_text(was.replace('"type": "object"', '"type": "array"'))
    line = was.splitlines().index('  "type": "object",') + 1
    (root / SCHEMAS / "work.forgotten.v1.json").write_text("{}")
    golden = root / GOLDEN / "work.offered.v1" / f"v{RELEASE}.json"
    golden.unlink()
    assert main(["--check", "--root", str(root)]) == 1
    assert sorted(capsys.readouterr().out.splitlines()) == [
        "docs/asyncapi.yaml: missing; run with --write",
        f"libs/contracts/golden/work.offered.v1/v{RELEASE}.json: missing; run with --write",
        "libs/contracts/schemas/work.forgotten.v1.json: no such message type; a type is removed only with a release",
        (
            "libs/contracts/schemas/work.offered.v1.json: differs from the models "
            f"""from line {line}: '"type": "array",' should be '"type": "object",'; run with --write"""
        ),
    ]


def test_a_golden_message_is_written_once_and_never_again(root: Path) -> None:
    golden = root / GOLDEN / "work.offered.v1" / f"v{RELEASE}.json"
    golden.write_text(json.dumps({"as": "released"}))
    write(root)
    assert json.loads(golden.read_text()) == {"as": "released"}
    assert faults(root) == []


def test_check_says_nothing_and_exits_with_zero_when_all_agrees(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check", "--root", str(root)]) == 0
    assert capsys.readouterr().out == ""


def test_a_folder_that_is_no_repository_is_a_wrong_call(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--write", "--root", str(tmp_path)])
    assert stopped.value.code == 2
