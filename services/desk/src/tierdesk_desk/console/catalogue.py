"""Write the catalogues of the console's texts, or check that the committed ones hold what pages show.

    python -m tierdesk_desk.console.catalogue --write
    python -m tierdesk_desk.console.catalogue --check

`translations/messages.pot` holds every text, in English; `translations/<language>/messages.po` says each in a language.
A text that `en` does not say is shown as it stands in the code, so English is always complete.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

CONSOLE: Final = Path(__file__).parent
FOLDERS: Final = {name: CONSOLE.parent / name for name in ("console/", "mailing/", "portal/")}
"""Where texts stand, by what is set before the names of their files: all are in one catalogue."""
TEMPLATE: Final = "messages.pot"
_METHODS: Final = [("**.py", "python"), ("templates/**.html", "jinja2"), ("templates/**.txt", "jinja2")]
_TRIMMED: Final = {"trimmed": "true", "silent": "false"}
_OPTIONS: Final = {"templates/**.html": _TRIMMED, "templates/**.txt": _TRIMMED}
_KEYWORDS: Final = {"N_": None, "_": None, "gettext": None, "ngettext": (1, 2)}
_WIDTH: Final = 120


def extract() -> Catalog:
    """Every text that pages show, in the order of the files."""
    catalogue = Catalog(project="Tierdesk", version="1", charset="utf-8", fuzzy=False)
    catalogue.header_comment = "# Every text of the console, the portal and the mails. Made by `python -m tierdesk_desk.console.catalogue --write`."
    for prefix, folder in FOLDERS.items():
        found = extract_from_dir(folder, _METHODS, _OPTIONS, keywords=_KEYWORDS)
        for name, _, message, comments, context in sorted(found, key=lambda one: (one[0], one[1])):
            catalogue.add(message, locations=[(f"{prefix}{name}", 0)], auto_comments=comments, context=context)
    return catalogue


def render(folder: Path) -> dict[Path, str]:
    """What the files must hold, by path in the folder of translations. What is translated already stays."""
    template = extract()
    texts = {Path(TEMPLATE): _text(template)}
    for path in sorted(folder.glob("*/messages.po")):
        with path.open("rb") as file:
            catalogue = read_po(file, locale=path.parent.name)
        catalogue.update(template, no_fuzzy_matching=True)
        catalogue.obsolete.clear()
        texts[path.relative_to(folder)] = _text(catalogue)
    return texts


def _text(catalogue: Catalog) -> str:
    made = io.BytesIO()
    write_po(made, catalogue, width=_WIDTH, no_location=False, include_lineno=False, omit_header=False)
    lines = made.getvalue().decode().splitlines()
    dated = (
        '"POT-Creation-Date',
        '"PO-Revision-Date',
        '"Generated-By',
        '"Last-Translator',
        '"Language-Team',
        '"Report-Msgid-Bugs-To',
        '"Project-Id-Version',
    )
    return "\n".join(line for line in lines if not line.startswith(dated)) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 when all is written or agrees, 1 when --check finds a file that does not, 2 for a wrong call."""
    parser = argparse.ArgumentParser(
        prog="python -m tierdesk_desk.console.catalogue", description=__doc__.split("\n")[0]
    )
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--write", action="store_true", help="write what is missing or differs")
    mode.add_argument("--check", action="store_true", help="name each file that is missing or differs")
    options = parser.parse_args(arguments)
    folder = CONSOLE / "translations"
    differing = {
        path: text
        for path, text in render(folder).items()
        if not (folder / path).is_file() or (folder / path).read_text(encoding="utf-8") != text
    }
    for path, text in differing.items():
        if options.write:
            (folder / path).write_text(text, encoding="utf-8")
        sys.stdout.write(
            f"translations/{path}: {'written' if options.write else 'differs from the pages; run with --write'}\n"
        )
    return 1 if options.check and differing else 0


if __name__ == "__main__":
    sys.exit(main())
