"""PyTorch's times of the two kernels on this machine's GPU, beside those of `vl-ltr selftest --device cuda --bench`:
    python3 bench/gpu.py [--only SIZE] [--seconds 100] [--json FILE]
Medians of events, forward + backward, eager and compiled. What does not fit in the card's memory is said so."""
import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent / 'pytorch'))
import kernels


def median(step, repeats=7):
    for _ in range(2):
        step()
    times = []
    for _ in range(repeats):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        step()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end))
    return statistics.median(times)


def contrastive(b, d, dtype):
    unit = lambda: torch.nn.functional.normalize(torch.randn(b, d, device='cuda'), dim=-1)
    v, t = unit().requires_grad_(), unit().requires_grad_()
    scale = torch.tensor(3.0, device='cuda', requires_grad=True)
    labels = torch.randint(0, max(1, b // 4), (b,), device='cuda')
    others = (labels, unit(), unit(), torch.tensor(4.6, device='cuda'), 0.1, 0.5)

    def make(f):
        def step():
            with torch.autocast('cuda', torch.bfloat16, enabled=dtype == 'bf16'):
                loss = f(v, t, scale, *others)
            torch.autograd.grad(loss, [v, t, scale])
        return step

    return make, kernels.contrastive


def attention(c, d, b, dtype, authors):
    anchors = torch.randn(c, 64, d, device='cuda')
    p = kernels.head_parameters(d, 'cuda')
    x = torch.randn(b, d, device='cuda', requires_grad=True)
    scale = torch.tensor(4.6, device='cuda', requires_grad=True)
    upstream = torch.randn(b, c, device='cuda')
    table = anchors if authors else kernels.make_table(anchors)
    wanted = [x, scale, *p.values()] if authors else [x, scale, *(v for k, v in p.items() if k != 'bk')]

    def make(f):
        def step():
            with torch.autocast('cuda', torch.bfloat16, enabled=dtype == 'bf16'):
                z = f(x, table, p, scale)
            torch.autograd.grad(z.float(), wanted, upstream)
        return step

    return make, kernels.authors_attention if authors else kernels.algebra_attention


def jobs():
    for b, d in [(2048, 1024), (16384, 512), (65536, 512)]:
        for dtype in ['bf16', 'fp32'] if b < 60000 else ['bf16']:
            yield 'contrastive', f'{b}x{d}', dtype, lambda b=b, d=d, dtype=dtype: contrastive(b, d, dtype)
    for c, d, b in [(1000, 1024, 128), (1000, 512, 1024), (8142, 512, 128)]:
        for dtype in ['bf16', 'fp32']:
            for authors in [False, True]:
                name = 'anchor attention, formula' if authors else 'anchor attention, algebra'
                yield name, f'C={c} D={d} B={b}', dtype, lambda a=(c, d, b, dtype, authors): attention(*a)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument('--seconds', type=float, default=100, help='no new measurement after this time')
    arguments.add_argument('--only', default='', help='sizes with this in their names alone, such as C=8142')
    arguments.add_argument('--json')
    options = arguments.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = False
    begun, results = time.time(), []
    for op, size, dtype, build in jobs():
        if options.only not in size:
            continue
        row = {'op': op, 'size': size, 'precision': dtype}
        for form in ['eager', 'compiled']:
            if time.time() - begun > options.seconds:
                row[form] = 'no time left'
                continue
            try:
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
                make, f = build()
                held = torch.cuda.memory_allocated()
                row[form] = median(make(f if form == 'eager' else torch.compile(f, dynamic=False)))
                row[form + 'MiB'] = (torch.cuda.max_memory_allocated() - held) / 2**20
            except torch.OutOfMemoryError:
                row[form] = 'out of memory'
            make = f = None
        torch.compiler.reset()
        results.append(row)
        print(json.dumps(row), flush=True)
    card = torch.cuda.get_device_name()
    if options.json:
        Path(options.json).write_text(json.dumps({'card': card, 'torch': torch.__version__, 'peers': results}, indent=1))


main()
