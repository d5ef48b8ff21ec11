"""Out-of-fold probabilities; ``test_label_errors.py`` has the tests of what they are used for."""

from genre_model.core.deadline import DEADLINE, TIME_LIMIT_S
from genre_model.evaluation import out_of_fold


def test_a_file_that_gets_nowhere_is_given_up(tmp_path, monkeypatch):
    """The worker that opens it has a time limit, after which it is ended."""
    limits_s = []

    def record(path):
        limits_s.append(DEADLINE.get().limit_s)
        return bytes(16)

    monkeypatch.setattr(out_of_fold, "audio_fingerprint", record)
    monkeypatch.setattr(out_of_fold, "call_in_worker", lambda function, *args: function(*args))
    assert out_of_fold.fingerprint_of(tmp_path / "song.mp3") == bytes(16)
    assert limits_s == [TIME_LIMIT_S]
