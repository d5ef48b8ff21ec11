"""The tag ``mood``, which beets does not have by itself."""

from __future__ import annotations

from beets.library import Item
from mediafile import (
    ASFStorageStyle,
    MediaField,
    MediaFile,
    MP3DescStorageStyle,
    MP3StorageStyle,
    MP4StorageStyle,
    StorageStyle,
)


def add_mood_field() -> None:
    """Let beets read and write ``mood``, unless another plugin has done so.

    In ID3 it is written twice, since version 2.3 has no frame of its own for it.
    """
    if "mood" not in MediaFile.fields():
        MediaFile.add_field(
            "mood",
            MediaField(
                MP3StorageStyle("TMOO"),
                MP3DescStorageStyle("MOOD"),
                MP4StorageStyle("----:com.apple.iTunes:MOOD"),
                StorageStyle("MOOD"),
                ASFStorageStyle("WM/Mood"),
            ),
        )
    Item._media_fields.add("mood")
