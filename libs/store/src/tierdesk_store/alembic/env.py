"""Runs the revisions of one service on the connection that `tierdesk_store.migration` opened for it.

The version table stands in the service's own schema, and no other schema is looked at, so that one database can
hold several services.
"""

from alembic import context

from tierdesk_store.failpoints import failpoint

_connection = context.config.attributes["connection"]
_schema: str = context.config.attributes["schema"]


def _is_own(name: str | None, kind: str, _parents: object) -> bool:
    return name == _schema if kind == "schema" else True


def _on_revision(*_: object, **__: object) -> None:
    failpoint("migration.in_revision")


context.configure(
    connection=_connection,
    target_metadata=context.config.attributes.get("metadata"),
    version_table_schema=_schema,
    include_schemas=True,
    include_name=_is_own,
    transaction_per_migration=True,
    on_version_apply=_on_revision,
)
with context.begin_transaction():
    context.run_migrations()
