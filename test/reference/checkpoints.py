"""Small checkpoints as other programs write them, and what PyTorch computes with them.

    python test/reference/checkpoints.py                   writes test/fixtures/checkpoints/*.gz and checkpoints.json
    python test/reference/checkpoints.py verify NAME FILE  compares a file that vl-ltr saved of case NAME with its source

Weights are hashed as in clip.py but take 5 values each, so that gzip makes little of them. Reference features are
float32, of the weights as the file rounds them.
"""
import argparse, collections, gzip, io, json, math, pathlib, struct, sys
import numpy as np
import torch
import torch.nn.functional as F
import clip as reference
from clip import Block, Clip, hashed

torch.set_default_dtype(torch.float32)
HERE = pathlib.Path(__file__).parent
FILES = HERE.parent / 'fixtures' / 'checkpoints'
TEXT = dict(contextLength=12, vocabSize=60, width=16, heads=1, layers=1)
RN = dict(embedDim=12, visual=dict(kind='resnet', layers=[2, 1, 1, 1], width=2, imageSize=64), text=TEXT)
VIT = dict(embedDim=12, visual=dict(kind='vit', layers=2, width=16, heads=1, patchSize=4, imageSize=16), text=TEXT)
# Hugging Face's configuration names the heads.
HEADS = dict(VIT, visual=dict(VIT['visual'], heads=4), text=dict(TEXT, heads=2))
RESOLUTION = {'resnet': 96, 'vit': 28}
IDS = [[58, 3, 9, 59] + [0] * 8, [58, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 59], [58, 57, 0, 30, 30, 59] + [0] * 6]
CLASSES, SENTENCES = 5, 3
COUNTS = [3, 3, 1, 2, 3]


def levels(name, shape):
    q = np.round(hashed(name, shape) * 2) / 2
    if name.endswith('running_var'):
        q = 1 + 0.5 * q
    elif len(shape) >= 2:
        q = 1.5 / math.sqrt(np.prod(shape[1:])) * q
    elif name.endswith('.weight'):
        q = 1 + 0.3 * q
    else:
        q = 0.2 * q
    return torch.from_numpy(np.asarray(q, np.float32).reshape(shape))


def model(config, round_to=lambda name, t: t):
    m = Clip(config).float().eval()
    state = {k: v if k.endswith('num_batches_tracked') else round_to(k, levels(k, tuple(v.shape))).float() for k, v in m.state_dict().items()}
    m.load_state_dict(state)
    return m


def half(name, t):
    """As OpenAI's archives: norms stay float32."""
    return t if '.ln_' in name or '.bn' in name or 'downsample.1' in name or name.startswith('ln_final') else t.half()


def images(size):
    return torch.from_numpy(hashed('images', (3, size, size, 3))).float().permute(0, 3, 1, 2).contiguous()


def resized(m, config, size):
    """The model for pictures of another size, its positions interpolated."""
    other = dict(config, visual=dict(config['visual'], imageSize=size))
    state = m.state_dict()
    key = 'visual.positional_embedding' if config['visual']['kind'] == 'vit' else 'visual.attnpool.positional_embedding'
    n = Clip(other).float().eval()
    to = math.isqrt(n.state_dict()[key].shape[0] - 1)
    p = state[key]
    grid = math.isqrt(len(p) - 1)
    picture = p[1:].T.reshape(1, -1, grid, grid)
    picture = F.interpolate(picture, size=(to, to), mode='bicubic', align_corners=False)
    n.load_state_dict({**state, key: torch.cat([p[:1], picture.flatten(2)[0].T])})
    return n


def flat(t):
    return [float(f'{v:.8g}') for v in t.detach().flatten().tolist()]


@torch.no_grad()
def features(m, config):
    v = config['visual']
    size = RESOLUTION[v['kind']]
    result = {'config': config, 'image': flat(m.visual(images(v['imageSize']))), 'text': flat(m.encode_text(torch.tensor(IDS)))}
    return {**result, 'resolution': size, 'imageAt': flat(resized(m, config, size).visual(images(size)))}


