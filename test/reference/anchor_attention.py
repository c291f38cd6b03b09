"""Image-to-anchor attention by its definition (keys projected, G formed), with autograd, in float64.

Run: python test/reference/anchor_attention.py   (PyTorch; the tests need only the JSON it writes)
"""

import math

import numpy as np
import torch
import torch.nn.functional as F

from plain import exact, leaf, numbers, write

NAMES = ["x", "wq", "wk", "lnq.gamma", "lnq.beta", "lnk.gamma", "lnk.beta", "logitScale"]


def attention(p, anchors, counts, detach_norm):
    """z [B, C] and the weights [B, C, M]; a class without anchors has z = -inf."""
    x = p["x"]
    batch, dim = x.shape
    q = F.layer_norm(x, (dim,), p["lnq.gamma"], p["lnq.beta"], 1e-5) @ p["wq"]
    logits, weights = [], torch.zeros(batch, len(counts), anchors.shape[1])
    for c, count in enumerate(counts):
        if count == 0:
            logits.append(torch.full((batch,), -math.inf))
            continue
        t = torch.tensor(anchors[c, :count])
        k = F.layer_norm(t, (dim,), p["lnk.gamma"], p["lnk.beta"], 1e-5) @ p["wk"]
        a = torch.softmax(q @ k.T * dim**-0.5, 1)
        g = a @ t
        norm = g.norm(dim=1, keepdim=True).clamp_min(1e-12)
        g = g / (norm.detach() if detach_norm else norm)
        logits.append(p["logitScale"].exp() * (F.normalize(x, eps=1e-12) * g).sum(1))
        weights[:, c, :count] = a
    return torch.stack(logits, 1), weights


def case(name, rng, batch, counts, slots, dim, logit_scale=3.0, detach_norm=False, x_scale=1.0, shift=0.0, spread=1.0):
    near_identity = lambda: np.eye(dim) + 0.3 * rng.normal(size=(dim, dim))
    values = {
        "x": x_scale * rng.normal(size=(batch, dim)),
        "wq": spread * near_identity(),
        "wk": near_identity(),
        "lnq.gamma": 1 + 0.2 * rng.normal(size=dim),
        "lnq.beta": 0.2 * rng.normal(size=dim),
        "lnk.gamma": 1 + 0.2 * rng.normal(size=dim),
        "lnk.beta": 0.2 * rng.normal(size=dim),
        "logitScale": np.array(logit_scale),
    }
    values = {k: exact(v) for k, v in values.items()}
    anchors = exact(shift + rng.normal(size=(len(counts), slots, dim)))
    params = {k: leaf(v) for k, v in values.items()}
    z, weights = attention(params, anchors, counts, detach_norm)
    dz = exact(rng.normal(size=(batch, len(counts))))
    finite = torch.isfinite(z)
    if z.requires_grad:
        (torch.where(finite, z, 0.0) * torch.tensor(dz)).sum().backward()
    grads = {k: p.grad if p.grad is not None else torch.zeros_like(p) for k, p in params.items()}
    assert grads["lnk.beta"].abs().max() < 1e-9 * max(1.0, float(grads["lnk.gamma"].abs().max()))
    grads["lnk.beta"] = torch.zeros_like(grads["lnk.beta"])
    return {
        "name": name,
        "inputs": {k: numbers(v) for k, v in values.items()} | {"anchors": numbers(anchors), "counts": counts, "detachNorm": detach_norm},
        "dz": numbers(dz),
        "z": numbers(z),
        "weights": numbers(weights),
        "grads": {k: numbers(grads[k]) for k in NAMES},
    }


def main():
    rng = np.random.default_rng(11)
    ln100 = float(exact(math.log(100)))
    write(
        __file__,
        [
            case("full table", rng, 4, [3, 3, 3, 3, 3], 3, 8),
            case("ragged", rng, 5, [7, 1, 4, 2], 7, 13),
            case("a class without anchors", rng, 3, [2, 0, 5], 5, 6),
            case("gradient of the norm stopped", rng, 5, [3, 1, 4], 4, 9, detach_norm=True),
            case("one image, one class", rng, 1, [3], 3, 5),
            case("one anchor a class", rng, 3, [1, 1], 1, 7),
            case("largest scale, sharp attention", rng, 6, [5, 3], 5, 8, logit_scale=ln100, spread=8.0),
            case("tiny images", rng, 3, [2, 3], 3, 6, x_scale=1e-6),
            case("images below the clamp", rng, 2, [2, 3], 3, 6, x_scale=1e-14),
            case("anchors far from the origin", rng, 4, [4, 2, 3], 4, 10, shift=5.0),
            case("nothing but empty classes", rng, 2, [0, 0], 2, 4),
        ],
    )


main()
