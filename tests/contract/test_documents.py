from pathlib import Path

from tierdesk_contracts.documents import faults

ROOT = Path(__file__).parents[2]


def test_the_committed_documents_are_what_the_models_say():
    assert faults(ROOT) == []
