"""Reference values of CLIP's encoders in float64: python test/reference/clip.py

The architectures are stated anew with PyTorch's own layers under OpenAI's parameter names. Parameters and inputs come from
a hash of (name, index in PyTorch's layout), which the TypeScript tests compute as well, so only results are stored:
features, running statistics, and for each gradient its norm and its product with a hashed direction.
"""
import json, math, pathlib
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
WORD = 0xFFFFFFFF


def hashed(name, shape):
    """Values in [-1, 1), float32, by name and row-major index."""
    h = 0x811C9DC5
    for byte in name.encode():
        h = ((h ^ byte) * 0x01000193) & WORD
    n = int(np.prod(shape, dtype=np.int64))
    x = (np.arange(n, dtype=np.uint64) * 0x9E3779B9 + h) & WORD
    x = ((x ^ (x >> 16)) * 0x85EBCA6B) & WORD
    x = ((x ^ (x >> 13)) * 0xC2B2AE35) & WORD
    x = x ^ (x >> 16)
    return (x.astype(np.float64) / 2**31 - 1).astype(np.float32).astype(np.float64).reshape(shape)


def value(name, shape):
    r = hashed(name, shape)
    if name.endswith('running_var'):
        r = 1 + 0.5 * r
    elif len(shape) >= 2:
        r = 1.5 / math.sqrt(np.prod(shape[1:])) * r
    elif name.endswith('.weight'):
        r = 1 + 0.3 * r
    else:
        r = 0.2 * r
    return torch.from_numpy(np.asarray(r, np.float32).astype(np.float64).reshape(shape))


class Bottleneck(nn.Module):
    def __init__(self, channels, inner, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels, inner, 1, bias=False), nn.BatchNorm2d(inner)
        self.conv2, self.bn2 = nn.Conv2d(inner, inner, 3, padding=1, bias=False), nn.BatchNorm2d(inner)
        self.conv3, self.bn3 = nn.Conv2d(inner, 4 * inner, 1, bias=False), nn.BatchNorm2d(4 * inner)
        self.pool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        if stride > 1 or channels != 4 * inner:
            self.downsample = nn.Sequential(nn.Conv2d(channels, 4 * inner, 1, bias=False), nn.BatchNorm2d(4 * inner))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.pool(F.relu(self.bn2(self.conv2(y))))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (self.downsample(self.pool(x)) if hasattr(self, 'downsample') else x))


class AttentionPool(nn.Module):
    def __init__(self, grid, width, heads, out):
        super().__init__()
        self.positional_embedding = nn.Parameter(torch.zeros(grid**2 + 1, width))
        self.k_proj, self.q_proj, self.v_proj = (nn.Linear(width, width) for _ in range(3))
        self.c_proj, self.heads = nn.Linear(width, out), heads

    def forward(self, x):
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat([x.mean(1, keepdim=True), x], 1) + self.positional_embedding
        split = lambda t: t.unflatten(2, (self.heads, -1)).transpose(1, 2)
        y = F.scaled_dot_product_attention(split(self.q_proj(x)), split(self.k_proj(x)), split(self.v_proj(x)))
        return self.c_proj(y.transpose(1, 2).flatten(2))[:, 0]


