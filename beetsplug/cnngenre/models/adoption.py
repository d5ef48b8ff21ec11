"""What a new model is compared with, and whether it takes the place of that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from beetsplug.cnngenre.config import GENRES, UserError
from beetsplug.cnngenre.session import Session

if TYPE_CHECKING:
    from genre_model.model.bundle.store import Bundle
    from genre_model.training.flow import TrainingResult


def model_in_use(session: Session, field: str) -> Bundle | None:
    """The model to compare the new one with; None where that is the shipped one, or there is none.

    Raises:
        GenreModelError: It cannot be read.
    """
    from beetsplug.cnngenre.models.bundles import find_bundle
    from genre_model.model.bundle.store import SHIPPED

    if field != GENRES:
        return None
    options = session.options
    bundle = find_bundle(
        options.model, session.folders.models, session.warn, threshold=options.threshold
    )
    return None if bundle.directory == SHIPPED else bundle


def put_in_use(session: Session, field: str, result: TrainingResult, in_use: Bundle | None) -> str:
    """Use the new model from now on if it is better; the sentence about that.

    Raises:
        UserError: What is in use cannot be written down.
    """
    from beetsplug.cnngenre.models.bundles import SHIPPED_NAME, answers
    from beetsplug.cnngenre.models.in_use import history, use
    from genre_model.core.errors import GenreModelError
    from genre_model.evaluation.adoption import fewer_answers, named, why_not

    name, options = result.bundle.directory.name, session.options
    if field != GENRES:
        from beetsplug.cnngenre.tagging.fields import own_name

        return f"beet cnngenre --model {name} writes the field {own_name(field)}, and no genres"
    if options.model is not None:
        return f"cnngenre goes on with the configured model; --model {name} uses this one"
    present = SHIPPED_NAME if in_use is None else in_use.directory.name
    reason = why_not(result.report)
    if reason is None and not answers(result.bundle, options.threshold):
        reason = "it would answer nothing: more labels may help"
    models = session.folders.models
    try:
        if reason is None or not history(models):
            use(models, present)
        if reason is None:
            use(models, name)
    except GenreModelError as error:
        raise UserError(f"cnntrain: {error}") from error
    if reason is None:
        change = f"cnngenre uses it from now on, instead of {named(present)}"
        return change + fewer_answers(result.report)
    return (
        f"cnngenre goes on with {named(present)}: {reason}. --model {name} uses the new one all "
        "the same"
    )
