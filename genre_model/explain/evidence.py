"""Why a song got its verdict: the votes of its slices, and the slices with the strongest ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from genre_model.core.arrays import Float64
from genre_model.core.specs import FrontEndSpec, NotesSpec, SliceSpec, reaches
from genre_model.core.text import percent as report_percent
from genre_model.model.aggregation import calibrated
from genre_model.model.classifier import Classifier
from genre_model.model.song_features import SongFeatures
from genre_model.model.vocabulary import Policy, SongGenre, Vocabulary, too_little

MAX_MARKED = 3

SLICES_PER_MARK = 3  # at most one slice of this many is marked, but at least one

UNLIKELY = 1e-4
WORTH_SAYING = 0.05  # the smallest difference between probabilities that is mentioned

NO_MUSIC = "This is probably not music."


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """The votes of a song's slices, by time.

    ``votes`` (n_slices, n_names) are the probabilities of the written ``names``, without their
    subgenres; rows sum to 1, or to less if "something else" takes part.  ``with_subgenres``
    (n_slices, n_names) are the same with subgenres.  ``starts_s`` (n_slices,) and the ``length_s``
    of a slice are in seconds.  ``strongest`` are the slices that speak most for the leading genre,
    strongest first.  ``note`` says that the song is probably not music, or why the verdict is not
    the genre with most votes.
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
    """One song's verdict with its reason and its evidence, which is None for a silent song.

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
        """The reason, followed by the note of the evidence."""
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


def explanation_of(
    title: str,
    song: SongGenre,
    extracted: SongFeatures,
    classifier: Classifier,
    vocabulary: Vocabulary,
    reason: str,
) -> Explanation:
    """The explanation of a verdict, by the features that it was given for."""
    leading = song.best.genre if song.best else None
    manifest = classifier.manifest
    return Explanation(
        title,
        song,
        reason,
        None if leading is None else evidence_of(classifier, extracted, vocabulary, leading),
        manifest.bundle_id,
        vocabulary.written(manifest.genres),
    )


def evidence_of(
    classifier: Classifier, extracted: SongFeatures, vocabulary: Vocabulary, leading: str
) -> Evidence | None:
    """The evidence in a song's features; None for a silent song.

    ``leading`` is the written name of the genre whose strongest slices are marked.
    """
    if len(extracted.features) == 0:
        return None
    manifest = classifier.manifest
    share = classifier.music_share(extracted)
    rows = share * calibrated(classifier.slice_logits(extracted), manifest.aggregation)
    # A network may give one row for all slices together.
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
    """A sentence if the best genre is not the one with most votes, else an empty text.

    Under the product rule, a slice that rules a genre out outweighs others that vote for it.

    Args:
        names: The written names.
        with_subgenres: (n_slices, n_names), the votes for each name, including its subgenres.
        vocabulary: The vocabulary of the names.
        probabilities: The song's probabilities of the model's genres.
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
    """The slices with a genre's highest probabilities (n_slices,); at most a third, or one."""
    n = min(MAX_MARKED, max(1, len(leading) // SLICES_PER_MARK))
    return tuple(np.argsort(-leading, kind="stable")[:n].tolist())


def slice_seconds(spec: FrontEndSpec, slices: SliceSpec, starts_s: Float64) -> float:
    """The length of a slice; for notes, the median time between two of them."""
    if isinstance(spec, NotesSpec):
        return float(np.median(np.diff(starts_s))) if len(starts_s) > 1 else 1.0
    return slices.frames * spec.hop / spec.sample_rate_hz


def reason_of(song: SongGenre, policy: Policy, alone: Mapping[str, float] | None = None) -> str:
    """The verdict's reason as a sentence.

    Args:
        song: The verdict.
        policy: The policy that decided it.
        alone: Probabilities of the written names by the audio alone, if more than that counted.
    """
    best = song.best
    if best is None:
        return "There is no sound in it."
    if reaches(best.probability, policy.threshold):
        reached = f"{best.probability:.2f}, which reaches the threshold of {policy.threshold:.2f}"
    else:
        reached = too_little(best.probability, policy.threshold, "the threshold of ")
    text = f"{best.genre} has {reached}"
    if song.accepted and not reaches(best.probability, policy.threshold):
        text += f"; the sure tracks of its album are {best.genre}"
    root = song.ranked[0]
    if song.accepted and root.genre != best.genre and root.probability > best.probability:
        text += f"; it is a subgenre of {root.genre}, which has {root.probability:.2f}"
    own = (alone or {}).get(best.genre)
    if own is not None and abs(own - best.probability) >= WORTH_SAYING:
        text += f"; by its audio alone it has {own:.2f}"
    return f"{text}."


def percent(probability: float) -> str:
    """A probability as a whole percentage; never 100 % for less than 1."""
    return report_percent(probability).replace("\u00a0", " ")