class ResNet(nn.Module):
    def __init__(self, layers, width, size, out, pool=True):
        super().__init__()
        half, features = width // 2, width * 4 * 2 ** (len(layers) - 1)
        self.conv1, self.bn1 = nn.Conv2d(3, half, 3, 2, 1, bias=False), nn.BatchNorm2d(half)
        self.conv2, self.bn2 = nn.Conv2d(half, half, 3, padding=1, bias=False), nn.BatchNorm2d(half)
        self.conv3, self.bn3 = nn.Conv2d(half, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.pool, self.count = nn.AvgPool2d(2) if pool else nn.Identity(), len(layers)
        channels, grid = width, ((size - 1) // 2 + 1) // (2 if pool else 1)
        for i, blocks in enumerate(layers):
            inner, stack = width * 2**i, []
            grid //= 2 if i else 1
            for j in range(blocks):
                stack.append(Bottleneck(channels, inner, 2 if i and not j else 1))
                channels = 4 * inner
            setattr(self, f'layer{i + 1}', nn.Sequential(*stack))
        self.attnpool = AttentionPool(grid, features, max(1, features // 64), out)

    def forward(self, x):
        for i in (1, 2, 3):
            x = F.relu(getattr(self, f'bn{i}')(getattr(self, f'conv{i}')(x)))
        x = self.pool(x)
        for i in range(self.count):
            x = getattr(self, f'layer{i + 1}')(x)
        return self.attnpool(x)


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp = nn.ModuleDict({'c_fc': nn.Linear(width, 4 * width), 'c_proj': nn.Linear(4 * width, width)})

    def forward(self, x, mask):
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False, attn_mask=mask)[0]
        y = self.mlp['c_fc'](self.ln_2(x))
        return x + self.mlp['c_proj'](y * torch.sigmoid(1.702 * y))


class Transformer(nn.Module):
    def __init__(self, layers, width, heads):
        super().__init__()
        self.resblocks = nn.ModuleList(Block(width, heads) for _ in range(layers))

    def forward(self, x, mask=None):
        for block in self.resblocks:
            x = block(x, mask)
        return x


class Vit(nn.Module):
    def __init__(self, layers, width, heads, patch, size, out):
        super().__init__()
        self.class_embedding = nn.Parameter(torch.zeros(width))
        self.positional_embedding = nn.Parameter(torch.zeros((size // patch) ** 2 + 1, width))
        self.proj = nn.Parameter(torch.zeros(width, out))
        self.conv1 = nn.Conv2d(3, width, patch, patch, bias=False)
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.transformer = Transformer(layers, width, heads)

    def forward(self, x):
        x = self.conv1(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_embedding.expand(len(x), 1, -1), x], 1) + self.positional_embedding
        return self.ln_post(self.transformer(self.ln_pre(x))[:, 0]) @ self.proj


class Clip(nn.Module):
    def __init__(self, config):
        super().__init__()
        v, t, d = config['visual'], config['text'], config['embedDim']
        if v['kind'] == 'resnet':
            self.visual = ResNet(v['layers'], v['width'], v['imageSize'], d, v.get('stemPool', True))
        else:
            self.visual = Vit(v['layers'], v['width'], v['heads'], v['patchSize'], v['imageSize'], d)
        self.transformer = Transformer(t['layers'], t['width'], t['heads'])
        self.token_embedding = nn.Embedding(t['vocabSize'], t['width'])
        self.positional_embedding = nn.Parameter(torch.zeros(t['contextLength'], t['width']))
        self.ln_final = nn.LayerNorm(t['width'])
        self.text_projection = nn.Parameter(torch.zeros(t['width'], d))
        self.logit_scale = nn.Parameter(torch.zeros([]))

    def encode_text(self, ids):
        length = ids.shape[1]
        mask = torch.full((length, length), -math.inf).triu(1)
        x = self.transformer(self.token_embedding(ids) + self.positional_embedding[:length], mask)
        return self.ln_final(x)[torch.arange(len(ids)), ids.argmax(1)] @ self.text_projection


TEXT = dict(contextLength=12, vocabSize=60, width=32, heads=4, layers=3)
CONFIGS = {
    'resnet': dict(embedDim=12, visual=dict(kind='resnet', layers=[2, 1, 1], width=8, imageSize=32), text=TEXT),
    'resnet-four-layers': dict(embedDim=12, visual=dict(kind='resnet', layers=[1, 1, 1, 1], width=8, imageSize=64), text=TEXT),
    'resnet-no-stem-pool': dict(embedDim=12, visual=dict(kind='resnet', layers=[1, 1], width=4, imageSize=22, stemPool=False), text=TEXT),
    'vit': dict(embedDim=12, visual=dict(kind='vit', layers=3, width=32, heads=4, patchSize=4, imageSize=18), text=TEXT),
}
IDS = [[58, 3, 9, 59] + [0] * 8, [58, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 59], [58, 59] + [0] * 10, [58, 57, 0, 30, 30, 59] + [0] * 6]
OFFICIAL = {
    'RN50': dict(embedDim=1024, visual=dict(kind='resnet', layers=[3, 4, 6, 3], width=64, imageSize=224), text=dict(contextLength=77, vocabSize=49408, width=512, heads=8, layers=12)),
    'ViT-B/16': dict(embedDim=512, visual=dict(kind='vit', layers=12, width=768, heads=12, patchSize=16, imageSize=224), text=dict(contextLength=77, vocabSize=49408, width=512, heads=8, layers=12)),
}


def model(config):
    m = Clip(config)
    state = {k: v if k.endswith('num_batches_tracked') else value(k, tuple(v.shape)) for k, v in m.state_dict().items()}
    m.load_state_dict(state)
    return m


def flat(t):
    return [float(f'{v:.12g}') for v in t.detach().flatten().tolist()]


def gradients(features, wanted):
    loss = (features * torch.from_numpy(hashed('cotangent', tuple(features.shape)))).sum()
    grads = torch.autograd.grad(loss, list(wanted.values()))
    direction = lambda n, g: float((g * torch.from_numpy(hashed('direction ' + n, tuple(g.shape)))).sum())
    return {n: [float(f'{float(g.norm()):.10g}'), float(f'{direction(n, g):.10g}')] for n, g in zip(wanted, grads)}


def visual(config):
    m, size, result = model(config), config['visual']['imageSize'], {'config': config}
    for mode in ('eval', 'train') if config['visual']['kind'] == 'resnet' else ('eval',):
        m.train(mode == 'train')
        # Hashed as [N, H, W, 3], the order in memory.
        images = torch.from_numpy(hashed('images', (3, size, size, 3))).permute(0, 3, 1, 2).contiguous().requires_grad_()
        features = m.visual(images)
        wanted = {n: p for n, p in m.named_parameters() if n.startswith('visual.')}
        grads = gradients(features, {**wanted, 'images': images})
        result[mode] = {'features': flat(features), 'gradients': grads}
    stats = {n: flat(b) for n, b in m.named_buffers() if 'running' in n and ('visual.bn' in n or 'layer2' in n)}
    return {**result, 'batchStats': stats} if stats else result


def text(config):
    m = model(config)
    features = m.encode_text(torch.tensor(IDS))
    wanted = {n: p for n, p in m.named_parameters() if not n.startswith('visual.') and n != 'logit_scale'}
    return {'config': config, 'ids': IDS, 'features': flat(features), 'gradients': gradients(features, wanted)}


def shapes(config):
    with torch.device('meta'):
        m = Clip(config)
    state = {n: list(t.shape) for n, t in m.state_dict().items() if not n.endswith('num_batches_tracked')}
    return {'visualParameters': sum(p.numel() for p in m.visual.parameters()), 'parameters': sum(p.numel() for p in m.parameters()), 'shapes': {n: 'x'.join(map(str, s)) for n, s in state.items()}}


def positions(grid, to):
    p = torch.from_numpy(hashed('positions', (grid * grid + 1, 3)))
    picture = p[1:].T.reshape(1, 3, grid, grid)
    picture = F.interpolate(picture, size=(to, to), mode='bicubic', align_corners=False)
    return {'from': grid, 'to': to, 'values': flat(torch.cat([p[:1], picture.reshape(3, -1).T]))}


if __name__ == '__main__':
    here = pathlib.Path(__file__).parent
    values = {
        'visual': {name: visual(config) for name, config in CONFIGS.items()},
        'text': text(CONFIGS['vit']),
        'positions': [positions(4, 7), positions(3, 5), positions(6, 4)],
    }
    (here / 'clip.json').write_text(json.dumps(values, separators=(',', ':')) + '\n')
    (here / 'clip-shapes.json').write_text(json.dumps({n: shapes(c) for n, c in OFFICIAL.items()}, separators=(',', ':')) + '\n')
