"""Articles for a desk that has none yet: what people ask most. One Markdown file each, with a short head; and words that mean the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Final
from uuid import UUID, uuid5

from tierdesk_contracts.notice import ArticlePublished
from tierdesk_kb.domain.articles import Article, ArticleState, Content, publish
from tierdesk_kb.domain.markdown_file import read_markdown
from tierdesk_kb.store.articles import add_article, lock_article, save_article
from tierdesk_kb.store.synonyms import Groups, read_synonyms, write_synonyms
from tierdesk_kb.store.tables import SCHEMA
from tierdesk_runtime.clock import Clock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.publishing import Publisher
from tierdesk_store import Database

_NAMES: Final = UUID("5b0c8a54-7d5e-4c58-9a55-3a3f6f0f2b11")
_AUTHOR: Final = "samples"


def read_samples() -> dict[str, Content]:
    """The sample articles, by the name of their file."""
    folder = files("tierdesk_kb.samples")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".md"))
    return {name.removesuffix(".md"): _parse(folder.joinpath(name).read_text("utf-8")) for name in names}


async def load_samples(database: Database, clock: Clock, identifiers: Identifiers, *, tenant: str) -> int:
    """Publish those sample articles that the tenant does not have yet; answers how many.

    `database` is that of the knowledge base. Doing it again adds nothing, and brings no retired one back.
    """
    publisher, added = Publisher(clock, identifiers, source=f"/tierdesk/{SCHEMA}"), 0
    async with database.transaction() as tx:
        for name, content in read_samples().items():
            article = Article(tenant, uuid5(_NAMES, f"{tenant}/{name}"), ArticleState.DRAFT, revision=1)
            if await lock_article(tx.connection, tenant, article.id) is not None:
                continue
            await add_article(tx.connection, article, content, _AUTHOR, publisher.now())
            await save_article(tx.connection, publish(article), publisher.now(), visible=True)
            notice = ArticlePublished(
                article_id=str(article.id), revision=1, title=content.title, audience=content.audience
            )
            publisher.send(tx, notice, tenant=tenant, subject=str(article.id))
            added += 1
    return added


def read_sample_synonyms() -> Mapping[str, Groups]:
    """Terms of information technology that mean the same, by language."""
    text = files("tierdesk_kb.samples").joinpath("synonyms.json").read_text("utf-8")
    return {language: tuple(map(tuple, groups)) for language, groups in json.loads(text).items()}


async def load_sample_synonyms(database: Database, clock: Clock, *, tenant: str) -> bool:
    """Have the sample synonyms in force for a tenant that never wrote any; answers whether it was one."""
    async with database.transaction() as tx:
        if await read_synonyms(tx.connection, tenant) is not None:
            return False
        groups = read_sample_synonyms()
        written = await write_synonyms(tx.connection, tenant, groups, _AUTHOR, clock.now(), based_on=0)
        return not isinstance(written, int)


def _parse(text: str) -> Content:
    fields = read_markdown(text).fields
    return Content(fields["title"], fields["body"], fields["audience"], tuple(fields["keywords"]))
