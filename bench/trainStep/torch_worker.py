"""A participant in PyTorch, eager: torch_worker.py channels_last|contiguous. Requests and answers are lines of JSON."""
import json, os, sys, time, types
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / 'test' / 'reference'))


def say(answer):
    print(json.dumps(answer), flush=True)


try:
    import numpy as np
    import torch
    import torch.nn.functional as F
    import clip  # the reference values' models
except ImportError as error:
    say({'error': f'{sys.executable} has no PyTorch ({error})'})
    sys.exit()

torch.set_default_dtype(torch.float32)
THREADS = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()
torch.set_num_threads(THREADS)
FORMAT = getattr(torch, sys.argv[1] + '_format' if sys.argv[1] == 'contiguous' else sys.argv[1])
# What a user of PyTorch would write for speed: ReLU in place, and one query in the pooling, as in OpenAI's code.
clip.F = types.SimpleNamespace(relu=F.relu_, scaled_dot_product_attention=F.scaled_dot_product_attention)


def pool_one_query(self, x):
    x = x.flatten(2).transpose(1, 2)
    x = torch.cat([x.mean(1, keepdim=True), x], 1) + self.positional_embedding
    split = lambda t: t.unflatten(2, (self.heads, -1)).transpose(1, 2)
    y = F.scaled_dot_product_attention(split(self.q_proj(x[:, :1])), split(self.k_proj(x)), split(self.v_proj(x)))
    return self.c_proj(y.transpose(1, 2).flatten(2)[:, 0])


clip.AttentionPool.forward = pool_one_query


def read_safetensors(path):
    data = Path(path).read_bytes()
    start = 8 + int.from_bytes(data[:8], 'little')
    tensors = {}
    for name, entry in json.loads(data[8:start]).items():
        if name != '__metadata__':
            begin, end = (start + offset for offset in entry['data_offsets'])
            tensors[name] = torch.from_numpy(np.frombuffer(data[begin:end], '<f4').reshape(entry['shape']).copy())
    return tensors


class Trained:
    def __init__(self, request):
        config, tensors = request['config'], read_safetensors(request['file'])
        v, out = config['visual'], config['embedDim']
        if v['kind'] == 'resnet':
            model = clip.ResNet(v['layers'], v['width'], v['imageSize'], out, v.get('stemPool', True))
        else:
            model = clip.Vit(v['layers'], v['width'], v['heads'], v['patchSize'], v['imageSize'], out)
        prefix = 'visual.'
        state = {name[len(prefix):]: t for name, t in tensors.items() if name.startswith(prefix)}
        missing, unexpected = model.load_state_dict(state, strict=False)
        if unexpected or any(not name.endswith('num_batches_tracked') for name in missing):
            raise ValueError(f'parameters differ: {missing} missing, {unexpected} unexpected')
        self.model = model.train().to(memory_format=FORMAT)
        self.images = tensors['images'].permute(0, 3, 1, 2).contiguous(memory_format=FORMAT)
        self.target = tensors['target']
        decayed = lambda name, p: p.ndim > 1 and not name.endswith('bias')
        groups = [
            {'params': [p for n, p in model.named_parameters() if decayed(n, p) == yes], 'weight_decay': decay}
            for yes, decay in ((True, request['weightDecay']), (False, 0.0))
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=request['learningRate'], fused=True)

    def step(self, mode):
        self.optimiser.zero_grad(set_to_none=True)
        loss = F.mse_loss(self.model(self.images), self.target)
        loss.backward()
        if mode == 'update':
            self.optimiser.step()
        return loss.item()

    def run(self, mode, steps):
        seconds = []
        for _ in range(steps):
            start = time.perf_counter()
            self.step(mode)
            seconds.append(time.perf_counter() - start)
        return {'seconds': seconds}

    def account(self, mode):
        self.step(mode)  # warms up
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            start = time.perf_counter()
            self.step(mode)
            seconds = time.perf_counter() - start
        ops = [e for e in profile.key_averages() if e.key.startswith('aten::')]
        ops.sort(key=lambda e: -e.self_cpu_time_total)
        top = [{'name': e.key, 'count': e.count, 'seconds': e.self_cpu_time_total / 1e6} for e in ops[:6]]
        return {'ops': sum(e.count for e in ops), 'seconds': seconds, 'top': top}


say({'what': f'PyTorch {torch.__version__}, {THREADS} threads, {sys.argv[1]}'})
trained = None
for line in sys.stdin:
    request = json.loads(line)
    try:
        if request['do'] == 'prepare':
            trained = None  # frees the last one first
            trained = Trained(request)
            say({'loss': trained.step('gradient')})
        elif request['do'] == 'account':
            say(trained.account(request['mode']))
        else:
            say(trained.run(request['mode'], request['steps']))
    except Exception as error:
        say({'error': f'{type(error).__name__}: {error}'})
