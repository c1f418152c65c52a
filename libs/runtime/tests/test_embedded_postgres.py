"""An embedded PostgreSQL: started once, found again, never two on one directory."""

import asyncio
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import asyncpg
import pytest

from tierdesk_runtime.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError

_OWNER = """
import sys, time
from pathlib import Path
from tierdesk_runtime.embedded_postgres import EmbeddedPostgres
postgres = EmbeddedPostgres(Path(sys.argv[1]))
postgres.start()
print("started", flush=True)
time.sleep(600)
"""


@pytest.fixture
def directory(server_folder, reaper):
    directory = server_folder / f"embedded-{secrets.token_hex(4)}"
    reaper.watch_postgres(directory / "data")
    yield directory
    if directory.exists():
        EmbeddedPostgres(directory).kill()


async def _run(postgres: EmbeddedPostgres, statement: str):
    connection = await asyncpg.connect(postgres.url(), timeout=10)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def _read_pid(postgres: EmbeddedPostgres) -> int:
    return int((postgres.data_directory / "postmaster.pid").read_text().splitlines()[0])


async def test_a_new_server_is_safe_and_speaks_unicode(directory):
    postgres = EmbeddedPostgres(directory)
    postgres.start()
    assert await _run(postgres, "SHOW fsync") == "on"
    assert await _run(postgres, "SHOW synchronous_commit") == "on"
    assert await _run(postgres, "SHOW data_checksums") == "on"
    assert await _run(postgres, "SHOW listen_addresses") == "127.0.0.1"
    assert await _run(postgres, "SELECT lower('ÄØЖ')") == "äøж"
    assert (directory / "password").stat().st_mode & 0o077 == 0
    assert directory.stat().st_mode & 0o077 == 0


async def test_a_wrong_password_is_refused(directory):
    postgres = EmbeddedPostgres(directory)
    postgres.start()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(postgres.url(), password="wrong", timeout=10)


async def test_a_restart_keeps_data_and_port(directory):
    first = EmbeddedPostgres(directory)
    first.start()
    await _run(first, "CREATE TABLE kept AS SELECT 7 AS seven")
    first.stop()
    assert not first.is_running()
    second = EmbeddedPostgres(directory)
    second.start()
    assert second.port == first.port
    assert await _run(second, "SELECT seven FROM kept") == 7


async def test_what_was_committed_survives_a_crash(directory):
    postgres = EmbeddedPostgres(directory)
    postgres.start()
    await _run(postgres, "CREATE TABLE kept AS SELECT 7 AS seven")
    postgres.kill()
    postgres.start()
    assert await _run(postgres, "SELECT seven FROM kept") == 7


async def test_sessions_of_a_server_killed_with_sigkill_do_not_hinder_its_restart(directory):
    postgres = EmbeddedPostgres(directory)
    postgres.start()
    connection = await asyncpg.connect(postgres.url(), timeout=10)
    os.kill(_read_pid(postgres), signal.SIGKILL)
    postgres.start()
    assert await _run(postgres, "SELECT 7") == 7
    connection.terminate()


