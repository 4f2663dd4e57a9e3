"""What a run answers to a command."""

from engine.commands import Command, command_name
from engine.steering_events import CommandAccepted, CommandRejected


def accepted(command: Command, detail: str) -> CommandAccepted:
    return CommandAccepted(
        id=command.id,
        name=command_name(command),
        by=command.by,
        detail=detail,
        pid=command.pid,
        sent=command.t,
    )


def rejected(command: Command, reason: str) -> CommandRejected:
    return CommandRejected(
        id=command.id,
        name=command_name(command),
        by=command.by,
        reason=reason,
        pid=command.pid,
        sent=command.t,
    )
