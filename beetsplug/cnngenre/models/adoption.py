"""Which model a new one is compared with, and whether the new one replaces it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from beetsplug.cnngenre.config import GENRES, Options
from beetsplug.cnngenre.session import Session

if TYPE_CHECKING:
    from genre_model.model.bundle.store import Bundle
    from genre_model.training.flow import TrainingResult
    from genre_model.training.job import TrainingJob

N_NAMED = 5


def model_in_use(session: Session, field: str) -> Bundle | None:
    """The model to compare the new one with; None if that is the shipped one or there is none.

    Raises:
        GenreModelError: The model does not exist, or cannot be read.
    """
    from beetsplug.cnngenre.models.bundles import find_bundle
    from genre_model.model.bundle.store import SHIPPED

    if field != GENRES:
        return None
    options = session.options
    bundle = find_bundle(
        options.model, session.folders.models, session.warn, threshold=options.threshold
    )
    is_other = bundle.directory != SHIPPED and bundle.manifest.target == GENRES
    return bundle if is_other else None


def adopt(session: Session, job: TrainingJob, result: TrainingResult, *, restricted: bool) -> str:
    """Use the new model from now on if it is better; returns a sentence about that.

    Args:
        session: The session of the command.
        job: What the model was trained on.
        result: The new model.
        restricted: Whether the user has restricted the training to some tracks or genres.  Labels
            that have nothing in common with the shipped genres are no restriction, although the
            new model answers no others: they are the user's own words for all music.

    Raises:
        GenreModelError: The list of models in use cannot be written.
    """
    from beetsplug.cnngenre.models.in_use import SHIPPED_NAME, use
    from genre_model.evaluation.adoption import fewer_answers, named

    name, options = result.bundle.directory.name, session.options
    if job.target != GENRES:
        from beetsplug.cnngenre.tagging.fields import own_name

        field = own_name(job.target)
        return f"beet cnngenre --model {name} writes the field {field}, and no genres"
    misfit = why_it_does_not_fit(result.bundle, options)
    if options.model is not None:
        use_it = f"; --model {name} uses this one" * (misfit is None)
        return f"cnngenre goes on with the configured model{use_it}"
    present = SHIPPED_NAME if job.in_use is None else job.in_use.directory.name
    goes_on = f"cnngenre goes on with {named(present)}"
    reason = why_not_used(job, result, options.threshold, restricted=restricted)
    if reason is not None:
        all_the_same = f". --model {name} uses the new one all the same" * (misfit is None)
        return f"{goes_on}: {reason}{all_the_same}"
    if misfit is not None:
        return f"{goes_on}, because the configuration does not fit the new model {name}: {misfit}"
    use(session.folders.models, name, instead_of=present)
    change = f"cnngenre uses it from now on, instead of {named(present)}"
    return change + fewer_answers(result.report) + fewer_genres(job, result)


def note_model_in_use(session: Session) -> None:
    """Begin the list of models in use before a training, if there is none.

    Without a list, the newest model is in use: then a new one would be, too, if the training were
    killed before :func:`adopt`, or if the configuration names a model and later none.

    Raises:
        GenreModelError: The list of models in use cannot be read or written.
    """
    from beetsplug.cnngenre.models.bundles import newest_bundle
    from beetsplug.cnngenre.models.in_use import SHIPPED_NAME, history, use

    models = session.folders.models
    if not history(models):
        newest = newest_bundle(models, lambda _: None, session.options.threshold)
        use(models, newest.directory.name if newest else SHIPPED_NAME, instead_of=None)


def why_it_does_not_fit(bundle: Bundle, options: Options) -> str | None:
    """Why a model cannot answer by the configured ``genres`` and ``ignore``; None if it can."""
    from beetsplug.cnngenre.models.bundles import vocabulary_of
    from genre_model.core.errors import GenreModelError

    try:
        vocabulary_of(bundle.manifest, options)
    except GenreModelError as error:
        return str(error)
    return None


def why_not_used(
    job: TrainingJob, result: TrainingResult, threshold: float | None, *, restricted: bool
) -> str | None:
    """The reason not to use the new model; None if there is none."""
    from beetsplug.cnngenre.models.bundles import answers
    from genre_model.core.text import first_and_rest
    from genre_model.evaluation.adoption import why_not

    reason = why_not(result.report)
    if reason is None and not answers(result.bundle, threshold):
        return "it would answer nothing: more labels may help"
    missing = genres_left_out(job, result)
    if reason is None and restricted and missing:
        # It was compared only on tracks of its own genres, but would be used for all music.
        return f"it cannot answer {', '.join(first_and_rest(missing, N_NAMED))}"
    return reason


def genres_left_out(job: TrainingJob, result: TrainingResult) -> list[str]:
    """The genres of the model in use that the new one cannot answer."""
    from beetsplug.cnngenre.models.bundles import backbone_bundle
    from genre_model.training.head.correspondence import left_out

    present = (job.in_use or backbone_bundle()).manifest
    return left_out(result.bundle.manifest.genres, present.genres, present.parents, job.tree)


def fewer_genres(job: TrainingJob, result: TrainingResult) -> str:
    """The end of a sentence, naming the genres that are no longer answered; "" if there are none.

    A map, too few tracks or a consolidation may have left them out.
    """
    from genre_model.core.text import first_and_rest

    missing = genres_left_out(job, result)
    return (
        f"; it no longer answers {', '.join(first_and_rest(missing, N_NAMED))}" if missing else ""
    )