@torch.no_grad()
def with_gelu(m, config):
    plain = Block.forward

    def forward(self, x, mask):
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False, attn_mask=mask)[0]
        return x + self.mlp['c_proj'](F.gelu(self.mlp['c_fc'](self.ln_2(x))))

    Block.forward = forward
    try:
        f = features(m, config)
        return {'image': f['image'], 'text': f['text']}
    finally:
        Block.forward = plain


def scripted(config):
    """As OpenAI's archives: a traced module in half precision, sizes among its buffers."""
    m = model(config)

    class Whole(torch.nn.Module):
        def __init__(self):
            super().__init__()
            for name, child in m.named_children():
                setattr(self, name, child)
            for name, p in m.named_parameters(recurse=False):
                setattr(self, name, p)
            for name, n in dict(input_resolution=config['visual']['imageSize'], context_length=12, vocab_size=60).items():
                self.register_buffer(name, torch.tensor(n))

        def forward(self, x, ids):
            return self.visual(x), Clip.encode_text(self, ids)

    traced = torch.jit.trace(Whole().eval(), (images(config['visual']['imageSize']), torch.tensor(IDS)), check_trace=False)
    for name, p in traced.named_parameters():
        p.data = half(name, p.data)
    for name, p in traced.named_buffers():
        p.data = half(name, p.data) if p.is_floating_point() else p.data
    out = io.BytesIO()
    torch.jit.save(traced, out)
    return undebugged(out.getvalue())


def undebugged(archive):
    """Without the tables of source lines, a third of a small archive; written by PyTorch's own writer."""
    reader, out = torch._C.PyTorchFileReader(io.BytesIO(archive)), io.BytesIO()
    writer = torch._C.PyTorchFileWriter(out)
    for name in reader.get_all_records():
        if not name.endswith('.debug_pkl') and not name.startswith('.data/') and name not in ('version', 'byteorder'):
            content = reader.get_record(name)
            writer.write_record(name, content, len(content))
    writer.write_record('byteorder', b'little', 6)
    writer.write_end_of_file()
    torch.jit.load(io.BytesIO(out.getvalue()))
    return out.getvalue()


def saved(value, legacy=False):
    out = io.BytesIO()
    torch.save(value, out, _use_new_zipfile_serialization=not legacy)
    return out.getvalue()


NAMES = {torch.float32: 'F32', torch.float16: 'F16', torch.bfloat16: 'BF16', torch.int64: 'I64'}


def safetensors(tensors, metadata=None):
    header, parts, at = {'__metadata__': metadata or {'format': 'pt'}}, [], 0
    for name, t in tensors.items():
        raw = t.contiguous().view(torch.uint8).numpy().tobytes() if t.dim() else t.reshape(1).view(torch.uint8).numpy().tobytes()
        header[name] = {'dtype': NAMES[t.dtype], 'shape': list(t.shape), 'data_offsets': [at, at + len(raw)]}
        parts.append(raw)
        at += len(raw)
    head = json.dumps(header, separators=(',', ':')).encode()
    head += b' ' * (-len(head) % 8)
    return struct.pack('<Q', len(head)) + head + b''.join(parts)


def read_safetensors(path):
    raw = pathlib.Path(path).read_bytes()
    length = struct.unpack('<Q', raw[:8])[0]
    header = json.loads(raw[8:8 + length])
    metadata, types = header.pop('__metadata__', {}), {v: k for k, v in NAMES.items()}
    body = bytearray(raw[8 + length:])
    read = lambda e: torch.frombuffer(body, dtype=types[e['dtype']], count=math.prod(e['shape']), offset=e['data_offsets'][0])
    return {n: read(e).reshape(e['shape']) for n, e in header.items()}, metadata


