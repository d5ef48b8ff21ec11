"""Which genres may be answered, how they are written, and which of them a song gets.

A model's genres form a small tree (Metal is a subgenre of Rock).  The probability of a genre that
may not be answered is credited to its nearest ancestor that may; without such an ancestor it counts
for "something else".  The answer is the most specific genre that is probable enough: Metal if the
network is sure of Metal, Rock if it is only sure of Rock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from genre_model.core.errors import GenreModelError
from genre_model.core.specs import UNREACHED_THRESHOLD, reaches
from genre_model.data.genre_names import canonical, plain
from genre_model.data.spelling import spelling_key

NO_SPELLINGS: Mapping[str, str] = {}

# Below this probability the leading genre is not named: the song is no music, or of another genre.
LEAST = 0.05
# A subgenre is answered only if it has at least this share of the leading root genre's probability:
# an unlikely subgenre may still reach a low threshold.
MIN_SUBGENRE_SHARE = 0.5

NONE_OF_THESE = "no music, or none of the model's genres"


@dataclass(frozen=True, slots=True)
class GenreScore:
    """A genre's written name and the probability of the genre, including its subgenres."""

    genre: str
    probability: float


@dataclass(frozen=True, slots=True)
class SongGenre:
    """The verdict on one song.

    ``genres`` may be written, best first; it is empty if the network is not sure.  ``best`` is the
    leading genre, accepted or not; None for a silent song.
    """

    genres: tuple[str, ...]
    best: GenreScore | None
    ranked: tuple[GenreScore, ...]
    reason: str

    @property
    def accepted(self) -> bool:
        """Whether there is something to write."""
        return bool(self.genres)

    @property
    def guess(self) -> str | None:
        """The leading genre, accepted or not, if it is probable enough to be named."""
        return self.best.genre if self.best and self.best.probability >= LEAST else None


@dataclass(frozen=True, slots=True)
class Policy:
    """When genres are accepted: the first from ``threshold`` on, and up to ``count`` in all.

    Genres after the first need only ``second_threshold``: they are for songs between genres.
    """

    threshold: float
    count: int = 1
    second_threshold: float = 0.25


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The genres that may be answered: model's name -> written name; and the tree of genres."""

    names: Mapping[str, str]
    parents: Mapping[str, str]

    def scores(self, probabilities: Mapping[str, float]) -> dict[str, float]:
        """Probability of each written name, including its subgenres."""
        totals = dict.fromkeys(self.names.values(), 0.0)
        for genre, probability in probabilities.items():
            for name in set(self.ancestry(genre)):
                totals[name] += probability
        return totals

    def ancestry(self, genre: str) -> list[str]:
        """Written names of a genre and of its ancestors, most specific first."""
        names: list[str] = []
        node: str | None = genre
        while node is not None:
            if node in self.names:
                names.append(self.names[node])
            node = self.parents.get(node)
        return names

    def related(self, first: str, second: str) -> bool:
        """Whether one written name is an ancestor of the other, or they are the same."""
        lines = [set(self.ancestry(genre)) for genre in self.names]
        return any(first in ancestry and second in ancestry for ancestry in lines)

    def written(self, genres: Sequence[str]) -> tuple[str, ...]:
        """The written name of each of a model's genres; those that are dropped keep their name."""
        return tuple(self.names.get(genre, genre) for genre in genres)

    def root(self, name: str) -> str:
        """The topmost written ancestor of a written name; the name itself if it has none."""
        ancestries = map(self.ancestry, self.names)
        return next(found[-1] for found in ancestries if name in found)

    def roots(self) -> set[str]:
        """Written names that are not a subgenre of another."""
        return {self.ancestry(genre)[-1] for genre in self.names}


def make_vocabulary(
    genres: Sequence[str],
    parents: Mapping[str, str],
    presets: Mapping[str, Sequence[str]],
    wish: str | Sequence[str] | Mapping[str, str | None] | None,
    *,
    only: Sequence[str] | None = None,
    ignored: Sequence[str] = (),
    spellings: Mapping[str, str] = NO_SPELLINGS,
) -> Vocabulary:
    """The vocabulary that a user asks for.

    Args:
        genres: The model's genres.
        parents: The model's tree, child -> parent.
        presets: Named selections of the model's genres; ``default`` is one of them.
        wish: None for the default; the name of a preset; a list of the genres to answer; or a
            mapping that renames genres and drops those that it maps to None.
        only: Keep only these of the genres that the wish leaves, by their written names or the
            model's names; or the name of a preset.
        ignored: Leave these genres out.
        spellings: ``spelling_key`` -> spelling, for genres to which the wish gives no name.

    Raises:
        GenreModelError: The wish names a genre or a preset that the model does not have.
    """
    default = presets.get("default", genres)
    given: dict[str, str | None] = {}
    if wish is None:
        names = {genre: genre for genre in default}
    elif isinstance(wish, str):
        if wish not in presets:
            raise GenreModelError(
                f"genres: no such selection: {wish} (there are: {', '.join(presets)})"
            )
        names = {genre: genre for genre in presets[wish]}
    elif isinstance(wish, Mapping):
        given = {find_genre(name, genres): new for name, new in wish.items()}
        pairs = ((genre, given.get(genre, genre)) for genre in {**dict.fromkeys(default), **given})
        names = {genre: new for genre, new in pairs if new}
    else:
        chosen = [find_genre(name, genres) for name in wish]
        names = {genre: genre for genre in chosen}
    names = {
        genre: name if genre in given else spellings.get(spelling_key(name), name)
        for genre, name in names.items()
    }
    if only is not None:
        names = restricted(names, presets[only[0]] if [*only] in [[p] for p in presets] else only)
    left_out = {genre for name in ignored for genre in called(name, names)}
    names = {genre: name for genre, name in names.items() if genre not in left_out}
    if not names:
        raise GenreModelError("genres: nothing is left to answer")
    return Vocabulary(names, parents)


