"""A step of torch.optim.AdamW, and its formula in float64."""
import numpy as np
import torch

from task import Task
from tensors import batch_of

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def vectors(request):
    """Parameters, moments and gradient (problem.ts has the same), and their lengths."""
    pool, lengths = (t.numpy() for t in batch_of(request, 'pool', 'lengths'))

    def take(offset, values):
        return torch.from_numpy(np.resize(np.roll(values.astype('<f4'), -offset), lengths.sum()))

    wide = pool.astype('<f8')
    parts = take(0, 0.02 * wide), take(1000, 1e-3 * wide), take(2000, 1e-6 * (wide * wide + 0.1)), take(3000, 1e-3 * wide)
    return parts, lengths.tolist()


class Pass(Task):
    def __init__(self, request):
        self.start, lengths = vectors(request)
        self.request = request
        self.params, self.m, self.v, self.grads = ([t.clone() for t in vector.split(lengths)] for vector in self.start)
        self.lengths = lengths
        self.optimiser = torch.optim.AdamW(
            [p.requires_grad_() for p in self.params], request['learningRate'], (BETA1, BETA2), EPSILON,
            request['weightDecay'], **{request['implementation']: True},
        )
        for p, m, v, grad in zip(self.params, self.m, self.v, self.grads):
            p.grad = grad
            self.optimiser.state[p] = {'step': torch.tensor(0.0), 'exp_avg': m, 'exp_avg_sq': v}

        def clipped():
            torch.nn.utils.clip_grad_norm_(self.params, request['clipNorm'], foreach=True)
            self.optimiser.step()

        self.modes = {'step': self.optimiser.step, 'clipped': clipped}

    @torch.no_grad()
    def reset(self):
        for old, vector in zip(self.start, (self.params, self.m, self.v, self.grads)):
            for part, values in zip(vector, old.split(self.lengths)):
                part.copy_(values)
        for p in self.params:
            self.optimiser.state[p]['step'].fill_(self.request['step'] - 1)

    @torch.no_grad()
    def compared(self, mode, results):
        params, m, v = (torch.cat(vector)[:: self.request['stride']] for vector in (self.params, self.m, self.v))
        return params - self.start[0][:: self.request['stride']], m, v


def reference(request):
    """By the formula, with the constants as Node has them."""
    parts, _ = vectors(request)
    grad = parts[3].double()
    norm = grad.square().sum().sqrt()
    p, m, v, g = (t[:: request['stride']].double() for t in parts)

    def step(g):
        new_m = BETA1 * m + (1 - BETA1) * g
        new_v = BETA2 * v + (1 - BETA2) * g * g
        unbiased = new_m / (1 - BETA1 ** request['step'])
        deviation = (new_v / (1 - BETA2 ** request['step'])).sqrt() + EPSILON
        return -request['learningRate'] * (request['weightDecay'] * p + unbiased / deviation), new_m, new_v

    return {'step': step(g), 'clipped': step(g * min(1.0, float(request['clipNorm'] / (norm + 1e-6))))}