def test_the_server_outlives_its_owner_and_is_adopted(directory):
    with subprocess.Popen([sys.executable, "-c", _OWNER, str(directory)], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "started\n"
        owner.kill()
    postgres = EmbeddedPostgres(directory)
    pid = _read_pid(postgres)
    postgres.start()
    assert _read_pid(postgres) == pid
    assert asyncio.run(_run(postgres, "SELECT 7")) == 7
    postgres.stop()
    assert not postgres.is_running()


def test_of_two_starters_at_once_the_second_adopts(directory):
    servers = [EmbeddedPostgres(directory), EmbeddedPostgres(directory)]
    with ThreadPoolExecutor(2) as threads:
        for started in [threads.submit(server.start) for server in servers]:
            started.result(timeout=60)
    assert servers[0].port == servers[1].port
    assert servers[0].url() == servers[1].url()
    assert (directory / "server.log").read_text().count("starting PostgreSQL") == 1


@pytest.mark.parametrize("pid", ["alive", "gone"])
def test_a_stale_pid_file_is_put_aside(directory, pid):
    postgres = EmbeddedPostgres(directory)
    postgres.start()
    lines = (postgres.data_directory / "postmaster.pid").read_text().splitlines(keepends=True)
    postgres.stop()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        if pid == "gone":
            stranger.kill()
            stranger.wait()
        lines[0] = f"{stranger.pid}\n"
        (postgres.data_directory / "postmaster.pid").write_text("".join(lines))
        assert not postgres.is_running()
        postgres.start()
        assert _read_pid(postgres) != stranger.pid
        assert stranger.poll() is None or pid == "gone"
        stranger.kill()


def test_a_port_that_was_taken_meanwhile_is_replaced(directory):
    postgres = EmbeddedPostgres(directory)
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # old connections in TIME_WAIT do not count
        while True:
            postgres.start()
            postgres.stop()
            before = postgres.port
            try:
                thief.bind(("127.0.0.1", before))
                break
            except OSError:  # another process of this machine was quicker: once more
                continue
        thief.listen()
        postgres.start()
        assert postgres.port != before
        other = EmbeddedPostgres(directory.with_name(directory.name + "-other"))
        with pytest.raises(EmbeddedPostgresError, match="could not bind"):
            other.start(port=before)


def test_an_unfinished_creation_is_made_anew(directory):
    (directory / "data.new").mkdir(parents=True)
    (directory / "data.new" / "PG_VERSION").write_text("18\n")
    (directory / "password.new").write_text("half")
    postgres = EmbeddedPostgres(directory)
    postgres.start()
    assert postgres.is_running()


def test_a_directory_with_other_contents_is_left_alone(directory):
    directory.mkdir()
    (directory / "thesis.txt").write_text("mine")
    mode = directory.stat().st_mode
    with pytest.raises(EmbeddedPostgresError, match=r"thesis\.txt.*choose an empty directory"):
        EmbeddedPostgres(directory).start()
    assert directory.stat().st_mode == mode
    assert [path.name for path in directory.iterdir()] == ["thesis.txt"]


def test_foreign_contents_of_the_data_folder_are_named(directory):
    (directory / "data").mkdir(parents=True)
    (directory / "data" / "something").write_text("")
    with pytest.raises(EmbeddedPostgresError, match="is not a PostgreSQL data directory; move it away"):
        EmbeddedPostgres(directory).start()


def test_data_of_another_version_are_named(directory):
    (directory / "data").mkdir(parents=True)
    (directory / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedPostgresError, match="made by PostgreSQL 9, the binaries here are 1"):
        EmbeddedPostgres(directory).start()


def test_a_lost_password_is_named(directory):
    postgres = EmbeddedPostgres(directory)
    postgres.start()
    postgres.stop()
    (directory / "password").unlink()
    with pytest.raises(EmbeddedPostgresError, match="belongs to the server's data; restore it"):
        postgres.start()


def test_a_setting_that_postgres_refuses_is_reported_with_its_words(directory):
    with pytest.raises(EmbeddedPostgresError, match="unrecognized configuration parameter"):
        EmbeddedPostgres(directory, settings={"no_such_setting": "1"}).start()


def test_a_folder_without_postgres_is_named(directory, monkeypatch):
    monkeypatch.setenv("TIERDESK_POSTGRES_BIN", "/nowhere/bin")
    with pytest.raises(EmbeddedPostgresError, match=r"/nowhere/bin/postgres.*TIERDESK_POSTGRES_BIN"):
        EmbeddedPostgres(directory).start()


def test_a_directory_below_a_closed_folder_is_named(server_folder):
    closed = server_folder / f"closed-{secrets.token_hex(4)}"
    closed.mkdir(mode=0o700 if os.geteuid() == 0 else 0o500)
    with pytest.raises(EmbeddedPostgresError, match=r"folder above it is closed to others|Permission denied"):
        EmbeddedPostgres(closed / "postgres").start()


def test_stopping_what_does_not_run_is_no_error(directory):
    started = time.monotonic()
    EmbeddedPostgres(directory).stop()
    assert time.monotonic() - started < 5


def test_the_port_is_known_only_after_the_start(directory):
    with pytest.raises(EmbeddedPostgresError, match=r"call start\(\) first"):
        _ = EmbeddedPostgres(directory).port
