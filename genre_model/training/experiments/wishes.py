"""What a user changes about the trainings of an experiment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from genre_model.core.errors import GenreModelError
from genre_model.core.specs import MOST_SLICES
from genre_model.data.folds import SplitBy
from genre_model.training.experiments.condition import Condition
from genre_model.training.experiments.division import AS_IN_THE_PAPER
from genre_model.training.networks.base import Architecture, Estimator, Network
from genre_model.training.networks.registry import ARCHITECTURES

# The settings of the paper and of Despois' code, which keeps the network of the last epoch.
PAPER_BATCH, PAPER_EPOCHS = 128, 20


@dataclass(frozen=True, slots=True)
class Wishes:
    """The user's settings; None keeps the experiment's own value.

    ``slices`` is the most slices per song, ``epochs`` the most epochs, ``batch`` the number of
    slices per step.  ``architecture`` replaces the experiment's network.  ``as_in_the_paper``: all
    slices, batches of 128, 20 epochs of which the last is kept, and 70/20/10 for training,
    validation and test.  ``fast``: a :class:`TrainingSpec` that is not ``exact``.
    """

    slices: int | None = None
    epochs: int | None = None
    batch: int | None = None
    architecture: str | None = None
    splits: tuple[SplitBy, ...] | None = None
    as_in_the_paper: bool = False
    fast: bool = False


AS_IT_IS = Wishes()


def network_of(architecture: Architecture) -> Network:
    """The network of an architecture.

    Raises:
        GenreModelError: The architecture is not a network.
    """
    if not isinstance(architecture.learner, Network):
        raise GenreModelError(f"{architecture.name} is no network that learns in epochs")
    return architecture.learner


def base_network(wishes: Wishes, own: Architecture) -> Architecture:
    """The network that an experiment varies: its own, or the user's choice.

    Raises:
        GenreModelError: There is no such architecture, or it is not a network.
    """
    if wishes.architecture is None:
        return own
    if wishes.architecture not in ARCHITECTURES:
        raise GenreModelError(
            f"no such architecture: {wishes.architecture} (there are: {', '.join(ARCHITECTURES)})"
        )
    found = ARCHITECTURES[wishes.architecture]
    network_of(found)
    return found


def wished(condition: Condition, wishes: Wishes) -> Condition:
    """A condition with the user's settings applied.

    The number of slices stays if the condition varies it itself, or if the slices overlap
    (Costa's): more of them would be the same music again.
    """
    if wishes.as_in_the_paper:
        condition = replace(condition, shares=AS_IN_THE_PAPER)
    architecture = condition.architecture
    slices = wishes.slices or (MOST_SLICES if wishes.as_in_the_paper else None)
    own = condition.varies_slices or architecture.slices.hop_frames < architecture.slices.frames
    if slices is not None and not own:
        architecture = replace(architecture, slices=replace(architecture.slices, max_slices=slices))
    return replace(condition, architecture=trained_as_wished(architecture, wishes))


def trained_as_wished(architecture: Architecture, wishes: Wishes) -> Architecture:
    """The architecture with the user's training settings; an estimator stays as it is."""
    learner = architecture.learner
    if isinstance(learner, Estimator):
        return architecture
    spec = learner.training
    if wishes.as_in_the_paper:
        spec = replace(spec, batch_size=PAPER_BATCH, epochs=PAPER_EPOCHS, keep="last")
    if wishes.batch is not None:
        spec = replace(spec, batch_size=wishes.batch)
    if wishes.epochs is not None:
        spec = replace(spec, epochs=wishes.epochs)
    if spec.keep == "last":
        spec = replace(spec, patience=spec.epochs)
    spec = replace(spec, microbatch=min(spec.microbatch, spec.batch_size), exact=not wishes.fast)
    return replace(architecture, learner=replace(learner, training=spec))


def crossed(conditions: Sequence[Condition], splits: Sequence[SplitBy]) -> list[Condition]:
    """Every condition under every split; with several splits, the names say which."""
    several = len(splits) > 1
    return [
        replace(
            condition,
            name=condition.name if condition.name and not several else under(condition.name, by),
            split_by=by,
        )
        for by in splits
        for condition in conditions
    ]


def under(name: str, split_by: SplitBy) -> str:
    """The name of a condition with its split."""
    return f"{name}, split by {split_by}" if name else f"split by {split_by}"
