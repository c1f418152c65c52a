"""A private OpenLDAP server with a password policy, for one test session."""

from __future__ import annotations

import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from servers.installation import find_slapd
from servers.reaper import Reaper

READY_SECONDS = 30.0
SUFFIX = "dc=example,dc=org"
ADMIN = f"cn=admin,{SUFFIX}"
BOT = f"cn=bot,{SUFFIX}"
PASSWORD = "not-a-secret"
_CONFIGURATION = """
include {schema}/core.schema
include {schema}/cosine.schema
include {schema}/nis.schema
include {schema}/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload ppolicy
TLSCertificateFile {folder}/certificate.pem
TLSCertificateKeyFile {folder}/key.pem
database mdb
suffix "{suffix}"
rootdn "{admin}"
rootpw {password}
directory {folder}/data
overlay ppolicy
ppolicy_default "cn=policy,{suffix}"
access to attrs=userPassword by dn.exact="{bot}" write by anonymous auth by self write by * none
access to attrs=pwdReset,pwdAccountLockedTime,pwdFailureTime by dn.exact="{bot}" write by * none
access to * by dn.exact="{bot}" read by self read by * none
"""
_POLICY = f"""
dn: {SUFFIX}
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: cn=policy,{SUFFIX}
objectClass: device
objectClass: pwdPolicy
cn: policy
pwdAttribute: userPassword
pwdMustChange: TRUE
pwdLockout: TRUE
pwdMaxFailure: 3
pwdInHistory: 5

dn: {BOT}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: bot
userPassword: {PASSWORD}
"""


@dataclass(frozen=True)
class Slapd:
    """Where it answers; the certificate is its own authority and names localhost."""

    url: str
    tls_url: str
    ca_file: Path

    @classmethod
    def start(cls, folder: Path, people: str, reaper: Reaper) -> Slapd:
        """Start one with these entries (LDIF) besides its policy and the bot. It ends with the session."""
        program = find_slapd()
        (folder / "data").mkdir(parents=True)
        _make_certificate(folder)
        configuration = folder / "slapd.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                schema="/etc/ldap/schema", folder=folder, suffix=SUFFIX, admin=ADMIN, password=PASSWORD, bot=BOT
            )
        )
        _run(program.with_name("slapadd"), "-f", str(configuration), stdin=_POLICY + people)
        port, tls_port = _free_port(), _free_port()
        urls = f"ldap://127.0.0.1:{port}", f"ldaps://localhost:{tls_port}"
        with (folder / "slapd.log").open("wb") as log:
            process = subprocess.Popen(
                [program, "-f", configuration, "-h", " ".join(urls), "-d", "0"], stdout=log, stderr=log
            )
        reaper.watch_process(process.pid)
        end = time.monotonic() + READY_SECONDS
        while not _listens(port):
            assert process.poll() is None, (folder / "slapd.log").read_text()
            assert time.monotonic() < end, "slapd does not listen"
            time.sleep(0.05)
        return cls(*urls, folder / "certificate.pem")


def _make_certificate(folder: Path) -> None:
    _run(
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
        "-addext", "subjectAltName=DNS:localhost",
        "-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem"),
    )  # fmt: skip


def _run(*command: str | Path, stdin: str = "") -> None:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
    return port
