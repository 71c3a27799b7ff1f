"""Reading stages for work: held against deletion until the transaction ends."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from workflows.crm import arrays


@dataclass(frozen=True, slots=True)
class StageFacts:
    """A stage with what opportunities and their events say of it."""

    id: UUID
    name: str
    kind: str
    position: int
    pipeline_id: UUID
    pipeline_name: str


def hold_stages(*, account_id: UUID, pipeline_ids: Collection[UUID]) -> dict[UUID, StageFacts]:
    """Return the stages of the account's pipelines by id, in order; none of them is deleted or changes its kind."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT stage.id, stage.name, stage.kind, stage.position, pipeline.id, pipeline.name
            FROM crm_stage stage JOIN crm_pipeline pipeline ON pipeline.id = stage.pipeline_id
            WHERE stage.account_id = %s AND stage.pipeline_id = ANY(%s::uuid[])
            ORDER BY stage.pipeline_id, stage.position, stage.id FOR KEY SHARE OF stage
            """,
            [account_id, arrays.ids(sorted(pipeline_ids))],
        )
        return {row[0]: StageFacts(*row) for row in cursor.fetchall()}
