"""Malicious bundles, for the tests and for the soak test.

Each entry of ``HOSTILE`` is a function that changes the tiny bundle, and a pattern that the error
message has to match.
"""

import io
import json
import os
import struct
import zipfile

import numpy as np
import onnx
from bundle_files import FRAMES, N_MELS, edit_manifest, put, replace_file
from onnx import TensorProto, helper, numpy_helper

from genre_model.model.bundle.store import HEAD, MANIFEST, PROBE

NETWORK = "network.onnx"


def raw(text):
    """Return a function that puts raw text into the manifest's JSON as the threshold."""

    def edit(directory):
        path = directory / MANIFEST
        manifest = json.loads(path.read_text())
        manifest["aggregation"]["threshold"] = "HERE"
        path.write_text(json.dumps(manifest).replace('"HERE"', text))

    return edit


def named(name):
    """Return a function that adds a file of this name to the manifest."""
    return lambda directory: edit_manifest(
        directory, lambda manifest: manifest["files"].update({name: "0" * 64})
    )


def linked(name, target):
    """Return a function that replaces a file by a symbolic link."""

    def edit(directory):
        path = directory / name
        content = path.read_bytes()
        (directory.parent / "outside").write_bytes(content)
        path.unlink()
        path.symlink_to(target)

    return edit


def instead(name, make):
    """Return a function that replaces a file by what ``make`` creates at its path."""

    def edit(directory):
        (directory / name).unlink()
        make(directory / name)

    return edit


def file(name, content):
    return lambda directory: replace_file(
        directory, name, content() if callable(content) else content
    )


def manifest_of(content):
    return lambda directory: (directory / MANIFEST).write_bytes(
        content() if callable(content) else content
    )


# --- Arrays -----


