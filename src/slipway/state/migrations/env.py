"""How Alembic runs the migrations: on the connection that `slipway.state.store` gives."""

from alembic import context

from slipway.state.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
