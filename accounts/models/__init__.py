from accounts.models.account import Account
from accounts.models.api_key import ApiKey
from accounts.models.audit import AuditEntry
from accounts.models.membership import Membership, Role, Team, TeamMember
from accounts.models.request import IdempotentRequest, LimitKind, RateWindow
from accounts.models.user import User
from accounts.models.visit import VisitWindow

__all__ = [
    "Account",
    "ApiKey",
    "AuditEntry",
    "IdempotentRequest",
    "LimitKind",
    "Membership",
    "RateWindow",
    "Role",
    "Team",
    "TeamMember",
    "User",
    "VisitWindow",
]