def archive(*members, how=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", how) as target:
        for name, content in members:
            target.writestr(name, content)
    return buffer.getvalue()


def npy(shape, data=b"", descr="<f4"):
    """An ``.npy`` file whose header claims a shape."""
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def claiming(shape, data=b"", descr="<f4"):
    return archive(("weights.npy", npy(shape, data, descr)), ("bias.npy", npy((3,), bytes(12))))


def bomb(n_bytes=2**28):
    """An archive with an array of zeros, compressed to about a thousandth of its size."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        with target.open("weights.npy", "w", force_zip64=True) as member:
            member.write(npy((n_bytes // 4,)))
            for _ in range(n_bytes // 2**20):
                member.write(bytes(2**20))
        target.writestr("bias.npy", npy((3,), bytes(12)))
    return buffer.getvalue()


def lying_bomb():
    """Like ``bomb``, but the archive's directory claims a small uncompressed size."""
    content = bytearray(bomb(2**26))
    place = content.rindex(b"PK\x01\x02", 0, content.rindex(b"PK\x01\x02"))
    content[place + 24 : place + 28] = struct.pack("<I", 1000)
    return bytes(content)


# --- Networks -----


def network(nodes, tensors=(), opsets=(("", 17),), **fields):
    """An ONNX file with these nodes between ``log_mel`` and ``embedding``."""
    tags = helper.make_node("ReduceMean", ["log_mel"], ["tags"], axes=[1], keepdims=0)
    graph = helper.make_graph(
        [*nodes, tags],
        "g",
        [helper.make_tensor_value_info("log_mel", TensorProto.FLOAT, ["n", FRAMES, N_MELS])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
            for name in ("embedding", "tags")
        ],
        list(tensors),
    )
    imports = [helper.make_opsetid(*opset) for opset in opsets]
    return helper.make_model(
        graph, opset_imports=imports, ir_version=8, **fields
    ).SerializeToString()


def tensor(name, values, dtype="i8"):
    return numpy_helper.from_array(np.array(values, dtype), name)


def mean_of(name):
    return helper.make_node("ReduceMean", [name], ["embedding"], axes=[1], keepdims=0)


def plus(total):
    """Nodes that add ``total`` to the input, so that ONNX Runtime has to calculate it."""
    return [helper.make_node("Add", ["log_mel", total], ["sum"]), mean_of("sum")]


def external(location):
    weights = TensorProto(name="w", data_type=1, dims=[N_MELS])
    weights.data_location = TensorProto.EXTERNAL
    entry = weights.external_data.add()
    entry.key, entry.value = "location", location
    return network(plus("w"), [weights])


def external_in_attribute():
    weights = onnx.load_model_from_string(external("../../etc/passwd")).graph.initializer[0]
    node = helper.make_node("Constant", [], ["w"], value=weights)
    return network([node, *plus("w")])


def field(number, content, high_bits=0):
    """A field in protobuf's wire format; ``high_bits`` are added above the 32 bits of its tag."""
    tag, prefix = number << 3 | 2 | high_bits << 32, b""
    for value in (tag, len(content)):
        while value > 127:
            prefix, value = prefix + bytes([value & 127 | 128]), value >> 7
        prefix += bytes([value])
    return prefix + content


def disguised(number, content, *within):
    """A network with a field whose tag ONNX Runtime truncates to that of a known field."""
    content = field(number, content, high_bits=1)
    for outer in reversed(within):
        content = field(outer, content)
    return network([mean_of("log_mel")], opsets=(("", 17), ("com.microsoft", 1))) + content


def disguised_operator():
    """A network with such a field for an operator's domain; both parts of the graph are merged."""
    node = helper.make_node("Gelu", ["log_mel"], ["y"]).SerializeToString()
    content = field(7, field(1, node + field(7, b"com.microsoft", high_bits=1)))
    return network([mean_of("y")], opsets=(("", 17), ("com.microsoft", 1))) + content


def sparse(n=2**33, as_node=False):
    """A network with sparse weights: a few bytes that stand for very many zeros."""
    weights = helper.make_sparse_tensor(tensor("w", [1.0], "f4"), tensor("i", [0]), [n])
    nodes = [helper.make_node("ReduceSum", ["w"], ["s"], keepdims=0), *plus("s")]
    if as_node:
        return network([helper.make_node("Constant", [], ["w"], sparse_value=weights), *nodes])
    model = onnx.load_model_from_string(network(nodes))
    model.graph.sparse_initializer.append(weights)
    return model.SerializeToString()


def claiming_weights():
    weights = TensorProto(name="w", data_type=1, dims=[10**12])
    return network(plus("w"), [weights])


def filled(*shape):
    """A network that expands one number to a shape."""
    nodes = [
        helper.make_node("Expand", ["one", "shape"], ["filled"]),
        helper.make_node("ReduceSum", ["filled"], ["s"], keepdims=0),
    ]
    return network([*nodes, *plus("s")], [tensor("shape", shape), tensor("one", 1.0, "f4")])


def doubling(n=40):
    """A network that concatenates a tensor with itself, ``n`` times in a row."""
    nodes = [helper.make_node("Identity", ["log_mel"], ["x0"])]
    nodes += [helper.make_node("Concat", [f"x{i}"] * 2, [f"x{i + 1}"], axis=0) for i in range(n)]
    nodes.append(helper.make_node("ReduceSum", [f"x{n}"], ["s"], keepdims=0))
    return network([*nodes, *plus("s")])


def endless(n_steps=10**15, grow=False):
    """A network with an endless loop; with ``grow``, its tensor doubles in each step."""
    number = helper.make_tensor_value_info
    step = (
        helper.make_node("Concat", ["v", "v"], ["w"], axis=0)
        if grow
        else helper.make_node("Add", ["v", "one"], ["w"])
    )
    body = helper.make_graph(
        [helper.make_node("Identity", ["going"], ["on"]), step],
        "body",
        [
            number("i", TensorProto.INT64, []),
            number("going", TensorProto.BOOL, []),
            number("v", TensorProto.FLOAT, None),
        ],
        [number("on", TensorProto.BOOL, []), number("w", TensorProto.FLOAT, None)],
        [tensor("one", [1.0], "f4")],
    )
    nodes = [
        helper.make_node("Loop", ["n", "yes", "v0"], ["r"], body=body),
        helper.make_node("ReduceSum", ["r"], ["s"], keepdims=0),
    ]
    start = [tensor("n", n_steps), tensor("yes", True, "?"), tensor("v0", [0.0], "f4")]
    return network([*nodes, *plus("s")], start)


def calculated_at_load(size=3000, n=60):
    """A network of products of weights, which constant folding would calculate on loading."""
    nodes = [helper.make_node("MatMul", ["w", "w"], ["x0"])]
    nodes += [helper.make_node("MatMul", ["w", f"x{i}"], [f"x{i + 1}"]) for i in range(n)]
    nodes.append(helper.make_node("ReduceSum", [f"x{n}"], ["s"], keepdims=0))
    weights = numpy_helper.from_array(np.zeros((size, size), np.float32), "w")
    return network([*nodes, *plus("s")], [weights])


def laid_out_again_and_again(n, columns):
    """A network that transposes its weights ``n`` times in a row."""
    nodes = [helper.make_node("Transpose", [f"x{i}"], [f"x{i + 1}"]) for i in range(n)]
    nodes.append(helper.make_node("MatMul", ["log_mel", f"x{n}"], ["product"]))
    weights = numpy_helper.from_array(np.zeros((N_MELS, columns), np.float32), "x0")
    return network([*nodes, mean_of("product")], [weights])


def deep(n=60):
    """A network of nested graphs, each of which contains the next one twice."""
    flag = helper.make_tensor_value_info("out", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Identity", ["one"], ["out"])], "g", [], [flag])
    for _ in range(n):
        node = helper.make_node("If", ["yes"], ["out"], then_branch=graph, else_branch=graph)
        graph = helper.make_graph([node], "g", [], [flag])
        if len(graph.SerializeToString()) > 10**6:
            break
    node = helper.make_node("If", ["yes"], ["s"], then_branch=graph, else_branch=graph)
    return network([node, *plus("s")], [tensor("yes", True, "?"), tensor("one", [1.0], "f4")])


def one_line_deep(n=25):
    flag = helper.make_tensor_value_info("out", TensorProto.FLOAT, [1])
    end = helper.make_graph([helper.make_node("Identity", ["one"], ["out"])], "g", [], [flag])
    graph = end
    for _ in range(n):
        node = helper.make_node("If", ["yes"], ["out"], then_branch=graph, else_branch=end)
        graph = helper.make_graph([node], "g", [], [flag])
    node = helper.make_node("If", ["yes"], ["s"], then_branch=graph, else_branch=end)
    return network([node, *plus("s")], [tensor("yes", True, "?"), tensor("one", [1.0], "f4")])


def crowded(n=5_000):
    nodes = [helper.make_node("Identity", ["log_mel"], ["x0"])]
    nodes += [helper.make_node("Identity", [f"x{i}"], [f"x{i + 1}"]) for i in range(n)]
    return network([*nodes, mean_of(f"x{n}")])


def with_functions():
    content = network([helper.make_node("F", ["log_mel"], ["y"], domain="own"), mean_of("y")])
    model = onnx.load_model_from_string(content)
    node = helper.make_node("Identity", ["a"], ["b"])
    model.functions.append(
        helper.make_function("own", "F", ["a"], ["b"], [node], [helper.make_opsetid("", 17)])
    )
    return model.SerializeToString()


def said(*nodes):
    """A network with a harmless embedding and these nodes."""
    return network([mean_of("log_mel"), *nodes])


def answering(op, *inputs, tensors=(), **attributes):
    nodes = [
        helper.make_node("ReduceMean", ["log_mel"], ["m"], axes=[1], keepdims=0),
        helper.make_node(op, ["m", *inputs], ["embedding"], **attributes),
    ]
    return network(nodes, tensors)


DEPTH = 200_000
HOSTILE = {
    # Names of files and outputs.
    **{
        f"a file called {name!r}": (named(name), "not plain")
        for name in (
            *("../x", "/etc/passwd", "a/b", "..", ".", "", ".hidden", "CON", "nul.npz", "Aux.x"),
            *("com1", "LPT9.onnx", "C:x", "C:\\x", "a\\b", "a:b", "\\\\server\\x", "a\0b", "a\nb"),
            *("a\x1b[2J", "\u202eb", "x" * 300, "é", " a", "a "),
        )
    },
    "a network in another folder": (put("network", "file", value="../../etc/passwd"), "not name"),
    "a network with escapes in its name": (put("network", "file", value="\x1b[2J"), "not plain"),
    "an output with escapes in its name": (
        put("network", "features", value="\x1b]0;x\x07"),
        "plain",
    ),
    "a link to outside": (linked(NETWORK, "../outside"), "out of the bundle"),
    "a link to a secret": (linked(HEAD, "/etc/passwd"), "out of the bundle"),
    "a manifest that is a link": (linked(MANIFEST, "../outside"), "out of the bundle"),
    "a link to endless zeros": (linked(HEAD, "/dev/zero"), "out of the bundle"),
    "a link in a circle": (linked(HEAD, HEAD), "cannot read|out of the bundle"),
    "a folder for a file": (instead(NETWORK, lambda path: path.mkdir()), "not a file"),
    "a pipe for a file": (
        instead(NETWORK, lambda path: os.mkfifo(path)),
        "not a file",
    ),
    "a pipe for a manifest": (
        instead(MANIFEST, lambda path: os.mkfifo(path)),
        "not a file",
    ),
    # Names of the bundle, its target, selections and genres.
    "no name": (put("bundle_id", value=""), "not plain"),
    "a name with escapes": (put("bundle_id", value="\x1b[2Jx"), "not plain"),
    "a target with escapes": (put("target", value="a\x1b[2J"), "no name of a field"),
    "a target that is a path": (put("target", value="../x"), "no name of a field"),
    "no target": (put("target", value=""), "no name of a field"),
    "a selection with escapes": (put("presets", value={"\x1b[2J": ["Dub"]}), "not plain"),
    "two hundred thousand genres": (
        put("genres", value=[str(i) for i in range(200_000)]),
        "more than 2000",
    ),
    "a genre that nobody can read out": (put("genres", value=["x" * 2000, "b", "c"]), "."),
    "a genre turned round": (put("genres", value=["\u202ezzaJ", "Dub", "Bebop"]), "control"),
    "a genre of two lines": (put("genres", value=["a\nb", "Dub", "Bebop"]), "control"),
    "a family as long as the manifest": (
        put("parents", value={str(i): str(i + 1) for i in range(100_000)}),
        "unknown genres",
    ),
    "numbers for genres": (put("genres", value=[1, 2, 3]), "genres"),
    "nothing for genres": (put("genres", value=None), "genres"),
    # JSON.
    "brackets without an end": (manifest_of(b"[" * DEPTH), "manifest"),
    "objects without an end": (manifest_of(b'{"a":' * DEPTH), "manifest"),
    "a deep provenance": (
        lambda directory: (
            put("provenance", value={"x": "HERE"})(directory)
            or (directory / MANIFEST).write_text(
                (directory / MANIFEST).read_text().replace('"HERE"', "[" * DEPTH + "]" * DEPTH)
            )
        ),
        "manifest",
    ),
    "a manifest of 5 MB": (manifest_of(lambda: b" " * 5 * 2**20), "larger than"),
    "a number beyond numbers": (raw("1e400"), "."),
    "no number": (raw("NaN"), "manifest"),
    "an infinite number": (raw("Infinity"), "manifest"),
    "a number of 100,000 digits": (raw("1" * 100_000), "."),
    "an unknown rule with escapes": (put("aggregation", "rule", value="\x1b[2J" * 99), "manifest"),
    # Settings.
    **{
        f"{section} {key} of {value}": (
            put(section, key, value=value),
            "impossible|too large|manifest",
        )
        for section, key, values in (
            ("spectrogram", "sample_rate_hz", (0, -1, 10**9, 10**30, 0.5)),
            ("spectrogram", "n_fft", (0, 1, 3, -2, 2**20, 10**12)),
            ("spectrogram", "hop", (0, -1, 10**12)),
            ("spectrogram", "n_mels", (0, -1, 10**9)),
            ("spectrogram", "fmin_hz", (-1, 9_000, 1e308)),
            ("spectrogram", "fmax_hz", (0, 1e308)),
            ("spectrogram", "gain", (0, -1, 1e308)),
            ("slices", "frames", (0, -1, 10**5, 10**9)),
            ("slices", "hop_frames", (0, -1, 10**9)),
            ("slices", "max_slices", (0, -1, 10**9)),
            ("slices", "min_seconds", (0, -1, 1e308)),
            ("aggregation", "inverse_temperature", (0, -1, 1e308)),
            ("aggregation", "other_logit", (-1e308, 1e308)),
            ("aggregation", "threshold", (-1, 1.1, 1e308)),
        )
        for value in values
    },
    **{
        f"context {key} of {value}": (
            put(
                "context",
                value={"weight": 1.0, "inverse_temperature": 1.0, "threshold": 0.5, key: value},
            ),
            "impossible context",
        )
        for key, value in (
            ("weight", -1),
            ("weight", 1e308),
            ("evidence", -1),
            ("evidence", 1e308),
            ("inverse_temperature", 0),
            ("threshold", 2),
        )
    },
    **{
        f"sampling {key} of {value}": (put("sampling", value={key: value}), "impossible sampling")
        for key, value in (
            ("min_slices", 0),
            ("max_slices", 10**9),
            ("z", -1),
            ("z", 1e308),
            ("min_gain", -1),
        )
    },
    "all slices, a frame apart": (
        put("slices", value={"frames": 11_000, "hop_frames": 1, "position": "all"}),
        "too large",
    ),
    # Arrays.
    "an array that claims 4 TB": (file(HEAD, lambda: claiming((10**12,))), "no plain arrays"),
    "an array that claims less than nothing": (
        file(HEAD, lambda: claiming((-1, -3), bytes(12))),
        "no plain",
    ),
    "an array that claims 0 x 10^12": (file(HEAD, lambda: claiming((0, 10**12))), "does not fit"),
    "an array beyond 64 bits": (file(HEAD, lambda: claiming((2**40, 2**40))), "no plain arrays"),
    "an array of many axes": (
        file(HEAD, lambda: claiming((1,) * 100, bytes(4))),
        "no plain arrays",
    ),
    "an array of objects": (
        file(HEAD, lambda: claiming((3, 3), bytes(72), "|O")),
        "no plain arrays",
    ),
    "an array of structures": (
        file(HEAD, lambda: archive(("weights.npy", npy((1,), bytes(8), [("a", "<f8")])))),
        "no plain arrays",
    ),
    "a header that is a program": (
        file(HEAD, lambda: archive(("weights.npy", npy("__import__('os').system('false')")))),
        "no plain arrays",
    ),
    "a header of great depth": (
        file(HEAD, lambda: archive(("weights.npy", npy("(" * 5000 + ")" * 5000)))),
        "no plain arrays",
    ),
    "an array that unpacks to 256 MB": (file(HEAD, bomb), "no plain arrays"),
    "an array that unpacks to more than it says": (file(HEAD, lying_bomb), "no plain arrays"),
    "a thousand arrays": (
        file(HEAD, lambda: archive(*((f"{i}.npy", npy((0,))) for i in range(1000)))),
        "no plain arrays",
    ),
    "an array packed otherwise": (
        file(HEAD, lambda: archive(("weights.npy", npy((3,), bytes(12))), how=zipfile.ZIP_LZMA)),
        "no plain arrays",
    ),
    "a probe of ten thousand slices that are not there": (
        file(PROBE, lambda: archive(("slices.npy", npy((10_000, FRAMES, N_MELS))))),
        "no plain arrays",
    ),
    # Networks.
    "weights elsewhere": (file(NETWORK, lambda: external("../../etc/passwd")), "other files"),
    "weights at an absolute path": (file(NETWORK, lambda: external("/etc/passwd")), "other files"),
    "weights beside it": (file(NETWORK, lambda: external("head.npz")), "other files"),
    "weights elsewhere, in an attribute": (file(NETWORK, external_in_attribute), "other files"),
    "weights that claim 4 TB": (file(NETWORK, claiming_weights), "impossible shape"),
    "an operator of its own": (
        file(
            NETWORK,
            lambda: network(
                [helper.make_node("Evil", ["log_mel"], ["embedding"], domain="evil")],
                opsets=(("", 17), ("evil", 1)),
            ),
        ),
        "not ONNX' own",
    ),
    "an operator of Microsoft's": (
        file(
            NETWORK,
            lambda: network(
                [
                    helper.make_node("Gelu", ["log_mel"], ["y"], domain="com.microsoft"),
                    mean_of("y"),
                ],
                opsets=(("", 17), ("com.microsoft", 1)),
            ),
        ),
        "not ONNX' own",
    ),
    "an operator of Microsoft's, disguised": (file(NETWORK, disguised_operator), "no ONNX file"),
    **{
        f"{what}, disguised": (
            file(NETWORK, lambda within=within: disguised(within[-1], b"x", *within[:-1])),
            "no ONNX file",
        )
        for what, within in {
            "a domain": (7, 1, 7),
            "weights elsewhere": (7, 5, 13),
            "weights in an attribute elsewhere": (7, 1, 5, 5, 13),
            "training": (20,),
            "a function": (25,),
        }.items()
    },
    "a field of no number": (
        file(NETWORK, lambda: network([mean_of("log_mel")]) + field(0, b"x")),
        "no ONNX file",
    ),
    "a group": (
        file(NETWORK, lambda: network([mean_of("log_mel")]) + b"\x3b\x3c"),
        "no ONNX file",
    ),
    "sparse weights of 32 GB": (file(NETWORK, sparse), "sparse"),
    "a sparse constant of 32 GB": (file(NETWORK, lambda: sparse(as_node=True)), "sparse"),
    "an operator that is no text": (
        file(
            NETWORK, lambda: network([mean_of("log_mel")]).replace(b"ReduceMean", b"\xd5educeMean")
        ),
        "no text",
    ),
    "an output that is no text": (
        file(NETWORK, lambda: network([mean_of("log_mel")]).replace(b"tags", b"\xd5ags")),
        "no text",
    ),
    "functions": (file(NETWORK, with_functions), "not ONNX' own|functions"),
    "graphs that double in depth": (file(NETWORK, deep), "deep|complicated|more than"),
    "graphs in graphs in graphs": (file(NETWORK, one_line_deep), "too deep"),
    "thirty thousand operators": (file(NETWORK, crowded), "more than"),
    "800 GB at run time": (file(NETWORK, lambda: filled(200, 1000, 1000, 1000)), "take the probe"),
    "what doubles forty times": (file(NETWORK, doubling), "take the probe"),
    "a loop that never ends": (file(NETWORK, endless), "take the probe"),
    "a loop that never ends and grows": (
        file(NETWORK, lambda: endless(grow=True)),
        "take the probe",
    ),
    "an answer of NaN": (file(NETWORK, lambda: answering("Log")), "take the probe|otherwise"),
    "an answer of one number": (
        file(NETWORK, lambda: answering("ReduceSum", keepdims=0)),
        "take the probe",
    ),
    "an answer of three axes": (
        file(NETWORK, lambda: network([helper.make_node("Identity", ["log_mel"], ["embedding"])])),
        "take the probe",
    ),
    "an answer of whole numbers": (file(NETWORK, lambda: answering("Cast", to=7)), "."),
    "an answer of text": (file(NETWORK, lambda: answering("Cast", to=8)), "."),
    "an answer for another genre": (
        file(NETWORK, lambda: answering("Concat", "m", axis=1)),
        "take the probe",
    ),
}
# Cases that take several seconds, up to the time limit.
SLOW = {"a loop that never ends", "a loop that never ends and grows"}
