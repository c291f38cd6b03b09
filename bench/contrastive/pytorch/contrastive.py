"""The loss and its gradient, and both in float64."""
import math

import numpy as np
import torch

import kernels
from task import Task, autocast, compiled
from tensors import batch_of

NAMES = ('image', 'text', 'teacherImage', 'teacherText', 'labels')


class Pass(Task):
    def __init__(self, request):
        image, text, *teacher, labels = batch_of(request, *NAMES)
        leaves = [x.requires_grad_() for x in (image, text, torch.tensor(request['logitScale']))]
        rest = (labels, *teacher, torch.tensor(request['logitScale']), request['smoothing'], request['distillWeight'])
        function = compiled(request, kernels.contrastive)

        def loss():
            with autocast(request):
                return function(*leaves, *rest)

        def forward():
            with torch.no_grad():
                return loss()

        self.modes = {'forward': forward, 'both': lambda: torch.autograd.grad(loss(), leaves)}

    def compared(self, mode, results):
        return results[:2] if mode == 'both' else results


def reference(request, rows=512):
    """By their closed form, without a whole matrix."""
    beta, smoothing = request['distillWeight'], request['smoothing']
    *features, labels = batch_of(request, *NAMES)
    v, t, tv, tt = (x.double() for x in features)
    pairs, scale = len(v), math.exp(float(np.float32(request['logitScale'])))
    blocks = [slice(i, i + rows) for i in range(0, pairs, rows)]
    counts = torch.bincount(labels.long())[labels.long()].double()

    def tiles():
        for block in blocks:
            yield block, scale * v[block] @ t.T, scale * tv[block] @ tt.T

    lse, teacher = torch.empty(pairs).double(), torch.empty(pairs).double()
    columns = [torch.full((pairs,), -math.inf).double() for _ in range(2)]
    for block, s, u in tiles():
        lse[block], teacher[block] = s.logsumexp(1), u.logsumexp(1)
        columns = [torch.logaddexp(old, new.logsumexp(0)) for old, new in zip(columns, (s, u))]
    loss, dv, dt = (lse.mean() + columns[0].mean()) / 2, torch.zeros_like(v), torch.zeros_like(t)
    for block, s, u in tiles():
        targets = (1 - smoothing) * (labels[block, None] == labels) / counts[block, None] + smoothing / pairs
        soft = (u - teacher[block, None]).exp() + (u - columns[1]).exp()
        mixed = 2 * (1 - beta) * targets + beta * soft
        loss -= (mixed * s).sum() / (2 * pairs)
        ds = ((s - lse[block, None]).exp() + (s - columns[0]).exp() - mixed) / (2 * pairs)
        dv[block] = scale * ds @ t
        dt += scale * ds.T @ v[block]
    return {'forward': loss, 'both': [dv, dt]}
