"""The paper's step from 27 genres to 7, as a map of names.

Pelchat and Gelowitz (2019) name seven genres, but not which of the 27 went into which of them.  A
change that was proposed to the code they build on (github.com/despoisj/DeepAudioClassification,
pull request 24, 2019) has such a map; ``PROPOSED`` is that map without its eighth class,
soundtracks.  The proposed code crashes on any other name, so we added ``ADDED``: a subgenre goes
where its parent goes, and a genre without a counterpart goes to the genre that it shares most of
its history with.  Genres that share no history with any (classical music, soundtracks, speech) are
in none of the seven.
"""

from __future__ import annotations

from collections.abc import Mapping

from genre_model.data.genre_names import plain
from genre_model.data.genre_tree import with_ancestors

HIP_HOP, ELECTRONIC, ROCK, POP = "Hip Hop", "Electronic", "Rock", "Pop"
R_AND_B, ALTERNATIVE, COUNTRY = "R&B", "Alternative", "Country"

PAPER_GENRES = (HIP_HOP, ELECTRONIC, ROCK, POP, R_AND_B, ALTERNATIVE, COUNTRY)

PROPOSED: Mapping[str, tuple[str, ...]] = {
    HIP_HOP: ("hip hop", "hiphop", "hip hop/rap", "rap"),
    ELECTRONIC: ("electronic", "electronica", "electronica / dance", "dance"),
    ROCK: ("rock", "classic rock"),
    POP: ("pop", "pop/club", "pop latino", "latino", "lounge", "punk", "reggae"),
    R_AND_B: ("r&b", "r&b/soul", "rap/r&b"),
    ALTERNATIVE: ("alternative",),
    COUNTRY: ("country",),
}

ADDED: Mapping[str, tuple[str, ...]] = {
    HIP_HOP: ("trap", "drill", "grime", "crunk", "gangsta", "boom bap", "turntablism"),
    ELECTRONIC: (
        *("ambient", "bass", "big beat", "breakbeat", "breaks", "chillout", "chillwave", "club"),
        *("downtempo", "drum & bass", "drum and bass", "drum n bass", "dub", "dubstep", "ebm"),
        *("edm", "eurodance", "garage", "hardcore techno", "hardstyle", "house", "idm", "jungle"),
        *("new age", "synthwave", "techno", "trance", "trip hop", "triphop", "vaporwave"),
    ),
    ROCK: (
        *("grunge", "metal", "metalcore", "deathcore", "pop/rock", "progressive", "psychedelic"),
        *("rock & roll", "rock and roll", "rock n roll", "rockabilly", "shoegaze", "surf"),
    ),
    POP: (
        *("afrobeat", "chanson", "children's", "childrens", "christmas", "comedy", "dancehall"),
        *("disco", "easy listening", "holiday", "k pop", "latin", "salsa", "schlager"),
        *("electropop", "singer songwriter", "singer/songwriter", "ska", "synthpop", "vocal"),
        *("world", "world music"),
    ),
    R_AND_B: (
        *("blues", "funk", "gospel", "jazz", "motown", "rhythm & blues", "rhythm and blues", "rnb"),
        *("bebop", "soul", "swing"),
    ),
    ALTERNATIVE: (
        *("alternative & punk", "alternative metal", "alternative pop", "alternative rock"),
        *("alt rock", "alt. rock", "britpop", "emo", "indie", "indie pop", "indie rock"),
        *("industrial", "new wave", "post punk", "post rock"),
    ),
    COUNTRY: ("americana", "bluegrass", "celtic", "folk", "honky tonk", "western"),
}

GENRE_OF: Mapping[str, str] = {
    name: genre
    for names in (ADDED, PROPOSED)
    for genre in PAPER_GENRES
    for name in map(plain, names[genre])
}


def paper_genre(name: str, parents: Mapping[str, str] | None = None) -> str | None:
    """Which of the paper's seven genres a name belongs to; None if to none of them.

    A name that is not in the map is looked up by its last words ("melodic death metal" is metal),
    then by its ancestors in a tree of genres (child -> parent, canonical).
    """
    for node in with_ancestors(plain(name), parents or {}):
        words = node.split()
        tails = (" ".join(words[first:]) for first in range(len(words)))
        found = next((GENRE_OF[tail] for tail in tails if tail in GENRE_OF), None)
        if found is not None:
            return found
    return None
