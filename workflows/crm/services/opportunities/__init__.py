"""Making, changing and moving opportunities, many in one call."""

from workflows.crm.services.opportunities.by_hand import (
    add_opportunity,
    change_opportunity,
    delete_opportunity,
)
from workflows.crm.services.opportunities.creating import Created, OpportunityDraft, create_opportunities
from workflows.crm.services.opportunities.moving import Move, Selector, move_opportunities, opportunities_of
from workflows.crm.services.opportunities.stages import hold_stages

__all__ = [
    "Created",
    "Move",
    "OpportunityDraft",
    "Selector",
    "add_opportunity",
    "change_opportunity",
    "create_opportunities",
    "delete_opportunity",
    "hold_stages",
    "move_opportunities",
    "opportunities_of",
]
