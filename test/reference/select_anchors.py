"""Anchor sentence selection by its definition, in float64.

Run: python test/reference/select_anchors.py   (PyTorch; the tests need only the JSON it writes)
"""

import math

import numpy as np
import torch

from plain import exact, numbers, unit_rows, write


def case(name, text, counts, image, labels, logit_scale, anchors):
    t, v, labels = torch.tensor(text), torch.tensor(image), torch.tensor(labels)
    scale = math.exp(logit_scale)
    log_softmax = torch.log_softmax(scale * t @ v.T, 1)
    losses, selected, first = torch.zeros(len(text)), [], 0
    for c, count in enumerate(counts):
        own = slice(first, first + count)
        if (labels == c).any():
            losses[own] = -log_softmax[own][:, labels == c].mean(1)
        elif count:
            mean = t[own].mean(0)
            losses[own] = -scale * (t[own] @ (mean / mean.norm()))
        # Equal sentences must tie, so the last digits, which depend on the order of the sums, don't count.
        order = sorted(range(count), key=lambda s: (round(losses[first + s].item(), 11), s))
        selected.append(order[:anchors])
        first += count
    inputs = {"text": numbers(text), "counts": counts, "image": numbers(image), "labels": labels.tolist()}
    inputs |= {"logitScale": logit_scale, "anchors": anchors}
    return {"name": name, "inputs": inputs, "losses": numbers(losses), "selected": selected}


def main():
    rng = np.random.default_rng(3)
    rows = lambda n, d: unit_rows(rng.normal(size=(n, d)))
    scale = float(exact(math.log(1 / 0.07)))
    twins = rows(19, 11)
    twins[[4, 9, 12]] = twins[3]
    twins[18] = twins[15]
    write(
        __file__,
        [
            case("ragged", rows(17, 6), [5, 1, 8, 3], rows(23, 6), [i % 4 for i in range(23)], scale, 3),
            case("more anchors than sentences", rows(4, 3), [3, 1], rows(5, 3), [1, 0, 0, 1, 0], 0.0, 9),
            case("no image, no sentence", rows(9, 5), [4, 0, 5], rows(6, 5), [0, 1, 0, 0, 1, 0], scale, 2),
            case("the same sentence again", twins, [13, 6], rows(29, 11), [i % 2 for i in range(29)], math.log(100), 13),
            case("one image", rows(3, 4), [3], rows(1, 4), [0], scale, 2),
        ],
    )


main()
