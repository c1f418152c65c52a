"""What the compose file and the Dockerfile promise, read from them: needs no engine."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import ssl
import stat
import subprocess
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from faults.processes import common_nursery
from servers.containers import RABBITMQ_IMAGE
from tierdesk_bridge.settings import BridgeSettings
from tierdesk_cli.services import DEFINITIONS
from tierdesk_desk.mailing.settings import MailSettings
from tierdesk_desk.settings import DeskSettings
from tierdesk_runtime.settings import Settings

CHECKOUT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())
CONTAINERS: dict[str, Any] = COMPOSE["services"]
PROXY = (CHECKOUT / "deploy/haproxy/haproxy.cfg").read_text()
SERVICES = tuple(DEFINITIONS)
JOBS = ("migrate", "cli")
"""They run to an end, so there is nothing to ask how it is."""
NO_ENDPOINT = (*JOBS, "demo")
VARIABLES = {
    "PYTHON_IMAGE": ("intake", "router", "sla", "kb", "bridge", "desk", "migrate", "cli", "demo"),
    "RABBITMQ_IMAGE": ("rabbitmq",),
    "POSTGRES_IMAGE": ("postgres",),
    "PROXY_IMAGE": ("proxy", "vendors"),
}


def read_stages() -> dict[str, list[list[str]]]:
    """The instructions of each stage of the Dockerfile, each as its word and the rest."""
    text = re.sub(r"\\\n\s*", " ", (CHECKOUT / "deploy/Dockerfile").read_text())
    stages: dict[str, list[list[str]]] = {}
    name = ""
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        if word == "FROM":
            name = rest.split()[-1]
        stages.setdefault(name, []).append([word, rest.strip()])
    return stages


STAGES = read_stages()


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def secrets_of(container: str) -> set[str]:
    return {
        one if isinstance(one, str) else one["source"]
        for one in CONTAINERS[container].get("secrets", [])  # both ways of writing it
    }


def settings_in(container: str) -> dict[str, str]:
    return {name: str(value) for name, value in CONTAINERS[container].get("environment", {}).items()}


@pytest.mark.parametrize("container", CONTAINERS)
class TestEveryContainer:
    def test_runs_as_a_numbered_user_who_is_not_root(self, container):
        user, group = CONTAINERS[container]["user"].split(":")
        assert int(user) > 0
        assert int(group) > 0
        if container not in {"postgres", "rabbitmq"}:
            assert (user, group) == ("10001", "10001")

    def test_can_write_nowhere_but_to_its_volumes_and_memory(self, container):
        assert CONTAINERS[container]["read_only"] is True
        assert "/tmp" in CONTAINERS[container]["tmpfs"]

    def test_has_no_capability_and_gains_no_privilege(self, container):
        assert CONTAINERS[container]["cap_drop"] == ["ALL"]
        assert CONTAINERS[container]["security_opt"] == ["no-new-privileges:true"]
        assert not {"cap_add", "privileged", "devices", "pid", "ipc", "network_mode"} & set(CONTAINERS[container])
        assert CONTAINERS[container]["pids_limit"] > 0

    def test_has_a_process_that_passes_signals_on_and_time_to_drain(self, container):
        assert CONTAINERS[container]["init"] is True
        drain = [
            float(settings_in(container).get(f"TIERDESK_DRAIN_{name}", 0)) for name in ("DELAY_SECONDS", "SECONDS")
        ]
        assert seconds(CONTAINERS[container]["stop_grace_period"]) >= max(40, sum(drain) + 5)

    def test_tells_how_it_is_without_a_tool_that_its_image_lacks(self, container):
        if container in NO_ENDPOINT:
            assert "healthcheck" not in CONTAINERS[container]
            return
        test = CONTAINERS[container]["healthcheck"]["test"]
        assert test[0] == "CMD"
        assert not re.search(r"curl|wget", " ".join(test))

    def test_gets_no_password_from_its_environment(self, container):
        for name, value in settings_in(container).items():
            assert "@" not in value, f"{name} holds credentials"
            assert not re.search(r"PASS|KEY|TOKEN", name) or name.endswith("_FILE")

    def test_sets_only_what_exists(self, container):
        known = {f"TIERDESK_{name.upper()}" for name in Settings.model_fields}
        known |= {f"TIERDESK_BRIDGE_{name.upper()}" for name in BridgeSettings.model_fields}
        known |= {f"TIERDESK_DESK_{name.upper()}" for name in DeskSettings.model_fields}
        known |= {f"TIERDESK_DESK_MAIL_{name.upper()}" for name in MailSettings.model_fields}
        known |= {"TIERDESK_SECRETS_DIR", "TIERDESK_URL"}
        ours = {name for name in settings_in(container) if name.startswith("TIERDESK_")}
        assert ours <= known


def test_one_port_is_published_and_it_is_the_proxys_and_where_vendors_sign_in_theirs():
    published = {name: one["ports"] for name, one in CONTAINERS.items() if "ports" in one}
    assert list(published) == ["proxy", "vendors"]
    assert len(published["proxy"]) == 1
    assert published["proxy"][0].startswith("${TIERDESK_PUBLISH:-127.0.0.1:")
    assert published["vendors"] == ["${TIERDESK_PUBLISH_VENDORS:-0.0.0.0:5671}:5671"]
    assert CONTAINERS["vendors"]["profiles"] == ["vendors"]


def test_vendors_come_in_by_tls_alone_and_reach_amqp_and_nothing_else():
    """Neither the management API nor the services, nor the database."""
    assert CONTAINERS["vendors"]["networks"] == ["outside", "gate"]
    assert COMPOSE["networks"]["gate"]["internal"] is True
    for network in ("outside", "gate"):
        members = {name for name, one in CONTAINERS.items() if network in one.get("networks", [])}
        assert members == {"vendors"} | ({"rabbitmq"} if network == "gate" else set())
    words = (CHECKOUT / "deploy/haproxy/vendors.cfg").read_text()
    assert re.findall(r"^ +bind (.*)", words, re.MULTILINE) == [":5671 ssl crt /run/secrets/vendors_pem"]
    assert re.findall(r"^ +server \S+ (\S+)", words, re.MULTILINE) == ["rabbitmq:5672"]
    assert "ssl-min-ver TLSv1.2" in words


def test_the_servers_are_reached_from_the_core_alone_and_the_proxy_does_not_reach_them():
    assert COMPOSE["networks"]["core"]["internal"] is True
    for name in ("postgres", "migrate"):
        assert CONTAINERS[name]["networks"] == ["core"]
    assert CONTAINERS["rabbitmq"]["networks"] == ["core", "gate"]
    assert CONTAINERS["proxy"]["networks"] == ["edge"]


@pytest.mark.parametrize("service", SERVICES)
class TestEveryService:
    def test_can_be_scaled(self, service):
        assert not {"container_name", "hostname", "ports"} & set(CONTAINERS[service])

    def test_starts_after_the_migration(self, service):
        conditions = {name: one["condition"] for name, one in CONTAINERS[service]["depends_on"].items()}
        assert conditions == {
            "postgres": "service_healthy",
            "rabbitmq": "service_healthy",
            "migrate": "service_completed_successfully",
        }

    def test_never_sees_the_administrators_password(self, service):
        assert "tierdesk_database_url" not in secrets_of(service)
        assert "postgres_password" not in secrets_of(service)
        assert "desk:/var/lib/tierdesk:ro" in CONTAINERS[service]["volumes"]

    def test_drains_for_longer_than_the_proxy_takes_to_notice(self, service):
        (check,) = re.findall(r"check inter (\d+)s fall (\d+)", PROXY)
        assert float(settings_in(service)["TIERDESK_DRAIN_DELAY_SECONDS"]) > int(check[0]) * int(check[1])

    def test_is_asked_whether_it_is_ready_by_its_own_probe(self, service):
        assert CONTAINERS[service]["healthcheck"]["test"][1:] == ["python", "-m", "tierdesk_runtime.probe", "/readyz"]

    def test_has_an_image_of_its_own_with_the_libraries_and_itself_alone(self, service):
        assert CONTAINERS[service]["build"]["target"] == service
        copied = [rest for word, rest in STAGES[service] if word == "COPY"]
        assert copied == [f"services/{service}/src/ lib/python/"]
        assert STAGES[service][0] == ["FROM", f"libs AS {service}"]
        assert json.loads(dict(STAGES[service])["CMD"]) == ["python", "-m", f"tierdesk_{service}"]

    def test_gets_its_paths_from_the_proxy(self, service):
        (rule,) = re.findall(rf"use_backend {service} if (.*)", PROXY)
        for path in DEFINITIONS[service].paths:
            assert re.search(rf"{{ path (\S+ )*{path} ", rule)
            assert f" {path}/ " in rule
            assert f" {path}: " in rule
        words = {word.rstrip("/:") for word in rule.split() if word.startswith("/")}
        assert words == set(DEFINITIONS[service].paths)
        assert re.search(rf"\nbackend {service}\n    server-template {service}- \d+ {service}:8080\n", PROXY)

    def test_says_in_one_line_which_setting_is_missing(self, service, tmp_path):
        said = tmp_path / "said.txt"
        assert common_nursery().start(f"tierdesk_{service}", [], {}, said).wait(60) == 2
        assert said.read_text() == f"tierdesk {service}: TIERDESK_DATABASE_URL: Field required\n"


def test_what_no_service_has_a_path_for_goes_to_the_one_that_takes_it_and_metrics_stay_inside():
    (rest,) = (name for name, definition in DEFINITIONS.items() if definition.takes_rest)
    assert re.findall(r"default_backend (.*)", PROXY) == [rest]
    (hidden,) = re.findall(r"http-request return status 404 .* if { path (.*) }", PROXY)
    assert hidden.split() == ["/metrics", "/openapi.json"]


def test_every_image_that_is_not_ours_is_a_variable():
    for variable, containers in VARIABLES.items():
        for container in containers:
            if "build" in CONTAINERS[container]:
                image = CONTAINERS[container]["build"]["args"][variable]
            else:
                image = CONTAINERS[container]["image"]
            assert re.fullmatch(rf"\${{{variable}:-[a-z]+:[a-z0-9.-]+}}", image)
    assert sorted(name for names in VARIABLES.values() for name in names) == sorted(CONTAINERS)


def test_the_defaults_of_the_images_agree():
    python = CONTAINERS["router"]["build"]["args"]["PYTHON_IMAGE"]
    assert ["ARG", python.removeprefix("${").removesuffix("}").replace(":-", "=", 1)] in STAGES[""]
    assert CONTAINERS["rabbitmq"]["image"] == "${RABBITMQ_IMAGE:-" + RABBITMQ_IMAGE + "}"


@pytest.mark.parametrize("target", [*SERVICES, "cli"])
def test_an_image_is_not_run_by_root_and_gets_its_signals_itself(target):
    assert [rest for word, rest in STAGES[target] if word == "USER"] == ["10001:10001"]
    for word, rest in STAGES[target]:
        if word in {"CMD", "ENTRYPOINT"}:
            assert isinstance(json.loads(rest), list)


def test_the_images_hold_what_the_locks_name_and_no_compiler():
    commands = [rest for steps in STAGES.values() for word, rest in steps if word == "RUN"]
    install = [command for command in commands if " pip " in command]
    assert len(install) == 1
    assert "--require-hashes" in install[0]
    assert "--only-binary=:all:" in install[0]
    assert not any(re.search(r"apt-get|apk|gcc", command) for command in commands)
    assert any(word == "ENV" and "PYTHONDONTWRITEBYTECODE=1" in rest for word, rest in STAGES["base"])
    labels = " ".join(rest for word, rest in STAGES["libs"] if word == "LABEL")
    for label in ("title", "description", "licenses", "version"):
        assert f"org.opencontainers.image.{label}=" in labels


def test_only_what_is_named_goes_to_the_builder():
    rules = [line for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    allowed = {rule[1:].split("/")[0] + ("/…" if "/" in rule else "") for rule in rules if rule[0] == "!"}
    assert rules[0] == "*"
    assert allowed == {"requirements/…", "libs", "services", "bots", "cli", "examples", "deploy/…"}
    assert {rule for rule in rules if rule.startswith("!deploy/")} == {
        "!deploy/*.py",
        "!deploy/policy",
        "!deploy/wheels",
    }


def test_all_that_the_dockerfile_copies_goes_to_the_builder():
    rules = [line[1:] for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = [
        source
        for steps in STAGES.values()
        for word, rest in steps
        if word == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    ]
    assert len(copied) > len(SERVICES)
    for source in copied:
        path = PurePosixPath(source)
        assert any(one.match(rule) for one in (path, *path.parents) for rule in rules), source


def make_secrets(folder: Path) -> dict[str, str]:
    subprocess.run(["sh", CHECKOUT / "deploy/secrets.sh", folder], check=True)
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_the_script_makes_every_secret_that_the_containers_read(tmp_path):
    made = make_secrets(tmp_path / "secrets")
    wanted = {one["file"].rpartition("/")[2] for one in COMPOSE["secrets"].values()}
    if shutil.which("openssl") is None:
        wanted -= {"vendors.pem"}  # the script says so, and goes on
    assert wanted <= set(made)
    assert {name for container in CONTAINERS for name in secrets_of(container)} == set(COMPOSE["secrets"])
    assert made["postgres_password"].strip() in made["tierdesk_database_url"]
    settings = Settings(
        database_url=made["tierdesk_database_url"].strip(),
        amqp_url=made["tierdesk_amqp_url"].strip(),
        secrets_file=tmp_path,
    )
    assert settings.bus == made["tierdesk_amqp_url"].strip()


def test_a_secret_that_is_there_is_never_made_anew(tmp_path):
    first = make_secrets(tmp_path / "secrets")
    (tmp_path / "secrets" / "tierdesk_amqp_url").unlink()
    assert make_secrets(tmp_path / "secrets") == first
    assert make_secrets(tmp_path / "others")["postgres_password"] != first["postgres_password"]


@pytest.mark.parametrize("name", ["localhost", "broker.example.com", "192.0.2.7"])
def test_the_certificate_for_vendors_is_trusted_by_its_own_file_and_for_its_own_name(tmp_path, name, monkeypatch):
    monkeypatch.setenv("TIERDESK_VENDORS_NAME", name)
    if "vendors.pem" not in make_secrets(tmp_path):
        assert shutil.which("openssl") is None
        return
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "vendors.pem")
    assert shake_hands(ssl.create_default_context(cafile=tmp_path / "vendors.crt"), server, name)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(ssl.create_default_context(cafile=tmp_path / "vendors.crt"), server, "another.example.com")
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(ssl.create_default_context(), server, name)


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> bool:
    """Without a network. Raises what the client has against the certificate."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(to_client, to_server, server_hostname=name)
    answering = server.wrap_bio(to_server, to_client, server_side=True)
    done: set[ssl.SSLObject] = set()
    for _ in range(20):
        for side in (asking, answering):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
                done.add(side)
    return len(done) == 2


def test_without_openssl_the_script_says_so_and_makes_all_the_rest(tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("mkdir", "chmod", "mv", "cat", "od", "tr", "rm"):
        found = shutil.which(tool)
        assert found is not None
        (tools / tool).symlink_to(found)
    shell = shutil.which("sh")
    assert shell is not None
    done = subprocess.run(
        [shell, CHECKOUT / "deploy/secrets.sh", tmp_path / "secrets"],
        check=True,
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
    )
    assert "put certificate and key into" in done.stderr
    wanted = {one["file"].rpartition("/")[2] for one in COMPOSE["secrets"].values()}
    assert wanted - {path.name for path in (tmp_path / "secrets").iterdir()} == {"vendors.pem"}


def test_the_secrets_folder_lets_in_nobody_else(tmp_path):
    make_secrets(tmp_path / "secrets")
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    for path in (tmp_path / "secrets").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o444
