"""The LDAP directory on a real OpenLDAP server with a password policy."""

import json

import ldap3
import pytest
from ldap3.core.exceptions import LDAPBindError

from servers.slapd import ADMIN, BOT, PASSWORD, SUFFIX, Slapd
from tierdesk_bots.directory import DirectoryError
from tierdesk_bots.ldap_directory import LdapDirectory

ADMINS, OPERATORS = f"cn=admins,{SUFFIX}", f"cn=operators,{SUFFIX}"
PEOPLE = (
    "".join(
        f"""
dn: uid={name},{SUFFIX}
objectClass: inetOrgPerson
uid: {name}
cn: {name}
sn: {name}
mail: {mail}
userPassword: forgotten
"""
        for name, mail in [
            ("ann", "ann.archer@example.org"),
            ("ben", "ben@example.org"),
            ("lou", "lou@example.org"),
            ("gone", "gone@example.org"),
            ("root", "root@example.org"),
            ("ops", "ops@example.org"),
            ("twin", "twin@example.org"),
            ("twin2", "twin@example.org"),
        ]
    )
    + f"""
dn: {ADMINS}
objectClass: groupOfNames
cn: admins
member: uid=root,{SUFFIX}

dn: {OPERATORS}
objectClass: posixGroup
cn: operators
gidNumber: 10
memberUid: ops
"""
)


@pytest.fixture(scope="module")
def slapd(server_folder, reaper):
    server = Slapd.start(server_folder / "slapd", PEOPLE, reaper)
    with ldap3.Connection(server.url, ADMIN, PASSWORD, raise_exceptions=True) as admin:
        locked = {"pwdAccountLockedTime": [(ldap3.MODIFY_REPLACE, ["000001010000Z"])]}
        admin.modify(f"uid=gone,{SUFFIX}", locked)
    return server


@pytest.fixture
def connect_directory(slapd):
    def make(**changes):
        given = {
            "url": slapd.url, "user": BOT, "password": PASSWORD, "base": SUFFIX, "privileged_groups": [ADMINS, OPERATORS],
        } | changes  # fmt: skip
        return LdapDirectory(given.pop("url"), **given)

    return make


@pytest.fixture
def directory(connect_directory):
    return connect_directory()


def sign_in(slapd, name, password):
    """Whether the server takes it; the password's owner may do nothing but change it if it is temporary."""
    try:
        with ldap3.Connection(
            slapd.url, f"uid={name},{SUFFIX}", password, raise_exceptions=False, auto_bind=True
        ) as me:
            me.search(SUFFIX, "(uid=*)", attributes=["uid"])
            return "changed first" if me.result["description"] != "success" else "signed in"
    except LDAPBindError:
        return "refused"


def test_a_person_is_found_by_name_or_mail_and_nobody_by_a_pattern(directory):
    for name in ("ann", "ANN", "ann.archer@example.org"):
        found = directory.find(name)
        assert found is not None
        assert (found.id, found.address) == (f"uid=ann,{SUFFIX}", "ann.archer@example.org")
        assert (found.enabled, found.locked, found.privileged) == (True, False, False)
    for name in ("nobody", "*", "a*", "ann)(uid=*", "ann\x00", "\\2a", "cn=ann"):
        assert directory.find(name) is None


def test_members_of_privileged_groups_and_disabled_people_are_known_as_such(directory):
    assert directory.find("root").privileged
    assert directory.find("ops").privileged
    assert not directory.find("gone").enabled


def test_more_than_one_account_is_an_error(directory):
    with pytest.raises(DirectoryError, match="more than one"):
        directory.find("twin@example.org")


def test_a_temporary_password_works_must_be_changed_and_unlocks(directory, slapd):
    for _ in range(3):
        assert sign_in(slapd, "lou", "wrong") == "refused"
    assert sign_in(slapd, "lou", "forgotten") == "refused", "locked after three"
    found = directory.find("lou")
    assert found.locked
    directory.set_temporary_password(found, "Temp-orary-7")
    assert not directory.find("lou").locked
    assert sign_in(slapd, "lou", "Temp-orary-7") == "changed first"
    assert sign_in(slapd, "lou", "forgotten") == "refused"


def test_a_group_that_cannot_be_read_is_an_error_and_makes_nobody_harmless(connect_directory):
    with pytest.raises(DirectoryError, match="cn=nowhere"):
        connect_directory(privileged_groups=[f"cn=nowhere,{SUFFIX}"]).find("ann")


def test_what_the_server_refuses_is_told_without_its_words(connect_directory, directory):
    with pytest.raises(DirectoryError, match=r"^LDAP: LDAPInvalidCredentialsResult$"):
        connect_directory(password="wrong").find("ann")
    with pytest.raises(DirectoryError, match=r"^LDAP: LDAPSocketOpenError$"):
        connect_directory(url="ldap://127.0.0.1:9").find("ann")
    gone = directory.find("ben").__class__(f"uid=no-such,{SUFFIX}", "x@example.org")
    with pytest.raises(DirectoryError, match=r"^LDAP: LDAP\w+Result$"):
        directory.set_temporary_password(gone, "Temp-orary-7")


def test_the_certificate_is_checked(connect_directory, slapd):
    assert connect_directory(url=slapd.tls_url, ca_file=slapd.ca_file).find("ann") is not None
    with pytest.raises(DirectoryError, match="LDAPSocketOpenError"):
        connect_directory(url=slapd.tls_url).find("ann")
    with pytest.raises(DirectoryError, match="LDAP"):
        connect_directory(url=slapd.tls_url.replace("localhost", "127.0.0.1"), ca_file=slapd.ca_file).find("ann")


@pytest.mark.parametrize("url", ["ldap://directory.example.org", "http://localhost", "ldaps://", "ann"])
def test_a_url_that_would_tell_others_the_passwords_is_refused(connect_directory, url):
    with pytest.raises(ValueError, match="ldaps://"):
        connect_directory(url=url)


def test_a_reset_on_a_real_desk_with_the_real_directory(requester, make_bot, slapd, tmp_path):
    (tmp_path / "ldap").write_text(PASSWORD)
    make_bot(
        "password-reset", "--ldap-url", slapd.url, "--ldap-user", BOT, "--ldap-password-file", tmp_path / "ldap",
        "--ldap-base", SUFFIX, "--ldap-privileged", f"{ADMINS}; {OPERATORS}",
        "--outbox", tmp_path / "outbox", "--from", "desk@example.org",
    )  # fmt: skip
    privileged = requester.report("root")
    ticket = requester.report("ben")
    requester.wait_for(ticket, "paused")
    requester.reply(ticket, requester.code())
    requester.wait_for(ticket, "resolved")
    letter = requester.letters()[-1]
    assert letter["to"] == "ben@example.org"
    assert sign_in(slapd, "ben", letter.get_content().split("\n    ")[1].splitlines()[0]) == "changed first"
    assert "privileged" in requester.wait_for_handing_on(privileged)["findings"]
    assert "ben@example.org" not in json.dumps(requester.story(ticket))
