"""A participant in PyTorch; requests and answers (protocol.ts) are lines of JSON."""
import json, math, os, sys, time


def say(answer):
    print(json.dumps(answer), flush=True)


try:
    import numpy as np
    import torch
    from kernels import contrastive
    from memory import watch_memory
    from tensors import read_safetensors
except ImportError as error:
    say({'error': f'{sys.executable} has no PyTorch ({error})'})
    sys.exit()

THREADS = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()
torch.set_num_threads(THREADS)


def batch_of(request):
    batch = read_safetensors(f"{request['folder']}/batch.safetensors")
    return [batch[name] for name in ('image', 'text', 'teacherImage', 'teacherText', 'labels')]


class Pass:
    def __init__(self, request):
        v, t, self.tv, self.tt, self.labels = batch_of(request)
        self.leaves = [x.requires_grad_() for x in (v, t, torch.tensor(request['problem']['logitScale']))]
        self.problem, self.autocast = request['problem'], request['autocast']
        self.teacher_scale = torch.tensor(self.problem['logitScale'])
        self.contrastive = torch.compile(contrastive) if request['compiled'] else contrastive

    def __call__(self):
        with torch.autocast('cpu', torch.bfloat16, enabled=self.autocast):
            loss = self.contrastive(
                *self.leaves, self.labels, self.tv, self.tt, self.teacher_scale,
                self.problem['smoothing'], self.problem['distillWeight'],
            )
        return loss, torch.autograd.grad(loss, self.leaves)


def reference(request, rows=512):
    """Loss and gradients in float64 by their closed form, without a whole matrix."""
    problem = request['problem']
    beta, smoothing = problem['distillWeight'], problem['smoothing']
    v, t, tv, tt, labels = batch_of(request)
    v, t, tv, tt = (x.double() for x in (v, t, tv, tt))
    pairs, scale = len(v), math.exp(float(np.float32(problem['logitScale'])))
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
    loss, dscale, dv, dt = 0.0, 0.0, torch.zeros_like(v), torch.zeros_like(t)
    loss += float(lse.mean() + columns[0].mean()) / 2
    for block, s, u in tiles():
        targets = (1 - smoothing) * (labels[block, None] == labels) / counts[block, None] + smoothing / pairs
        soft = (u - teacher[block, None]).exp() + (u - columns[1]).exp()
        mixed = 2 * (1 - beta) * targets + beta * soft
        loss -= float((mixed * s).sum()) / (2 * pairs)
        ds = ((s - lse[block, None]).exp() + (s - columns[0]).exp() - mixed) / (2 * pairs)
        dscale += float((ds * s).sum())
        dv[block] = scale * ds @ t
        dt += scale * ds.T @ v[block]
    return loss, [dv, dt, torch.tensor(dscale)]


def write(path, gradients):
    with open(path, 'wb') as file:
        for gradient in gradients[:2]:
            file.write(gradient.detach().float().numpy().tobytes())


def answer(request):
    global ready
    if request['do'] == 'run':
        memory, seconds = watch_memory(), []
        for _ in range(request['times']):
            start = time.perf_counter()
            ready()
            seconds.append(time.perf_counter() - start)
        return {'seconds': seconds, 'memory': memory and memory()}
    if request['do'] == 'prepare':
        ready = Pass(request)
        loss, gradients = ready()
        loss = loss.detach()
    else:
        loss, gradients = reference(request)
    write(request['gradients'], gradients)
    return {'loss': float(loss), 'dlogitScale': float(gradients[2])}


ready = None
say({'what': f'PyTorch {torch.__version__}, {THREADS} threads'})
for line in sys.stdin:
    try:
        say(answer(json.loads(line)))
    except Exception as error:
        say({'error': f'{type(error).__name__}: {error}'})
