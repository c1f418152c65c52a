"""What is seriously wrong with a page for whoever cannot see or point."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_AXE = Axe()
_BOTH: tuple[tuple[str, dict[str, Any]], ...] = (("light", {}), ("dark", {"runOnly": ["color-contrast"]}))
"""All in light; in dark what differs."""
_FIND = """([within, options]) => axe.run(within, {...options, resultTypes: ["violations"], preload: false}).then(found => found.violations
    .filter(fault => ["serious", "critical"].includes(fault.impact))
    .flatMap(fault => fault.nodes.map(node => `${fault.id}: ${node.html.slice(0, 200)}`)))"""
"""Only what is wrong leaves the browser: to hand over all that was looked at takes longer than to look."""


def find_faults(page: Page, within: str = "html") -> list[str]:
    """All serious ones in what this selector finds, in light and in dark."""
    page.evaluate(_AXE.axe_script)
    faults: list[str] = []
    for scheme, options in _BOTH:
        page.emulate_media(color_scheme=scheme)
        faults += [f"{page.url} {scheme}: {fault}" for fault in page.evaluate(_FIND, [within, options])]
    return faults
