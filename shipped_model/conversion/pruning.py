"""The same network with fewer filters.

After training, 497 of the front end's 561 filters have no weights: their output is the same for any
music.  One filter whose output is always 1 replaces them, for equal results with a tenth of the
arithmetic.
"""

from __future__ import annotations

import numpy as np

from genre_model.core.arrays import Bools
from shipped_model.conversion.checkpoint import Array, Variables, batch_norm, layer

N_BRANCHES = 5
# A filter's gain is the sum of its absolute weights times its batch norm's absolute scale: live
# filters have 0.009 or more, dead ones less than 1e-8.
DEAD_GAIN = 1e-6


def without_dead(variables: Variables) -> Variables:
    """The same network, with one filter that is always 1 in place of all constant filters.

    That filter is needed because the next layer pads with zeros, so that constant inputs change its
    output at the ends.
    """
    kept, constant = zip(
        *(branch_filters(variables, index) for index in range(N_BRANCHES)), strict=True
    )
    smaller = dict(variables)
    for index, live in enumerate(kept):
        smaller |= smaller_branch(variables, index, live, always_one=index == N_BRANCHES - 1)
    live, answer = np.concatenate(kept), np.concatenate(constant)
    kernel = variables["conv2d_5/kernel"]  # (7, channels, 1, 64)
    merged = np.einsum("c,hcio->hio", np.where(live, 0, answer), kernel)[:, None]
    smaller["conv2d_5/kernel"] = np.concatenate([kernel[:, live], merged], axis=1)
    return smaller | smaller_dense(variables, live, answer)


def branch_filters(variables: Variables, index: int) -> tuple[Bools, Array]:
    """Which of a branch's filters have weights, and the output of each if it is constant."""
    kernel, bias = layer(variables, "conv2d", index)
    scale, shift = batch_norm(variables, index + 1)
    gain = np.abs(kernel).sum(axis=(0, 1, 2)) * np.abs(scale)
    return gain > DEAD_GAIN, scale * np.maximum(bias, 0) + shift


def smaller_branch(variables: Variables, index: int, live: Bools, *, always_one: bool) -> Variables:
    """A branch's live filters, followed by one that is always 1 if ``always_one`` is set."""
    norm, conv = f"batch_normalization_{index + 1}", "conv2d" + (f"_{index}" if index else "")
    names = [f"{conv}/kernel", f"{conv}/bias"]
    names += [f"{norm}/{name}" for name in ("gamma", "beta", "moving_mean", "moving_variance")]
    ones = {f"{norm}/beta": 1, f"{norm}/moving_variance": 1}
    found = {name: variables[name][..., live] for name in names}
    if always_one:
        for name, values in found.items():
            added = np.full((*values.shape[:-1], 1), ones.get(name, 0), np.float32)
            found[name] = np.concatenate([values, added], axis=-1)
    return found


def smaller_dense(variables: Variables, live: Bools, answer: Array) -> Variables:
    """The first dense layer, with the constant filters' outputs moved to its bias.

    In its input the maximum and the mean of each channel alternate; the front end comes first.
    """
    name = "batch_normalization_9"
    scale, shift = batch_norm(variables, 9)
    kernel, bias = layer(variables, "dense", 0)
    n = len(live)
    constant = np.repeat(np.where(live, 0, answer), 2) * scale[: 2 * n] + shift[: 2 * n]
    dead = np.repeat(~live, 2)
    rows = np.concatenate([np.repeat(live, 2), np.ones(len(kernel) - 2 * n, bool)])
    at = int(2 * live.sum())  # place of the maximum and the mean of the filter that is always 1
    found = {
        f"{name}/{part}": np.insert(variables[f"{name}/{part}"][rows], at, [rest, rest])
        for part, rest in (("gamma", 0), ("beta", 0), ("moving_mean", 0), ("moving_variance", 1))
    }
    found["dense/kernel"] = np.insert(kernel[rows], at, np.zeros((2, 1)), axis=0)
    found["dense/bias"] = bias + constant[dead] @ kernel[: 2 * n][dead]
    return found
