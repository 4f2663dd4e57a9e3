"""Recording the score of a prediction in a run that isn't running."""

import contextlib

import msgspec

from engine.analysis.predictions import write_judged
from engine.core.errors import UserError
from engine.figures.confusion import draw_confusion_matrix
from engine.journal.events import PredictionWritten
from engine.journal.log import JournalWriter
from engine.run.directory import RunDir
from engine.training.predict import Written


def record_prediction(run: RunDir, written: Written) -> str:
    """Record a scored prediction of the run's best weights for its own test images, as its engine would have done.

    Returns "" or, since the prediction itself is written, the reason why it couldn't be recorded.
    """
    scored = written.scored
    if scored is None:
        return ""
    try:
        lock = run.lock()
    except UserError as error:
        return f"{error}, and its journal is its engine's" if run.is_alive() else str(error)
    try:
        write_judged(run.tested, written.judged)
        picture = run.test_confusion_picture
        title = f"epoch {scored.epoch}: {scored.correct} of {scored.images} labelled test images correct"
        draw_confusion_matrix(picture, scored.cells, written.classes, title)
        journal = JournalWriter(run.journal)
        with contextlib.closing(journal):
            journal.append_all(
                PredictionWritten(
                    path=run.prediction.name,
                    rows=written.rows,
                    epoch=written.epoch,
                    images=written.read + len(written.unreadable),
                    read=written.read,
                ),
                msgspec.structs.replace(scored, path=picture.name),
            )
    except OSError as error:
        return f"{error.filename or run.path}: {error.strerror}"
    finally:
        lock.release()
    return ""