def hugging_face(state):
    """OpenAI's names in Hugging Face's: query, key and value apart, projections as linear maps."""
    out = {'text_model.embeddings.position_ids': torch.arange(12)[None], 'vision_model.embeddings.position_ids': torch.arange(17)[None]}
    block = {'attn.out_proj': 'self_attn.out_proj', 'ln_1': 'layer_norm1', 'ln_2': 'layer_norm2', 'mlp.c_fc': 'mlp.fc1', 'mlp.c_proj': 'mlp.fc2'}
    rest = {'visual.class_embedding': 'vision_model.embeddings.class_embedding', 'visual.positional_embedding': 'vision_model.embeddings.position_embedding.weight',
            'visual.conv1.weight': 'vision_model.embeddings.patch_embedding.weight', 'positional_embedding': 'text_model.embeddings.position_embedding.weight',
            'token_embedding.weight': 'text_model.embeddings.token_embedding.weight', 'logit_scale': 'logit_scale',
            **{f'{a}.{k}': f'{b}.{k}' for a, b in [('visual.ln_pre', 'vision_model.pre_layrnorm'), ('visual.ln_post', 'vision_model.post_layernorm'), ('ln_final', 'text_model.final_layer_norm')] for k in ('weight', 'bias')}}
    for name, t in state.items():
        if name in ('visual.proj', 'text_projection'):
            out[name.replace('visual.proj', 'visual_projection') + '.weight'] = t.T.contiguous()
        elif '.resblocks.' in name:
            tower, tail = name.split('transformer.resblocks.')
            layer, tail = tail.split('.', 1)
            stem = f"{'vision' if tower else 'text'}_model.encoder.layers.{layer}."
            if 'in_proj' in tail:
                for letter, part in zip('qkv', t.chunk(3)):
                    out[f"{stem}self_attn.{letter}_proj.{tail.rsplit('_', 1)[1]}"] = part.clone()
            else:
                part, kind = tail.rsplit('.', 1)
                out[f'{stem}{block[part]}.{kind}'] = t
        else:
            out[rest[name]] = t
    return out


def stage2(m):
    """The authors' stage 2 of this model's visual half, and its logits."""
    D = 12
    state = {k: v for k, v in m.state_dict().items() if k.startswith('visual.') or k == 'logit_scale'}
    state['text_embeddings'] = levels('text_embeddings', (CLASSES, SENTENCES, D)).clone()
    for c, n in enumerate(COUNTS):
        state['text_embeddings'][c, n:] = 0
    for name, shape in {'attn.norm1q.weight': (D,), 'attn.norm1q.bias': (D,), 'attn.norm1k.weight': (D,), 'attn.norm1k.bias': (D,), 'attn.wq.weight': (D, D), 'attn.wk.weight': (D, D),
                        'visual_fc.0.weight': (4 * D, D), 'visual_fc.0.bias': (4 * D,), 'visual_fc.2.weight': (CLASSES, 4 * D), 'visual_fc.2.bias': (CLASSES,)}.items():
        state['text_block.' + name] = levels(name, shape)
    p = lambda name: state['text_block.' + name]
    T = state['text_embeddings']
    with torch.no_grad():
        x = m.visual(images(16 if hasattr(m.visual, 'proj') else 64))
        z1 = F.linear(F.relu(F.linear(x, p('visual_fc.0.weight'), p('visual_fc.0.bias'))), p('visual_fc.2.weight'), p('visual_fc.2.bias'))
        q = F.linear(F.layer_norm(x, (D,), p('attn.norm1q.weight'), p('attn.norm1q.bias')), p('attn.wq.weight'))
        k = F.linear(F.layer_norm(T, (D,), p('attn.norm1k.weight'), p('attn.norm1k.bias')), p('attn.wk.weight'))
        scores = torch.einsum('bd,cmd->bcm', q, k) * D**-0.5
        padding = torch.arange(SENTENCES)[None] >= torch.tensor(COUNTS)[:, None]
        a = scores.masked_fill(padding, -math.inf).softmax(-1)
        G = F.normalize(torch.einsum('bcm,cmd->bcd', a, T), dim=-1)
        z2 = torch.einsum('bcd,bd->bc', G, F.normalize(x, dim=-1)) * m.logit_scale.exp()
    return state, {'visual': flat(z1.softmax(-1)), 'textual': flat(z2)}


