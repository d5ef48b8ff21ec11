"""APE, MP4 and ASF tags made and read byte by byte, including tags that no library writes."""

from __future__ import annotations

import struct
from uuid import UUID

FREE_BYTES = 3000  # padding for another genre, so that nothing else has to move
READ_ONLY, BINARY, LINK = 1, 2, 4  # flags of an APE item
MAGIC, HAS_HEADER, IS_HEADER = b"APETAGEX", 1 << 31, 1 << 29


def item(key, value, flags=0):
    """An item of an APE tag."""
    return struct.pack("<2I", len(value), flags) + key + b"\0" + value


def with_items(audio, items, version=2000, count=None, header=True, behind=b""):
    """A file whose audio is followed by an APE tag."""
    body = b"".join(items)
    count = len(items) if count is None else count
    sizes = MAGIC + struct.pack("<3I", version, len(body) + 32, count)
    flags = HAS_HEADER if header else 0
    head = sizes + struct.pack("<I", flags | IS_HEADER) + b"reserved" if header else b""
    return audio + head + body + sizes + struct.pack("<I", flags) + b"reserved" + behind


def without_items(content):
    """A file without its APE tag."""
    return content[: content.index(MAGIC)] if MAGIC in content else content


def items_in(content):
    """The items of the last APE tag, up to its end."""
    end = content.rindex(MAGIC)
    [size] = struct.unpack_from("<I", content, end + 12)
    place, found = end + 32 - size, []
    while place < end:
        [length] = struct.unpack_from("<I", content, place)
        last = content.index(b"\0", place + 8) + 1 + length
        found.append(content[place:last])
        place = last
    return found


def is_genre_item(raw):
    return raw[8:14].lower() == b"genre\0"


def atom(name, *contents):
    """An atom of an MP4."""
    content = b"".join(contents)
    return struct.pack(">I", 8 + len(content)) + name + content


def data(value, kind=1, locale=0):
    """The ``data`` atom, which holds the value of a tag atom."""
    return atom(b"data", struct.pack(">2I", kind, locale), value)


def freeform(mean, name, *values, version=0):
    """A freeform atom (``----``), whose name is text."""
    head = struct.pack(">I", version)
    return atom(b"----", atom(b"mean", head, mean), atom(b"name", head, name), *values)


def atoms(content, start=0, end=None):
    """Yield (name, start, end) of each atom in a part of a file."""
    end = len(content) if end is None else end
    while start < end:
        [size] = struct.unpack_from(">I", content, start)
        yield content[start + 4 : start + 8], start, start + size
        start += size


def find(content, *path):
    """The offsets at which the content of the atom at a path starts and ends."""
    start, end = 0, len(content)
    for name in path:
        start, end = next((a + 8, b) for n, a, b in atoms(content, start, end) if n == name)
        start += 4 * (name == b"meta")
    return start, end


def with_atoms(content, tags, first=b"", last=b""):
    """An MP4 (``moov`` at its end) with other tags; atoms may come before and after the tags."""
    handler = first or atom(b"hdlr", bytes(8), b"mdirappl", bytes(9))
    room = last or atom(b"free", bytes(FREE_BYTES))
    meta = atom(b"meta", bytes(4), handler, atom(b"ilst", *tags), room)
    start, end = find(content, b"moov")
    kept = [content[a:b] for name, a, b in atoms(content, start, end) if name != b"udta"]
    return content[: start - 8] + atom(b"moov", *kept, atom(b"udta", meta)) + content[end:]


def atoms_in(content):
    """The atoms of an MP4's tags."""
    place = find(content, b"moov", b"udta", b"meta", b"ilst")
    return [content[a:b] for _, a, b in atoms(content, *place)]


def is_genre_atom(raw):
    return raw[4:8] in (b"\xa9gen", b"gnre")


def guid(text):
    return UUID(text).bytes_le


