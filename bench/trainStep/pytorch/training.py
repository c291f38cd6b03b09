"""A training step of a row."""
import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from memory import watch_memory
from rows import PROBLEMS, Files


class Trained:
    def __init__(self, request):
        row, self.mode = request['row'], request['mode']
        memory_format = {'channels_last': torch.channels_last, 'contiguous': torch.contiguous_format}[request['format']]
        self.problem = PROBLEMS[row['kind']](row, Files(request['folder'], memory_format))
        self.formula, self.clip_norm = self.problem.formula, row.get('clipNorm')
        self.autocast = request['autocast']
        self.loss = torch.compile(self.forward) if request['compiled'] else self.forward
        self.optimiser = self.adamw(row)

    def adamw(self, row):
        groups = {}
        for name, p in self.problem.parameters.items():
            decay = row['weightDecay'] if p.ndim > 1 and not name.endswith('bias') else 0.0
            groups.setdefault((decay, row['learningRate'] * self.problem.rate(name)), []).append(p)
        groups = [{'params': ps, 'weight_decay': decay, 'lr': lr} for (decay, lr), ps in groups.items()]
        return torch.optim.AdamW(groups, fused=True)

    def forward(self):
        with torch.autocast('cpu', torch.bfloat16, enabled=self.autocast):
            return self.problem.loss()

    def step(self):
        self.optimiser.zero_grad(set_to_none=True)
        loss = self.loss()
        loss.backward()
        if self.mode == 'update':
            if self.clip_norm is not None:
                torch.nn.utils.clip_grad_norm_(self.problem.parameters.values(), self.clip_norm, foreach=True)
            self.optimiser.step()
            self.problem.after()
        return loss.item()

    def timed(self, steps):
        memory, seconds, losses = watch_memory(), [], []
        for _ in range(steps):
            start = time.perf_counter()
            losses.append(self.step())
            seconds.append(time.perf_counter() - start)
        return {'seconds': seconds, 'losses': losses, **({'memory': memory()} if memory else {})}

    def account(self):
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            seconds = self.timed(1)['seconds'][0]
        ops = [e for e in profile.key_averages() if e.key.startswith('aten::')]
        ops.sort(key=lambda e: -e.self_cpu_time_total)
        top = [{'name': e.key, 'count': e.count, 'seconds': e.self_cpu_time_total / 1e6} for e in ops[:6]]
        with FlopCounterMode(display=False) as counter:
            self.step()
        return {
            'ops': sum(e.count for e in ops), 'seconds': seconds, 'top': top,
            'flop': counter.get_total_flops(), 'peakRate': product_rate(),
        }


def product_rate(size=2048, times=5):
    """Floating-point operations a second of one large matrix product."""
    a, b, best = torch.randn(size, size), torch.randn(size, size), float('inf')
    for _ in range(times):
        start = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best