def training_state(state):
    """What the authors' script (DeiT's) saves beside the weights."""
    args = argparse.Namespace(model='CVLP_r50', lr=5e-5, opt_betas=None, output_dir=pathlib.PurePosixPath('out'), nb_classes=5)
    optimizer = {'state': {0: {'step': 7, 'exp_avg': torch.zeros(2)}}, 'param_groups': [{'lr': 5e-5, 'params': [0]}]}
    return {'model': state, 'optimizer': optimizer, 'lr_scheduler': {'lr': np.float64(1.5)}, 'epoch': 3, 'scaler': {}, 'args': args}


def build():
    files, cases = {}, {}

    def case(name, content, m, config, **more):
        files[name] = content
        cases[name] = {**features(m, config), **more}

    cast = lambda dtype: lambda name, t: t.to(dtype)
    every = lambda state, dtype: {k: v.to(dtype) if v.is_floating_point() else v for k, v in state.items()}
    for kind, config in (('rn', RN), ('vit', VIT)):
        case(f'openai-{kind}.pt', scripted(config), model(config, half), config)
        m = model(config)
        state = m.state_dict()
        last = {k: v.contiguous(memory_format=torch.channels_last) if v.dim() == 4 else v for k, v in state.items()}
        case(f'state-{kind}.pth', saved(collections.OrderedDict(last)), m, config)
        wrapped = {'state_dict': {f'module.{k}': torch.nn.Parameter(v, requires_grad=False) for k, v in state.items()}, 'step': 3}
        case(f'legacy-{kind}.bin', saved(wrapped, legacy=True), m, config)
        dtype = torch.bfloat16 if kind == 'rn' else torch.float16
        m = model(config, cast(dtype))
        case(f'openclip-{kind}.safetensors', safetensors(every(m.state_dict(), dtype)), m, config, **({'gelu': with_gelu(m, config)} if kind == 'vit' else {}))
        m = model(config)
        case(f'stage1-{kind}.pth', saved(training_state(m.state_dict())), m, config)
        head, outputs = stage2(m)
        files[f'stage2-{kind}.pth'] = saved(training_state(head))
        cases[f'stage2-{kind}.pth'] = {'config': config, 'counts': COUNTS, **outputs}
    m = model(HEADS)
    state = hugging_face(m.state_dict())
    case('hugging-face-vit.safetensors', safetensors(state), m, HEADS, gelu=with_gelu(m, HEADS))
    m = model(HEADS, cast(torch.float16))
    names = list(state)
    state = every(state, torch.float16)
    shard = {n: f'model-0000{1 + (i * 2 >= len(names))}-of-00002.safetensors' for i, n in enumerate(names)}
    for file in sorted(set(shard.values())):
        files[f'hugging-face-shards/{file}'] = safetensors({n: state[n] for n in names if shard[n] == file})
    case('hugging-face-shards/model.safetensors.index.json', json.dumps({'metadata': {}, 'weight_map': shard}).encode(), m, HEADS)
    for name, content in files.items():
        path = FILES / f'{name}.gz'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content, 9, mtime=0))
    (HERE / 'checkpoints.json').write_text(json.dumps({'ids': IDS, 'cases': cases}, separators=(',', ':')) + '\n')
    sizes = {p.name: p.stat().st_size for p in sorted(FILES.rglob('*.gz'))}
    print(sizes, sum(sizes.values()))


def verify(name, path):
    wanted = json.loads((HERE / 'checkpoints.json').read_text())['cases'][name]
    tensors, metadata = read_safetensors(path)
    config = json.loads(metadata['config'])
    m = Clip(config).float().eval()
    missing, strange = m.load_state_dict({k: v.float() for k, v in tensors.items()}, strict=False)
    assert not strange and all(k.endswith('num_batches_tracked') for k in missing), (missing, strange)
    gelu = any(tower.get('activation') == 'gelu' for tower in (config['visual'], config['text']))
    found, wanted = (with_gelu(m, config), wanted['gelu']) if gelu else (features(m, config), wanted)
    for key in ('image', 'text'):
        a, b = np.array(found[key]), np.array(wanted[key])
        print(key, 'largest relative difference', abs(a - b).max() / abs(b).max())
        assert abs(a - b).max() <= 1e-5 * abs(b).max()


if __name__ == '__main__':
    verify(*sys.argv[2:]) if sys.argv[1:2] == ['verify'] else build()