HEADER = guid("75B22630-668E-11CF-A6D9-00AA0062CE6C")
EXTENSION = guid("5FBF03B5-A92E-11CF-8EE3-00C00C205365")
PADDING = guid("1806D474-CADF-4509-A4BA-9AABCB96AAE8")
DESCRIPTION = guid("75B22633-668E-11CF-A6D9-00AA0062CE6C")
EXTENDED = guid("D2D0A440-E307-11D2-97F0-00A0C95EA850")
METADATA = guid("C5F8CBEA-5BAF-4877-8467-AA8C44FA4CCA")
LIBRARY = guid("44231C94-9498-49D1-A141-1D134E457054")
TAGS = (DESCRIPTION, EXTENDED, METADATA, LIBRARY, PADDING)


def wide(text):
    """Text as ASF stores it: UTF-16-LE with a terminating NUL."""
    return (text + "\0").encode("utf-16-le")


def attribute(home, name, value, kind=0, language=0, stream=0):
    """An attribute in the layout of ``home``, one of the objects that hold attributes."""
    key = wide(name)
    if home == EXTENDED:
        return struct.pack("<H", len(key)) + key + struct.pack("<2H", kind, len(value)) + value
    return struct.pack("<4HI", language, stream, len(key), kind, len(value)) + key + value


def asf_object(name, content):
    return name + struct.pack("<Q", 24 + len(content)) + content


def asf_objects(content):
    """Yield the name and the content of each object."""
    while content:
        [size] = struct.unpack_from("<Q", content, 16)
        yield content[:16], content[24:size]
        content = content[size:]


def holding(home, attributes):
    """An object that holds attributes."""
    return asf_object(home, struct.pack("<H", len(attributes)) + b"".join(attributes))


def description(title, author):
    """The object that holds the title and the author."""
    texts = [wide(title), wide(author), b"", b"\0\0", b""]
    return asf_object(DESCRIPTION, struct.pack("<5H", *map(len, texts)) + b"".join(texts))


def with_attributes(content, title, attributes, room=FREE_BYTES, behind=b""):
    """A WMA with other tags, as pairs (home, attribute); ``behind`` are further objects."""
    [size] = struct.unpack_from("<Q", content, 16)
    extended = [raw for home, raw in attributes if home == EXTENDED]
    parts = []
    for name, inside in asf_objects(content[30:size]):
        if name == EXTENSION:
            kept = [asf_object(n, c) for n, c in asf_objects(inside[22:]) if n not in TAGS]
            for home in (METADATA, LIBRARY):
                inner = [raw for owner, raw in attributes if owner == home]
                kept += [holding(home, inner)] if inner else []
            inner = b"".join(kept)
            parts.append(asf_object(name, inside[:18] + struct.pack("<I", len(inner)) + inner))
        elif name not in TAGS:
            parts.append(asf_object(name, inside))
    padding = [asf_object(PADDING, bytes(room))] if room else []
    parts += [description(title, "x"), holding(EXTENDED, extended), *padding]
    body = b"".join([*parts, behind])
    n_objects = len(list(asf_objects(body)))
    return HEADER + struct.pack("<QI", 30 + len(body), n_objects) + b"\1\2" + body + content[size:]


def attributes_in(content):
    """Lists of (home, name, raw) of all attributes, and of the other objects, except padding."""
    [size] = struct.unpack_from("<Q", content, 16)
    found, objects = [], []
    for name, inside in asf_objects(content[30:size]):
        inner = asf_objects(inside[22:]) if name == EXTENSION else [(name, inside)]
        for home, held in inner:
            if home in (EXTENDED, METADATA, LIBRARY):
                found += split_attributes(home, held)
            elif home != PADDING:
                objects.append((home, held))
    return found, objects


def split_attributes(home, content):
    """Yield (home, name, raw) of the attributes of an object."""
    [count], place = struct.unpack_from("<H", content), 2
    for _ in range(count):
        if home == EXTENDED:
            [n_name] = struct.unpack_from("<H", content, place)
            start = place + 2
            [n_value] = struct.unpack_from("<H", content, start + n_name + 2)
            end = start + n_name + 4 + n_value
        else:
            n_name, _, n_value = struct.unpack_from("<2HI", content, place + 4)
            start = place + 12
            end = start + n_name + n_value
        name = content[start : start + n_name].decode("utf-16-le").strip("\0")
        yield home, name, content[place:end]
        place = end
