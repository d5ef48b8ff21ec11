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

# As the paper has it, and Despois' code, which keeps the network of the last epoch.
PAPER_BATCH, PAPER_EPOCHS = 128, 20


@dataclass(frozen=True, slots=True)
class Wishes:
    """None where the experiment's own value holds.

    ``slices`` a song at most, ``epochs`` at most, ``batch`` slices a step; ``architecture`` takes
    the place of the experiment's network.  ``as_in_the_paper``: all slices, batches of 128,
    20 epochs of which the last is kept, and 70/20/10 to train, validate and test.  ``fast``: as
    a :class:`TrainingSpec` that is not ``exact``.
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
    """The network that an architecture is.

    Raises:
        GenreModelError: The architecture is not a network.
    """
    if not isinstance(architecture.learner, Network):
        raise GenreModelError(f"{architecture.name} is no network that learns in epochs")
    return architecture.learner


def base_network(wishes: Wishes, own: Architecture) -> Architecture:
    """The network that an experiment varies: its own, or the one that is wished for.

    Raises:
        GenreModelError: There is no such network.
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
    """A condition as the user wants it.

    A condition that varies the number of slices itself keeps its own; so does one whose slices
    overlap (Costa's), as more of them would be the same music again.
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
    """The architecture with the wished epochs and batches; what is fitted at once has none."""
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
    """Every condition under every split; with several, the names say which."""
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
