"""Why a song got its verdict: what each of its slices says, and which say it strongest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from genre_model.core.arrays import Float64
from genre_model.core.specs import FrontEndSpec, NotesSpec, SliceSpec
from genre_model.core.text import percent as report_percent
from genre_model.model.aggregation import calibrated
from genre_model.model.classifier import Classifier, SongFeatures
from genre_model.model.vocabulary import Policy, SongGenre, Vocabulary

MAX_MARKED = 3

SLICES_PER_MARK = 3  # of few slices few are marked

UNLIKELY = 1e-4
WORTH_SAYING = 0.05  # a difference between probabilities

NO_MUSIC = "This is probably not music."


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What a song's slices say, by time.

    ``votes`` (n_slices, n_names) are probabilities of the written ``names``, each without that of
    its subgenres; rows sum to 1, or to less where something else takes part.  ``with_subgenres``
    (n_slices, n_names) are the same with them.  ``starts_s`` (n_slices,) and the ``length_s`` of a
    slice are in seconds.  ``strongest``: the slices that speak most for the leading genre, in
    order.  ``note``: that it is probably not music, or why the verdict
    is not what most votes are for.
    """

    names: tuple[str, ...]
    votes: Float64
    with_subgenres: Float64
    starts_s: Float64
    length_s: float
    strongest: tuple[int, ...]
    note: str = ""

    def vote(self, name: str) -> Float64:
        """(n_slices,) probability of a name without its subgenres."""
        return self.votes[:, self.names.index(name)]

    def has_subgenres(self, name: str) -> bool:
        """Whether subgenres of a name have votes of their own."""
        index = self.names.index(name)
        gain: Float64 = self.with_subgenres[:, index] - self.votes[:, index]
        return bool(gain.max() > UNLIKELY)


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """One song's verdict with its reason and its evidence; None of a song without sound.

    ``genres``: the written names of all of the model's genres, in its order.
    """

    title: str
    song: SongGenre
    reason: str
    evidence: Evidence | None
    model: str
    genres: tuple[str, ...]

    @property
    def full_reason(self) -> str:
        """The reason, and why the verdict is not what most votes are for."""
        note = self.evidence.note if self.evidence is not None else ""
        return f"{self.reason} {note}".rstrip()

    @property
    def verdict(self) -> str:
        """The answer in a few words."""
        best = self.song.best
        if best is None:
            return "silent"
        if not self.song.accepted:
            return f"unsure: {best.genre}? {percent(best.probability)}"
        return f"{'; '.join(self.song.genres)} {percent(best.probability)}"


def evidence_of(
    classifier: Classifier, extracted: SongFeatures, vocabulary: Vocabulary, leading: str
) -> Evidence | None:
    """The evidence in what was extracted; None of a song without sound.

    ``leading`` is the written name of the genre whose strongest slices are wanted.
    """
    if len(extracted.features) == 0:
        return None
    manifest = classifier.manifest
    share = classifier.music_share(extracted)
    rows = share * calibrated(classifier.slice_logits(extracted), manifest.aggregation)
    # A network may say one thing of all slices together.
    known = len(extracted.starts_s) == len(rows)
    starts_s, slice_of = np.unique(
        extracted.starts_s if known else np.zeros(len(rows)), return_inverse=True
    )
    of_slices = np.zeros((len(starts_s), rows.shape[1]))
    np.add.at(of_slices, slice_of, rows)
    of_slices /= np.bincount(slice_of)[:, None]
    lines = [list(dict.fromkeys(vocabulary.ancestry(genre))) for genre in manifest.genres]
    names = tuple(dict.fromkeys(name for line in lines for name in line))
    votes, with_subgenres = np.zeros((2, len(of_slices), len(names)))
    for line, column in zip(lines, of_slices.T, strict=True):
        for depth, name in enumerate(line):
            with_subgenres[:, names.index(name)] += column
            votes[:, names.index(name)] += column if depth == 0 else 0
    notes = [NO_MUSIC if share < 1 else ""]
    if manifest.aggregation.rule == "product":
        probabilities = classifier.probabilities(extracted)
        notes.append(ruled_out(names, with_subgenres, vocabulary, probabilities))
    return Evidence(
        names,
        votes,
        with_subgenres,
        starts_s,
        slice_seconds(manifest.spectrogram, manifest.slices, starts_s),
        strongest(with_subgenres[:, names.index(leading)]),
        " ".join(filter(None, notes)),
    )


def ruled_out(
    names: Sequence[str],
    with_subgenres: Float64,
    vocabulary: Vocabulary,
    probabilities: Mapping[str, float],
) -> str:
    """A sentence where another genre has most votes; in a product, one slice's doubt weighs more.

    Args:
        names: The written names.
        with_subgenres: (n_slices, n_names), the votes for each, its kinds included.
        vocabulary: Of the names.
        probabilities: Of the model's genres, for the song.
    """
    scores = vocabulary.scores(probabilities)
    most, best = (
        names[int(with_subgenres.mean(axis=0).argmax())],
        max(scores, key=scores.__getitem__),
    )
    if most == best or vocabulary.related(most, best):
        return ""
    return f"Most votes are for {most}, which other slices rule out."


def strongest(leading: Float64) -> tuple[int, ...]:
    """Which slices give a genre the highest of its probabilities (n_slices,); a third at most."""
    n = min(MAX_MARKED, max(1, len(leading) // SLICES_PER_MARK))
    return tuple(np.argsort(-leading, kind="stable")[:n].tolist())


def slice_seconds(spec: FrontEndSpec, slices: SliceSpec, starts_s: Float64) -> float:
    """How long a slice is; of notes, what is usual between two of them."""
    if isinstance(spec, NotesSpec):
        return float(np.median(np.diff(starts_s))) if len(starts_s) > 1 else 1.0
    return slices.frames * spec.hop / spec.sample_rate_hz


def reason_of(song: SongGenre, policy: Policy, alone: Mapping[str, float] | None = None) -> str:
    """The verdict's reason as a sentence.

    Args:
        song: The verdict.
        policy: What decided it.
        alone: Probabilities of the written names by the sound alone, where something else counted.
    """
    best = song.best
    if best is None:
        return "There is no sound in it."
    threshold = f"the threshold of {policy.threshold:.2f}"
    reached = "which reaches" if song.accepted else "below"
    text = f"{best.genre} has {best.probability:.2f}, {reached} {threshold}"
    root = song.ranked[0]
    if song.accepted and root.genre != best.genre and root.probability > best.probability:
        text += f"; it is a subgenre of {root.genre}, which has {root.probability:.2f}"
    own = (alone or {}).get(best.genre)
    if own is not None and abs(own - best.probability) >= WORTH_SAYING:
        text += f"; its own audio gives {own:.2f}, the artist's other tracks or plays change that"
    return f"{text}."


def percent(probability: float) -> str:
    """A probability as a whole percentage; never 100 % for less."""
    return report_percent(probability).replace("\u00a0", " ")
