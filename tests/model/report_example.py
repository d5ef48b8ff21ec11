"""An example report with realistic figures."""

from dataclasses import replace

from genre_model.evaluation.metrics import Interval
from genre_model.evaluation.report import (
    CoveragePoint,
    Dropped,
    GenreFigures,
    LearningPoint,
    ModelFigures,
    ReliabilityBin,
    Report,
    TrackResult,
)

SECTIONS = (
    "figures",
    "models",
    "genres",
    "confusion",
    "confidence",
    "learning",
    "method",
    "dropped",
    "mistakes",
)
CONFUSION = {
    "Blues": (31, 0, 2, 1, 0, 4, 3, 1, 8),
    "Classical": (0, 88, 1, 0, 1, 3, 0, 0, 0),
    "Country": (2, 0, 41, 0, 0, 9, 5, 1, 6),
    "Electronic": (0, 2, 0, 126, 8, 1, 11, 4, 6),
    "Hip Hop": (0, 0, 0, 7, 84, 0, 4, 5, 1),
    "Jazz": (5, 6, 1, 3, 1, 71, 2, 4, 3),
    "Pop": (1, 1, 6, 19, 5, 3, 58, 9, 31),
    "Soul": (3, 0, 1, 4, 6, 5, 11, 34, 5),
    "Rock": (6, 1, 8, 7, 1, 2, 22, 2, 221),
}
N_TRACKS = sum(map(sum, CONFUSION.values()))
MODELS = (
    ModelFigures(
        "new",
        N_TRACKS,
        Interval(0.7412, 0.7021, 0.7796),
        Interval(0.7089, 0.6638, 0.7497),
        0.58,
        0.6234,
        Interval(0.9107, 0.8803, 0.9388),
    ),
    ModelFigures(
        "shipped",
        N_TRACKS,
        Interval(0.6803, 0.6411, 0.7188),
        Interval(0.6317, 0.5874, 0.6702),
        0.65,
        0.5127,
        Interval(0.8716, 0.8302, 0.9093),
        Interval(0.0609, 0.0214, 0.1008),
        Interval(0.0772, 0.0301, 0.1224),
    ),
)
ARTISTS = (14, 23, 17, 41, 29, 26, 38, 18, 57)


def example_report(**changes):
    """A realistic report of nine genres, with changes to its fields."""
    genres, confusion = tuple(CONFUSION), tuple(CONFUSION.values())
    report = Report(
        bundle_id="20261122-4f1c09ab",
        created_utc="2026-11-22T18:04:31Z",
        architecture="musicnn embedding + one-vs-rest head",
        genres=genres,
        n_tracks=N_TRACKS,
        n_artists=sum(ARTISTS),
        n_folds=5,
        group_by="artist",
        split_reason="split by artist",
        majority_baseline=0.2503,
        slice_accuracy=0.6124,
        song_accuracy=Interval(0.7412, 0.7021, 0.7796),
        balanced_accuracy=Interval(0.7089, 0.6638, 0.7497),
        macro_f1=0.7043,
        calibration_error=0.0312,
        threshold=0.58,
        target_precision=0.9,
        coverage=0.6234,
        precision=Interval(0.9107, 0.8803, 0.9388),
        per_genre=genre_figures(genres, confusion),
        confusion=confusion,
        reliability=RELIABILITY,
        coverage_curve=coverage_curve(),
        learning_curve=LEARNING,
        mistakes=MISTAKES,
        dropped=(
            Dropped("Reggae", 11, "only 1 artist; at least 2 are needed"),
            Dropped("Various", 64, "not a genre of the tree"),
            Dropped("Ambient", 7, "fewer than 10 tracks"),
        ),
        models=MODELS,
        settings={
            "seed": "1",
            "query": "added:2019.. genre::.+",
            "preset": "broad",
            "epochs": "40",
            "slices per track": "12 of 3.0 s",
            "optimizer": "L-BFGS, L2 0.01",
        },
    )
    return replace(report, **changes)


def genre_figures(genres, confusion):
    columns = list(zip(*confusion, strict=True))
    found = []
    for index, genre in enumerate(genres):
        right, of_row, of_column = (
            confusion[index][index],
            sum(confusion[index]),
            sum(columns[index]),
        )
        precision, recall = right / of_column, right / of_row
        f1 = 2 * precision * recall / (precision + recall)
        found.append(GenreFigures(genre, of_row, ARTISTS[index], precision, recall, f1))
    return tuple(found)


def coverage_curve():
    """Points from 100 % coverage at 74 % precision to 17 % coverage at 98 % precision."""
    steps = [index / 50 for index in range(50)]
    return tuple(
        CoveragePoint(t, 1 - 0.86 * t**1.5, min(0.985, 0.741 + 0.31 * t - 0.06 * t * t))
        for t in steps
    )


RELIABILITY = tuple(
    ReliabilityBin(low / 10, low / 10 + 0.1, n, mean, right)
    for low, n, mean, right in (
        (1, 9, 0.18, 0.22),
        (2, 41, 0.26, 0.29),
        (3, 77, 0.35, 0.33),
        (4, 96, 0.45, 0.49),
        (5, 101, 0.55, 0.60),
        (6, 118, 0.65, 0.68),
        (7, 131, 0.75, 0.79),
        (8, 187, 0.86, 0.90),
        (9, 284, 0.95, 0.962),
    )
)
LEARNING = (
    LearningPoint(100, 0.561, 0.512, 0.611),
    LearningPoint(200, 0.634, 0.588, 0.679),
    LearningPoint(400, 0.689, 0.647, 0.731),
    LearningPoint(600, 0.722, 0.681, 0.761),
    LearningPoint(835, 0.741, 0.702, 0.780),
)
MISTAKES = (
    TrackResult(
        "/music/Portishead/Dummy (1994)/03 Sour Times.flac",
        "Portishead",
        "Sour Times",
        "Rock",
        "Electronic",
        0.972,
        {"Electronic": 0.972, "Soul": 0.014, "Rock": 0.008, "Pop": 0.004},
        0,
    ),
    TrackResult(
        "/music/Björk/Début #1/07 Come to Me 100% & more?.mp3",
        "Björk",
        "Come to Me",
        "Classical",
        "Pop",
        0.951,
        {"Pop": 0.951, "Electronic": 0.03, "Classical": 0.011},
        3,
    ),
    TrackResult(
        "/music/Various/Sampler/Disc 02/17 - a very long file name of the kind that people's "
        "downloads tend to have, with everything in it (remastered 2011) [320].mp3",
        "Orchestral Manoeuvres in the Dark feat. the Royal Liverpool Philharmonic Orchestra",
        "Enola Gay (Live at the Museum of Liverpool, 2019 Remaster, Extended Version)",
        "Rock",
        "Electronic",
        0.934,
        {"Electronic": 0.934, "Pop": 0.051, "Rock": 0.012},
        1,
    ),
    TrackResult(
        "Singles/untitled.ogg",
        "",
        "",
        "Jazz",
        "Soul",
        0.91,
        {"Soul": 0.91, "Jazz": 0.07, "Blues": 0.01},
        2,
    ),
    TrackResult(
        "/music/فيروز/كيفك إنت.flac",
        "فيروز",
        "كيفك إنت",
        "Pop",
        "Classical",
        0.902,
        {"Classical": 0.902, "Jazz": 0.049, "Pop": 0.044},
        4,
    ),
)
