"""Pipelines and their stages: making, changing, ordering and deleting them.

Stages are changed under the lock of their pipeline's row. Deleting is refused while a workflow refers to the pipeline
or one of its stages (InUse), or an opportunity of a present contact is in it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts import audit
from accounts.actors import Actor
from accounts.problems import Conflict, Invalid, Missing, Problem
from workflows.crm.models import Opportunity, Pipeline, Stage, StageKind
from workflows.crm.services.naming import unless_name_taken
from workflows.crm.services.usages import Target, require_unused
from workflows.crm.values import clean_text

MAXIMUM_STAGES = 50
MAXIMUM_PIPELINES = 100
NAME_LENGTH = 100


@dataclass(frozen=True, slots=True)
class StageDraft:
    """A stage to make."""

    name: str
    kind: str = StageKind.OPEN


DEFAULT_STAGES = (
    StageDraft("Open"),
    StageDraft("Won", StageKind.WON),
    StageDraft("Lost", StageKind.LOST),
)


@transaction.atomic
def create_pipeline(
    *, account_id: UUID, actor: Actor, name: str, stages: Sequence[StageDraft] = DEFAULT_STAGES
) -> Pipeline:
    """Make a pipeline with its stages in the order given, at least one.

    Refused: `name_taken`, `pipeline_limit_reached`, and everything wrong with the names at once.
    """
    problems = _name_problems(name, "name")
    if not 1 <= len(stages) <= MAXIMUM_STAGES:
        problems.append(Problem("invalid", f"A pipeline has 1–{MAXIMUM_STAGES} stages.", "stages"))
    taken: set[str] = set()
    for index, stage in enumerate(stages):
        problems += _name_problems(stage.name, f"stages.{index}.name")
        if stage.name.strip().lower() in taken:
            problems.append(Problem("name_taken", "Two stages have this name; change one.", f"stages.{index}.name"))
        taken.add(stage.name.strip().lower())
    if problems:
        raise Invalid(*problems)
    if Pipeline.objects.for_account(account_id).count() >= MAXIMUM_PIPELINES:
        raise Conflict("pipeline_limit_reached", f"The account has its {MAXIMUM_PIPELINES} pipelines; delete one.")
    with unless_name_taken("a pipeline", name):
        pipeline = Pipeline.objects.create(account_id=account_id, name=name.strip())
        made = Stage.objects.bulk_create(
            Stage(account_id=account_id, pipeline=pipeline, name=stage.name.strip(), kind=stage.kind, position=position)
            for position, stage in enumerate(stages)
        )
    after = {"name": pipeline.name, "stages": [_facts(stage) for stage in made]}
    _record(pipeline, actor, "pipeline.created", {}, after)
    return pipeline


@transaction.atomic
def rename_pipeline(*, account_id: UUID, actor: Actor, pipeline_id: UUID, name: str) -> Pipeline:
    """Give a pipeline another name."""
    pipeline = _locked(account_id, pipeline_id)
    if problems := _name_problems(name, "name"):
        raise Invalid(*problems)
    before = pipeline.name
    if before != name.strip():
        pipeline.name = name.strip()
        with unless_name_taken("a pipeline", name):
            pipeline.save(update_fields=["name", "updated_at"])
        _record(pipeline, actor, "pipeline.changed", {"name": before}, {"name": pipeline.name})
    return pipeline


@transaction.atomic
def delete_pipeline(*, account_id: UUID, actor: Actor, pipeline_id: UUID) -> None:
    """Delete a pipeline with its stages."""
    pipeline = _locked(account_id, pipeline_id, for_deletion=True)
    stages = list(_stages(pipeline).select_for_update())
    for target in (target_of(pipeline), *map(target_of_stage, stages)):
        require_unused(account_id=account_id, target=target)
    _clear(Opportunity.objects.for_account(account_id).filter(pipeline=pipeline), "pipeline")
    before = {"name": pipeline.name, "stages": [_facts(stage) for stage in stages]}
    _record(pipeline, actor, "pipeline.deleted", before, {})
    pipeline.delete()


@transaction.atomic
def add_stage(
    *,
    account_id: UUID,
    actor: Actor,
    pipeline_id: UUID,
    name: str,
    kind: str = StageKind.OPEN,
    position: int | None = None,
) -> Stage:
    """Add a stage at `position`, else at the end; those from there on move back."""
    pipeline = _locked(account_id, pipeline_id)
    stages = list(_stages(pipeline))
    if len(stages) >= MAXIMUM_STAGES:
        raise Conflict("stage_limit_reached", f"The pipeline has its {MAXIMUM_STAGES} stages; delete one first.")
    place = len(stages) if position is None else position
    if problems := [*_name_problems(name, "name"), *_position_problems(place, len(stages), "position")]:
        raise Invalid(*problems)
    stage = Stage(account_id=account_id, pipeline=pipeline, name=name.strip(), kind=kind, position=len(stages))
    with unless_name_taken("a stage", name):
        stage.save(force_insert=True)
    _put_in_order([*stages[:place], stage, *stages[place:]])
    _record(pipeline, actor, "stage.added", {}, _facts(stage))
    return stage


@transaction.atomic
def change_stage(
    *,
    account_id: UUID,
    actor: Actor,
    pipeline_id: UUID,
    stage_id: UUID,
    name: str | None = None,
    kind: str | None = None,
    position: int | None = None,
) -> Stage:
    """Change name, kind or place; what is None stays. The kind of a stage where opportunities are stays (`in_use`)."""
    pipeline = _locked(account_id, pipeline_id)
    stages = list(_stages(pipeline))
    stage = next((each for each in stages if each.id == stage_id), None)
    if stage is None:
        raise Missing
    before = _facts(stage)
    problems = [] if name is None else _name_problems(name, "name")
    problems += [] if position is None else _position_problems(position, len(stages) - 1, "position")
    if problems:
        raise Invalid(*problems)
    if kind not in (None, stage.kind):
        stage = _stages(pipeline).select_for_update().get(id=stage_id)  # nobody comes there meanwhile
        if Opportunity.objects.for_account(account_id).filter(stage=stage).exists():
            raise Conflict("in_use", "Opportunities are at this stage; move them before you change its kind.", "kind")
    stage.name, stage.kind = name.strip() if name is not None else stage.name, kind or stage.kind
    if _facts(stage) != before:
        with unless_name_taken("a stage", stage.name):
            stage.save(update_fields=["name", "kind", "updated_at"])
    if position is not None:
        others = [each for each in stages if each.id != stage_id]
        _put_in_order([*others[:position], stage, *others[position:]])
    after = _facts(stage)
    if changed := [fact for fact in after if after[fact] != before[fact]]:
        _record(
            pipeline,
            actor,
            "stage.changed",
            {"stage": before["name"], **{fact: before[fact] for fact in changed}},
            {fact: after[fact] for fact in changed},
        )
    return stage


@transaction.atomic
def reorder_stages(
    *, account_id: UUID, actor: Actor, pipeline_id: UUID, stage_positions: Mapping[UUID, int]
) -> list[Stage]:
    """Put the named stages at the named positions; the others keep their order around them. Return all in order."""
    pipeline = _locked(account_id, pipeline_id)
    stages = list(_stages(pipeline))
    before = [stage.name for stage in stages]
    ordered = _rearranged(stages, stage_positions)
    after = [stage.name for stage in ordered]
    if after != before:
        _put_in_order(ordered)
        _record(pipeline, actor, "pipeline.stages_reordered", {"order": before}, {"order": after})
    return ordered


@transaction.atomic
def delete_stage(*, account_id: UUID, actor: Actor, pipeline_id: UUID, stage_id: UUID) -> None:
    """Delete a stage; the last one of a pipeline stays (`last_stage`)."""
    pipeline = _locked(account_id, pipeline_id)
    stages = list(_stages(pipeline).select_for_update())
    stage = next((each for each in stages if each.id == stage_id), None)
    if stage is None:
        raise Missing
    if len(stages) == 1:
        raise Conflict("last_stage", "A pipeline keeps one stage at least; add another first, or delete the pipeline.")
    require_unused(account_id=account_id, target=target_of_stage(stage))
    _clear(Opportunity.objects.for_account(account_id).filter(stage=stage), "stage")
    before, others = _facts(stage), [each for each in stages if each is not stage]
    stage.delete()
    _put_in_order(others)
    _record(pipeline, actor, "stage.deleted", before, {})


def target_of(pipeline: Pipeline) -> Target:
    """Return the pipeline as workflows refer to it."""
    return Target("pipeline", pipeline.id)


def target_of_stage(stage: Stage) -> Target:
    """Return the stage as workflows refer to it."""
    return Target("stage", stage.id)


def _locked(account_id: UUID, pipeline_id: UUID, *, for_deletion: bool = False) -> Pipeline:
    rows = Pipeline.objects.for_account(account_id).select_for_update(no_key=not for_deletion)
    pipeline = rows.filter(id=pipeline_id).first()
    if pipeline is None:
        raise Missing
    return pipeline


def _stages(pipeline: Pipeline) -> Any:
    return Stage.objects.for_account(pipeline.account_id).filter(pipeline=pipeline).order_by("position")


def _clear(opportunities: Any, thing: str) -> None:
    """Refuse while there are opportunities of present contacts; forget those of contacts that are deleted."""
    if count := opportunities.filter(contact__deleted_at=None).count():
        noun = "opportunity is" if count == 1 else "opportunities are"
        raise Conflict("in_use", f"{count} {noun} in this {thing}; move or delete them first.")
    opportunities.delete()


def _put_in_order(stages: Sequence[Stage]) -> None:
    moved = []
    for position, stage in enumerate(stages):
        if stage.position != position:
            stage.position = position
            moved.append(stage)
    Stage.objects.bulk_update(moved, ["position"])


def _rearranged(stages: Sequence[Stage], positions: Mapping[UUID, int]) -> list[Stage]:
    by_id = {stage.id: stage for stage in stages}
    problems = []
    places: dict[int, Stage] = {}
    for stage_id, position in positions.items():
        attr = f"stage_positions.{stage_id}"
        flaws = _position_problems(position, len(stages) - 1, attr)
        if stage_id not in by_id:
            flaws = [Problem("stage_not_found", "The pipeline has no such stage.", attr)]
        elif not flaws and position in places:
            flaws = [Problem("invalid", f"Two stages are to stand at position {position}.", attr)]
        problems += flaws
        if not flaws:
            places[position] = by_id[stage_id]
    if not positions:
        problems.append(Problem("required", "Name at least one stage and its position.", "stage_positions"))
    if problems:
        raise Invalid(*problems)
    others = iter([stage for stage in stages if stage.id not in positions])
    return [places[position] if position in places else next(others) for position in range(len(stages))]


def _name_problems(name: str, attr: str) -> list[Problem]:
    try:
        if clean_text(name, NAME_LENGTH):
            return []
    except ValueError as error:
        return [Problem("invalid", f"name: {error}", attr)]
    return [Problem("blank", f"Give a name of 1–{NAME_LENGTH} characters.", attr)]


def _position_problems(position: int, last: int, attr: str) -> list[Problem]:
    if not 0 <= position <= last:
        return [Problem("max_value", f"Positions are 0–{last} here.", attr)]
    return []


def _facts(stage: Stage) -> dict[str, Any]:
    return {"name": stage.name, "kind": stage.kind, "position": stage.position}


def _record(pipeline: Pipeline, actor: Actor, verb: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    audit.record(
        account_id=pipeline.account_id,
        actor=actor,
        verb=verb,
        object_type="pipeline",
        object_id=pipeline.id,
        before=before,
        after=after,
    )
