"""Reference values of AdamW: torch.optim.AdamW with clip_grad_norm_, in float64. python adamw.py > adamw.json"""
import json, math, torch
torch.manual_seed(0)
shapes = {'weight': (3, 4), 'bias': (4,), 'head.weight': (4, 2), 'logit_scale': ()}
start = {n: torch.randn(s, dtype=torch.float64) for n, s in shapes.items()}
start['logit_scale'] = torch.tensor(4.6, dtype=torch.float64)
steps = 12
# Gradients of very different size, so that clipping acts at some steps and not at others.
grads = [{n: (torch.randn(s, dtype=torch.float64) * 10 ** (-3 + i % 5)) for n, s in shapes.items()} for i in range(steps)]
rate = [1e-2 * 0.5 * (1 + math.cos(math.pi * i / steps)) for i in range(steps)]


def run(clip, multiplier, decay_scalars):
    p = {n: torch.nn.Parameter(x.clone()) for n, x in start.items()}
    group = lambda n: dict(params=[p[n]], weight_decay=0.05 if n.endswith('weight') or (n == 'logit_scale' and decay_scalars) else 0.0,
                           factor=multiplier if n.startswith('head') else 1.0)
    opt = torch.optim.AdamW([group(n) for n in shapes], lr=1.0, betas=(0.9, 0.999), eps=1e-8)
    norms = []
    for i in range(steps):
        for n in shapes: p[n].grad = grads[i][n].clone()
        norms.append(torch.nn.utils.clip_grad_norm_(p.values(), clip if clip else math.inf).item())
        for g in opt.param_groups: g['lr'] = rate[i] * g['factor']
        opt.step()
    return dict(clip=clip, multiplier=multiplier, decayScalars=decay_scalars, norms=norms,
                params={n: x.detach().flatten().tolist() for n, x in p.items()})


flat = lambda d: {n: x.flatten().tolist() for n, x in d.items()}
print(json.dumps(dict(shapes=shapes, start=flat(start), grads=[flat(g) for g in grads], rate=rate,
                      runs=[run(None, 1.0, False), run(1.0, 1.0, True), run(0.5, 0.1, False)])))
