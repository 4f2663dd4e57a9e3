"""`vrdl-tui resume`."""

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tui.cli.options import DEFAULT_RUNS, Ascii, Detach, Headless, Moved, Offline, Run, Runs

if TYPE_CHECKING:
    from engine.run.directory import RunDir

ForceLock = Annotated[
    bool,
    Parameter(
        name="--force-lock",
        negative="",
        help="Take a run whose engine on another host gives no sign of life, without asking.",
        show_default=False,
    ),
]


def resume(
    run: Run,
    /,
    *,
    runs: Runs = DEFAULT_RUNS,
    headless: Headless = False,
    detach: Detach = False,
    ascii: Ascii = False,
    force_lock: ForceLock = False,
    offline: Offline = False,
    data: Moved = None,
) -> int:
    """Resume a stopped or interrupted run.

    It resumes at the exact step of its last checkpoint: on the CPU in float32 with the
    numbers of an uninterrupted run, bit for bit; on a GPU the last bits may differ.
    It trains on the images that it began with: what was added or lost is reported.
    """
    from engine.core.errors import UserError
    from engine.core.offline import forbid_network
    from engine.core.text import shell_word
    from engine.journal.index import past_state
    from engine.journal.log import JournalReader
    from engine.run.directory import find_run
    from engine.run.moved_data import with_data_at, write_recipe
    from engine.run.resumable import check_data, check_resumable
    from tui.cli.begin import begin, choose_mode
    from tui.cli.say import note
    from tui.cli.standing import standing

    if offline:
        forbid_network()
    mode = choose_mode(headless=headless, detach=detach)
    found = find_run(runs, run)
    _look_at_lock(found, force=force_lock)
    state = past_state(JournalReader(found.journal))
    ended = state.ended
    moved = with_data_at(found, state, data) if data is not None else None
    edits = check_resumable(found, state, moved)
    more = any(edit.key == "train.epochs" and int(edit.new) > int(edit.old) for edit in edits)
    if ended is not None and (ended.outcome == "early_stopped" or (ended.outcome == "finished" and not more)):
        again = f"vrdl-tui train DATA --recipe {shell_word(str(found.recipe))}"
        raise UserError(f"nothing to resume: {standing(found)}; train anew with: {again}")
    if moved is not None:
        write_recipe(found, moved)
    else:
        check_data(found, state)
    if mode == "detached":  # else the run's own words about it are shown
        for edit in edits:
            note(f"recipe.toml: {edit}")
    return begin(runs, found, mode, ascii=ascii)


def _look_at_lock(run: "RunDir", *, force: bool) -> None:
    """Raise UserError if the run is going on; ask about one that another host may still have."""
    from engine.run.lock import StaleLockError
    from tui.cli.confirm import confirm_taking

    try:
        run.lock(wait=0.2).release()
    except StaleLockError as stale:
        if not force:
            confirm_taking(run, str(stale))
        lock = run.lock(wait=0.2, force=True)
        lock.forget()
        lock.release()
