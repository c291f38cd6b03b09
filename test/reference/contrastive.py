"""Class-wise contrastive loss and distillation by their definitions, with autograd, in float64.

Run: python test/reference/contrastive.py   (PyTorch; the tests need only the JSON it writes)
"""

import math

import numpy as np
import torch

from plain import exact, leaf, numbers, unit_rows, write


def smoothed_positive_loss(logits, labels, smoothing):
    """Mean over rows of: the mean over the row's positives of -log softmax, smoothed by the mean over all."""
    total = 0
    for i in range(len(labels)):
        minus_log = -torch.log_softmax(logits[i], 0)
        positives = [j for j in range(len(labels)) if labels[j] == labels[i]]
        total = total + (1 - smoothing) * minus_log[positives].mean() + smoothing * minus_log.mean()
    return total / len(labels)


def soft_loss(logits, teacher):
    total = 0
    for i in range(logits.shape[0]):
        total = total - (torch.softmax(teacher[i], 0) * torch.log_softmax(logits[i], 0)).sum()
    return total / logits.shape[0]


def case(name, image, text, labels, logit_scale, smoothing=0.0, teacher=None, weight=None):
    v, t, s = leaf(image), leaf(text), leaf(np.array(logit_scale))
    similarity = s.exp() * v @ t.T
    contrastive = (
        smoothed_positive_loss(similarity, labels, smoothing) + smoothed_positive_loss(similarity.T, labels, smoothing)
    ) / 2
    distillation = torch.tensor(0.0)
    beta = 0.0
    if teacher:
        st = math.exp(teacher["logitScale"]) * torch.tensor(teacher["image"]) @ torch.tensor(teacher["text"]).T
        distillation = (soft_loss(similarity, st) + soft_loss(similarity.T, st.T)) / 2
        beta = 0.5 if weight is None else weight
    loss = (1 - beta) * contrastive + beta * distillation
    loss.backward()
    # The identities of the closed-form gradient: ds = sum <v, dv> = sum <t, dt>.
    assert torch.allclose(s.grad, (v * v.grad).sum(), rtol=1e-9, atol=1e-12)
    assert torch.allclose(s.grad, (t * t.grad).sum(), rtol=1e-9, atol=1e-12)
    inputs = {"image": numbers(image), "text": numbers(text), "labels": labels, "logitScale": logit_scale}
    inputs["smoothing"] = smoothing
    if teacher:
        inputs["teacher"] = {k: numbers(v) if isinstance(v, np.ndarray) else v for k, v in teacher.items()}
    if weight is not None:
        inputs["distillWeight"] = weight
    outputs = {"loss": numbers(loss), "contrastive": numbers(contrastive), "distillation": numbers(distillation)}
    grads = {"image": numbers(v.grad), "text": numbers(t.grad), "logitScale": numbers(s.grad)}
    return {"name": name, "inputs": inputs, "outputs": outputs, "grads": grads}


def main():
    rng = np.random.default_rng(7)
    rows = lambda b, d: unit_rows(rng.normal(size=(b, d)))
    pairs = lambda b, d, noise: (lambda v: (v, unit_rows(v + noise * rng.normal(size=v.shape))))(rows(b, d))
    teach = lambda b, d, s: {"image": rows(b, d), "text": rows(b, d), "logitScale": float(exact(s))}
    scale = float(exact(math.log(1 / 0.07)))
    ln100 = float(exact(math.log(100)))
    many = [3, 1, 3, 0, 1, 3, 2]
    write(
        __file__,
        [
            case("multiple positives", rows(7, 5), rows(7, 5), many, scale),
            case("one element", rows(1, 4), rows(1, 4), [5], scale),
            case("one element with a teacher", rows(1, 4), rows(1, 4), [5], scale, 0.1, teach(1, 3, 2.0)),
            case("two of one class", rows(2, 3), rows(2, 3), [4, 4], 0.0),
            case("smoothing, distinct classes", rows(13, 19), rows(13, 19), list(range(13)), scale, 0.1),
            case("smoothing 1", rows(5, 3), rows(5, 3), [0, 1, 1, 0, 2], scale, 1.0),
            case("teacher of another size", rows(11, 6), rows(11, 6), [i % 4 for i in range(11)], scale, 0.1, teach(11, 9, 3.0)),
            case("teacher alone", rows(6, 4), rows(6, 4), [0, 0, 1, 2, 3, 3], 1.5, 0.0, teach(6, 2, 4.0), 1.0),
            case("teacher watched, without weight", rows(6, 4), rows(6, 4), [0, 0, 1, 2, 3, 3], 1.5, 0.2, teach(6, 2, 4.0), 0.0),
            case("largest scale", rows(9, 8), rows(9, 8), [i // 2 for i in range(9)], ln100, 0.1, teach(9, 5, ln100), 0.3),
            case("largest scale, converged", *pairs(9, 16, 0.05), list(range(9)), ln100),
            case("tiny features", exact(1e-6 * rows(5, 4)), exact(1e-6 * rows(5, 4)), [0, 0, 1, 2, 2], scale),
        ],
    )


main()
