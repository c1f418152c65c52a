"""The processes of the experiments are processes of their own: nothing but imported code do they have in common."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tierdesk_store.failpoints import EXIT_CODE

from .nursery import READ_AT_IMPORT, REFUSED, Child, Nursery
from .processes import environment_of

SECONDS = 60.0
CHILDREN = 8
IMPORT_AND_TELL = """
import os
read = set()
class Watched(type(os.environ)):
    def __getitem__(self, name):
        read.add(name)
        return super().__getitem__(name)
os.environ.__class__ = Watched
import tierdesk_cli.running_commands
print(" ".join(sorted(name for name in read if name.startswith("TIERDESK_"))))
"""

START_AND_DIE = """
import os, signal, pathlib
from faults.nursery import Nursery
from faults.processes import environment_of
nursery = Nursery(environment_of())
child = nursery.start("faults.sleeping", [], environment_of(), pathlib.Path(os.devnull))
print(nursery.pid, child.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def say_of(children: list[tuple[Child, Path]]) -> list[dict]:
    for child, log in children:
        assert child.wait(SECONDS) == 0, log.read_text()
    return [json.loads(log.read_text().splitlines()[-1]) for _, log in children]


def start(nursery: Nursery, tmp_path: Path, number: int, module: str, **settings: str) -> tuple[Child, Path]:
    log = tmp_path / f"{number}.log"
    return nursery.start(module, [], environment_of(**settings), log), log


def wait_until_gone(pid: int) -> None:
    end = time.monotonic() + SECONDS
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end, f"process {pid} lives"
        time.sleep(0.05)


def test_no_two_children_mint_the_same_nor_what_the_next_one_mints(nursery, tmp_path):
    told = say_of([start(nursery, tmp_path, number, "faults.minting") for number in range(CHILDREN)])
    assert len({one["process"] for one in told} | {nursery.pid}) == CHILDREN + 1
    for kind in told[0]["minted"]:
        assert len({one["minted"][kind] for one in told}) == CHILDREN, kind


def test_a_child_has_the_environment_that_was_asked_for_and_no_other(nursery, tmp_path, monkeypatch):
    monkeypatch.setenv("LEFT_OVER", "1")
    first, second = say_of(
        [
            start(nursery, tmp_path, 0, "faults.minting", tenant="a"),
            start(nursery, tmp_path, 1, "faults.minting", http_port="1"),
        ]
    )
    assert first["environment"]["TIERDESK_TENANT"] == "a"
    assert "TIERDESK_TENANT" not in second["environment"]
    assert second["environment"] == environment_of(http_port="1")


def test_a_file_is_run_as_an_interpreter_runs_it(nursery, tmp_path):
    (tmp_path / "beside.py").write_text("WORD = 'found'")
    file = tmp_path / "told.py"
    file.write_text("import json, sys, beside; print(json.dumps([__name__, sys.argv, sys.path[0], beside.WORD]))")
    child = nursery.start(str(file), ["one"], environment_of(), tmp_path / "log")
    assert say_of([(child, tmp_path / "log")]) == [["__main__", [str(file), "one"], str(tmp_path), "found"]]


def test_a_nursery_runs_nothing_and_is_connected_to_nobody(nursery):
    process = psutil.Process(nursery.pid)
    nursery.start("faults.minting", [], environment_of(), Path(os.devnull)).wait(SECONDS)
    assert process.num_threads() == 1
    assert not process.net_connections()
    assert not [file for file in process.open_files() if file.path != os.devnull]


def test_what_is_read_at_import_is_what_a_nursery_reads_again_or_refuses(nursery, tmp_path):
    # Libraries copy the whole environment when they are imported: what none of our settings is set in tells of ours alone.
    bare = {name: value for name, value in environment_of().items() if not name.startswith("TIERDESK_")}
    done = subprocess.run([sys.executable, "-c", IMPORT_AND_TELL], check=True, env=bare, capture_output=True, text=True)
    assert set(done.stdout.split()) == READ_AT_IMPORT.keys() | REFUSED
    with pytest.raises(ValueError, match="TIERDESK_UNSAFE"):
        start(nursery, tmp_path, 0, "faults.minting", unsafe="no_inbox")


def test_a_child_dies_at_its_own_failpoint_and_its_exit_code_is_told(nursery, tmp_path):
    dying, _ = start(nursery, tmp_path, 0, "faults.sleeping", failpoint="relay.after_claim:2")
    living, _ = start(nursery, tmp_path, 1, "faults.sleeping", failpoint="relay.after_claim:3")
    assert dying.wait(SECONDS) == EXIT_CODE
    time.sleep(0.2)
    assert living.poll() is None
    living.send_signal(signal.SIGSTOP)
    living.send_signal(signal.SIGKILL)
    assert living.wait(SECONDS) == -signal.SIGKILL
    living.terminate()
    assert living.poll() == -signal.SIGKILL


def test_children_end_with_their_nursery_however_it_ends(tmp_path):
    for killed in (False, True):
        nursery = Nursery(environment_of())
        child, _ = start(nursery, tmp_path, 0, "faults.sleeping")
        child.send_signal(signal.SIGSTOP)
        if killed:
            os.kill(nursery.pid, signal.SIGKILL)
        nursery.close()
        wait_until_gone(child.pid)


def test_children_end_with_the_tests_that_asked_for_them():
    done = subprocess.run(
        [sys.executable, "-c", START_AND_DIE],
        check=False,
        env=environment_of(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    for pid in map(int, done.stdout.split()):
        with contextlib.suppress(psutil.NoSuchProcess):
            wait_until_gone(pid)
