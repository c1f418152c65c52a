"""Where webhooks may go, and where they may not."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_runtime.addresses import Target, UrlError, is_allowed, read_url

INSIDE = (ip_network("10.1.0.0/16"),)

REFUSED_URLS = {
    "plain http": "http://vendor.example/hook",
    "a file": "file:///etc/passwd",
    "another scheme": "gopher://vendor.example/",
    "no scheme": "vendor.example/hook",
    "a user": "https://ann@vendor.example/",
    "a user and a password": "https://ann:secret@vendor.example/",
    "a host that looks like a user": "https://vendor.example@127.0.0.1/",
    "a backslash before another host": "https://vendor.example\\@127.0.0.1/",
    "a fragment": "https://vendor.example/hook#part",
    "the metadata of a cloud": "https://169.254.169.254/latest/meta-data",
    "this machine": "https://127.0.0.1/",
    "this machine, IPv6": "https://[::1]/",
    "a private network": "https://10.0.0.1/",
    "a private network, mapped": "https://[::ffff:10.0.0.1]/",
    "a private network through 6to4": "https://[2002:0a00:0001::1]/",
    "a private network through NAT64": "https://[64:ff9b::a00:1]/",
    "carriers' own addresses": "https://100.64.0.1/",
    "link-local": "https://[fe80::1]/",
    "unique local": "https://[fd00::1]/",
    "multicast": "https://224.0.0.1/",
    "IPv6 multicast": "https://[ff0e::1]/",
    "everything": "https://0.0.0.0/",
    "broadcast": "https://255.255.255.255/",
    "a port of zero": "https://vendor.example:0/",
    "a port beyond all": "https://vendor.example:65536/",
    "a port that is a word": "https://vendor.example:http/",
    "no host": "https:///hook",
    "a space": "https://vendor.example/a b",
    "a line end": "https://vendor.example/\r\nHost: other",
    "letters beyond ASCII": "https://vendör.example/",
    "a long s in the scheme": "http\u017f://vendor.example/",
    "the sign of Kelvin": "https://\u212aendor.example/",
    "brackets around no address": "https://[::1::2]/",
    "2,001 letters": f"https://vendor.example/{'x' * 2_000}",
    "nothing": "",
}
INNER = (
    "127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
    "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.0.1", "198.18.0.1", "::", "::1", "fe80::1", "fd00::1", "fec0::1",
    "ff02::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "2001:db8::1", "2001::1",
)  # fmt: skip
OUTER = ("1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:1.1.1.1")


@pytest.mark.parametrize("what", REFUSED_URLS)
def test_a_url_that_leads_elsewhere_is_refused(what):
    with pytest.raises(UrlError):
        read_url(REFUSED_URLS[what], ())


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://vendor.example", Target("https", "vendor.example", 443, "/")),
        ("HTTPS://Vendor.Example/Hook?a=b&c", Target("https", "vendor.example", 443, "/Hook?a=b&c")),
        ("https://vendor.example:8443?x", Target("https", "vendor.example", 8443, "/?x")),
        ("https://1.1.1.1/hook", Target("https", "1.1.1.1", 443, "/hook")),
        ("https://[2606:4700:4700::1111]:444/", Target("https", "2606:4700:4700::1111", 444, "/")),
        ("https://vendor.example/@at", Target("https", "vendor.example", 443, "/@at")),
    ],
)
def test_a_url_is_taken_apart(url, target):
    assert read_url(url, ()) == target


def test_the_host_header_names_host_and_port():
    assert read_url("https://vendor.example/", ()).authority == "vendor.example"
    assert read_url("https://vendor.example:8443/", ()).authority == "vendor.example:8443"
    assert read_url("https://[2606:4700:4700::1111]:444/", ()).authority == "[2606:4700:4700::1111]:444"


@pytest.mark.parametrize("address", INNER)
def test_no_connection_is_made_to_an_address_inside(address):
    assert not is_allowed(ip_address(address), (), public=True)


@pytest.mark.parametrize("address", OUTER)
def test_a_connection_may_be_made_to_an_address_outside_and_never_without_tls(address):
    assert is_allowed(ip_address(address), (), public=True)
    assert not is_allowed(ip_address(address), (), public=False)


def test_a_named_network_is_open_with_and_without_tls_and_its_neighbours_are_not():
    for address in ("10.1.2.3", "::ffff:10.1.2.3"):
        assert is_allowed(ip_address(address), INSIDE, public=True)
        assert is_allowed(ip_address(address), INSIDE, public=False)
    assert not is_allowed(ip_address("10.2.0.1"), INSIDE, public=True)
    assert read_url("http://10.1.2.3:8080/hook", INSIDE) == Target("http", "10.1.2.3", 8080, "/hook")
    for url in ("http://10.2.0.1/", "http://1.1.1.1/", "https://10.2.0.1/"):
        with pytest.raises(UrlError):
            read_url(url, INSIDE)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_means_the_same_in_ipv6(address):
    mapped = ip_address(f"::ffff:{address}")
    assert is_allowed(mapped, (), public=True) == is_allowed(address, (), public=True)


@given(st.text(max_size=60))
def test_any_text_is_a_url_or_refused(text):
    for url in (text, f"https://{text}", f"https://vendor.example/{text}"):
        try:
            target = read_url(url, ())
        except UrlError:
            continue
        assert target.path.isascii()
        assert target.path.isprintable()
        assert not set(target.host) & set("@/\\# ")
