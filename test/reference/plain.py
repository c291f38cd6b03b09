"""Shared by the scripts beside it: float32-exact inputs, float64 mathematics, compact JSON."""

import json
import pathlib

import numpy as np
import torch

torch.set_default_dtype(torch.float64)


def exact(array):
    """Values that float32 holds exactly, as float64."""
    return np.asarray(array, np.float32).astype(np.float64)


def unit_rows(array):
    return exact(array / np.linalg.norm(array, axis=-1, keepdims=True))


def leaf(array):
    return torch.tensor(array, requires_grad=True)


def numbers(value, digits=10):
    """A tensor or array as nested lists of short numbers; ±Infinity becomes null."""
    if isinstance(value, torch.Tensor):
        value = value.detach().numpy()
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        short = np.vectorize(lambda v: float(f"{v:.{digits}g}") if np.isfinite(v) else None, otypes=[object])
        return short(value).tolist() if value.ndim else short(value).item()
    return value.tolist() if hasattr(value, "tolist") else value


def write(script, cases):
    path = pathlib.Path(script).with_suffix(".json")
    path.write_text("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n")
    print(path.name, path.stat().st_size, "bytes")
