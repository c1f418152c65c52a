"""What changed between two revisions."""

import shutil
import subprocess
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierdesk_kb.domain.articles import Content, Kind
from tierdesk_kb.domain.differences import changed_fields, compare_bodies

NAMES = "revision 1", "revision 2"
lines = st.lists(
    st.sampled_from(["a\n", "b\n", "c\n", "-\n", "+\n", "\n", " \n", "@@\n", "a\u2028b\n", "\r\n"]), max_size=60
)
bodies = st.tuples(lines, st.sampled_from(["", "a", "end"])).map(lambda told: "".join(told[0]) + told[1])


def of(body):
    return Content("Title", body)


def apply(diff, old, folder):
    """What `patch` makes of it."""
    file = folder / "old"
    file.write_bytes(old.encode())
    done = subprocess.run(
        ["patch", "--binary", "--silent", str(file)], input=diff.encode(), capture_output=True, check=False
    )
    assert done.returncode == 0, (diff, done.stdout)
    return file.read_bytes().decode()


@pytest.mark.skipif(shutil.which("patch") is None, reason="patch is not installed, and nothing else here reads a diff")
@settings(deadline=None, max_examples=60)
@given(bodies, bodies)
def test_patch_makes_the_new_one_of_the_old_one(tmp_path_factory, old, new):
    diff = compare_bodies(of(old), of(new), names=NAMES)
    assert (diff == "") == (old == new)
    assert apply(diff, old, tmp_path_factory.getbasetemp()) == new if diff else old == new


def test_only_what_changed_is_told_with_three_lines_around():
    old = [f"line {number}\n" for number in range(60_000)]
    new = [*old[:30_000], "another\n", *old[30_001:]]
    diff = compare_bodies(of("".join(old)), of("".join(new)), names=NAMES)
    assert diff.splitlines()[2:] == [
        "@@ -29998,7 +29998,7 @@", " line 29997", " line 29998", " line 29999", "-line 30000", "+another",
        " line 30001", " line 30002", " line 30003",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a\nb\n" * 16_000, "b\na\n" * 16_000),
        ("".join(f"{n % 101}\n" for n in range(20_000)), "".join(f"{n % 103}\n" for n in range(20_000))),
        ("".join(f"{n % 101}\n" for n in range(999)), "".join(f"{n % 103}\n" for n in range(999))),
        ("\n" * 65_536, "x"),
        ("x" * 65_536, "y" * 65_536),
    ],
)
def test_nothing_that_fits_into_an_article_takes_long_to_compare(old, new):
    begun = time.process_time()
    diff = compare_bodies(of(old), of(new), names=NAMES)
    assert time.process_time() - begun < 2
    assert diff.startswith("--- revision 1\n+++ revision 2\n@@ ")


def test_changed_fields_are_named():
    old = Content("Title", "Body", keywords=("a",))
    assert changed_fields(old, old) == ()
    new = Content("Title", "Body", keywords=("b",), kind=Kind.MANUAL, video="https://films.example/")
    assert changed_fields(old, new) == ("keywords", "kind", "video")