def restricted(names: Mapping[str, str], only: Sequence[str]) -> dict[str, str]:
    """The genres that ``only`` names, by the model's or the written name, with written names.

    Raises:
        GenreModelError: A name in ``only`` names no genre.
    """
    found: set[str] = set()
    for name in only:
        genres = called(name, names)
        if not genres:
            there = ", ".join(dict.fromkeys(names.values()))
            raise GenreModelError(f"genres: the model has no {name} (it has: {there})")
        found |= genres
    return {genre: name for genre, name in names.items() if genre in found}


def called(name: str, names: Mapping[str, str]) -> set[str]:
    """The model's genres that have a name, as the model's or the written one.

    Other names of the same music, such as Rap for Hip Hop, count only if no genre has the name
    itself: a user's own model may have both.
    """
    for key in (plain, canonical):
        wanted = key(name)
        found = {genre for genre, new in names.items() if wanted in (key(genre), key(new))}
        if found:
            return found
    return set()


def find_genre(name: str, genres: Sequence[str]) -> str:
    """The model's name of a genre that is given in any spelling.

    Raises:
        GenreModelError: The model has no such genre.
    """
    found = called(str(name), {genre: genre for genre in genres})
    for genre in genres:
        if genre in found:
            return genre
    raise GenreModelError(f"genres: the model has no {name} (it has: {', '.join(genres)})")


def judge(probabilities: Mapping[str, float], vocabulary: Vocabulary, policy: Policy) -> SongGenre:
    """The verdict from the probabilities of the model's genres; a silent song has none.

    Ties go to the alphabetically first name, so that the answer never depends on order.
    """
    if not probabilities:
        return SongGenre((), None, (), "silent")
    scores = vocabulary.scores(probabilities)
    ordered = sorted(scores.items(), key=lambda score: (-score[1], score[0]))
    ranked = tuple(GenreScore(name, probability) for name, probability in ordered)
    roots = vocabulary.roots()
    best = next(score for score in ranked if score.genre in roots)
    if not reaches(best.probability, policy.threshold):
        why = f"{best.genre} {too_little(best.probability, policy.threshold)}"
        return SongGenre((), best, ranked, NONE_OF_THESE if best.probability < LEAST else why)
    best = min(
        (
            score
            for score in ranked
            if reaches(score.probability, policy.threshold)
            and score.probability >= MIN_SUBGENRE_SHARE * best.probability
            and vocabulary.related(score.genre, best.genre)
        ),
        key=lambda score: (-depth(score.genre, vocabulary), -score.probability, score.genre),
    )
    accepted = [best.genre]
    for score in ranked:
        if len(accepted) >= policy.count or score.probability < policy.second_threshold:
            break
        if not any(vocabulary.related(score.genre, name) for name in accepted):
            accepted.append(score.genre)
    return SongGenre(tuple(accepted), best, ranked, f"{best.probability:.2f}")


def too_little(probability: float, threshold: float, what: str = "") -> str:
    """A probability and the threshold that it misses, with enough digits to differ.

    ``what`` is put before the threshold.
    """
    if threshold == UNREACHED_THRESHOLD:
        return f"{probability:.2f}, and a threshold of 1 accepts nothing"
    for places in range(2, 7):
        texts = f"{probability:.{places}f}", f"{threshold:.{places}f}"
        if texts[0] != texts[1]:
            break
    return f"{texts[0]}, below {what}{texts[1]}"


def depth(name: str, vocabulary: Vocabulary) -> int:
    """The number of written names from a written name up to its root, both included."""
    lines = [
        ancestry for ancestry in map(vocabulary.ancestry, vocabulary.names) if ancestry[0] == name
    ]
    return max((len(dict.fromkeys(ancestry)) for ancestry in lines), default=1)
