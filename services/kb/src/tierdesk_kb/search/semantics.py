"""The door to semantic ranking. Where it is not asked for, nothing of its packages is even imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tierdesk_kb.search.vectors import Model

_PACKAGES: Final = ("numpy", "safetensors", "tokenizers", "wordllama")


class SemanticsMissingError(Exception):
    """The packages for semantic ranking are not installed, or do not carry the model."""


def load_model() -> Model:
    """The model, read from the package that carries it: nothing is fetched. Raises `SemanticsMissingError`."""
    try:
        from tierdesk_kb.search import vectors  # noqa: PLC0415 - its packages are an extra

        return vectors.Model.load()
    except (ModuleNotFoundError, FileNotFoundError) as error:
        if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] not in _PACKAGES:
            raise
        raise SemanticsMissingError(
            f"the packages for semantic ranking are not installed ({error}); "
            "pip install --require-hashes -r requirements/semantic.txt"
        ) from error
