"""Writes layer_norm.json: layer norm and its gradients in float64. Run: python test/reference/layer_norm.py"""

import numpy as np
import torch

import plain

rng = np.random.default_rng(20220707)

# name, shape of x, scale and offset of its values, epsilon
CASES = [
    ("one row", (1, 7), 1, 0, 1e-5),
    ("D = 1", (4, 1), 1, 0, 1e-5),
    ("rank 1", (6,), 1, 0, 1e-5),
    ("rank 4, odd sizes", (2, 3, 1, 5), 1, 0, 1e-3),
    ("wider than a vector", (3, 37), 1, 0, 1e-5),
    ("several vectors and a rest", (5, 131), 1, 0, 1e-5),
    ("many rows", (67, 9), 1, 0, 1e-5),
    ("large values", (3, 21), 1e12, 0, 1e-5),
    ("small values", (3, 21), 1e-4, 0, 1e-5),
    ("tiny values", (3, 21), 1e-25, 0, 1e-5),
    ("huge values", (3, 21), 1e30, 0, 1e-5),
    ("mean far above the deviation", (3, 21), 1e-2, 1e4, 1e-5),
]


def case(name, shape, scale, offset, epsilon):
    width = shape[-1]
    x = plain.leaf(plain.exact(rng.standard_normal(shape) * scale + offset))
    gamma = plain.leaf(plain.exact(1 + rng.standard_normal(width) / 4))
    beta = plain.leaf(plain.exact(rng.standard_normal(width) / 4))
    dy = plain.exact(rng.standard_normal(shape))
    y = torch.nn.functional.layer_norm(x, (width,), gamma, beta, epsilon)
    y.backward(torch.tensor(dy))
    rstd = 1 / torch.sqrt(x.detach().var(-1, unbiased=False) + epsilon)
    terms = rstd.unsqueeze(-1) * torch.tensor(dy).abs() * gamma.detach().abs()
    return {
        "name": name,
        "shape": list(shape),
        "epsilon": epsilon,
        "inputs": {k: plain.numbers(v.detach() if torch.is_tensor(v) else v) for k, v in
                   {"x": x, "gamma": gamma, "beta": beta, "dy": dy}.items()},
        "y": plain.numbers(y),
        # dx is a difference of terms of this size, so this is what its rounding is relative to.
        "dxTerms": float(terms.max()),
        "grads": {"x": plain.numbers(x.grad), "gamma": plain.numbers(gamma.grad), "beta": plain.numbers(beta.grad)},
    }


plain.write(__file__, [case(*c) for c in CASES])
