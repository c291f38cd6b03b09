"""What each kind of row (rows.ts) trains: named parameters, a loss, and how their learning rates differ."""
import math
from pathlib import Path
from typing import Callable, NamedTuple

import torch
import torch.nn.functional as F

from models import Clip, Head
from tensors import load, read_safetensors


class Problem(NamedTuple):
    parameters: dict
    loss: Callable
    formula: str
    rate: Callable = lambda name: 1
    after: Callable = lambda: None


class Files:
    def __init__(self, folder, memory_format):
        self.folder, self.format = Path(folder), memory_format
        self.batch = self['batch']
        if 'images' in self.batch:
            images = self.batch['images'].permute(0, 3, 1, 2)
            self.batch['images'] = images.contiguous(memory_format=memory_format)
        for name in ('ids', 'labels'):
            if name in self.batch:
                self.batch[name] = self.batch[name].long()

    def __getitem__(self, part):
        return read_safetensors(self.folder / f'{part}.safetensors')


def image(row, files):
    model = load(Clip(row['config']).visual, files['model'], 'visual.').train().to(memory_format=files.format)
    images, target = files.batch['images'], files.batch['target']
    vit = row['config']['visual']['kind'] == 'vit'
    formula = 'the last block for every token' if vit else 'pooling by one query'
    return Problem(dict(model.named_parameters()), lambda: F.mse_loss(model(images), target), formula)


def text(row, files):
    model = load(Clip(row['config']), files['model']).train()
    ids, target = files.batch['ids'], files.batch['target']
    trained = {n: p for n, p in model.named_parameters() if not n.startswith('visual.') and n != 'logit_scale'}
    return Problem(trained, lambda: F.mse_loss(model.encode_text(ids), target), 'the last block for every token')


def stage1(row, files):
    model = load(Clip(row['config']), files['model']).train()
    teacher = load(Clip(row['config']), files['teacher']).eval().requires_grad_(False)
    for side in (model, teacher):
        side.visual.to(memory_format=files.format)
    images, ids, labels = (files.batch[name] for name in ('images', 'ids', 'labels'))
    taught, smoothing, beta = files.batch['teacherText'], row['smoothing'], row['distillWeight']

    def both(s, rows, columns, **options):
        return (F.cross_entropy(s, rows, **options) + F.cross_entropy(s.T, columns, **options)) / 2

    def loss():
        with torch.no_grad():
            t = teacher.logit_scale.exp() * F.normalize(teacher.visual(images), dim=-1) @ taught.T
            soft_rows, soft_columns = t.softmax(1), t.T.softmax(1)
            same = (labels[:, None] == labels).float()
            positives = same / same.sum(1, keepdim=True)
        v, l = F.normalize(model.visual(images), dim=-1), F.normalize(model.encode_text(ids), dim=-1)
        s = model.logit_scale.exp() * v @ l.T
        contrastive = both(s, positives, positives, label_smoothing=smoothing)
        return (1 - beta) * contrastive + beta * both(s, soft_rows, soft_columns)

    @torch.no_grad()
    def clamp():
        model.logit_scale.clamp_(max=math.log(100))

    formula = "the teacher's text features are given; text encoder's last block for every token"
    return Problem(dict(model.named_parameters()), loss, formula, after=clamp)


def stage2(row, files):
    tensors, config = files['model'], row['config']
    visual = load(Clip(config).visual, tensors, 'visual.').train().to(memory_format=files.format)
    head = load(Head(config['embedDim'], row['classes']), tensors, 'text_block.').train()
    anchors, logit_scale = tensors['text_embeddings'], tensors['logit_scale']
    images, labels, smoothing = files.batch['images'], files.batch['labels'], row['smoothing']

    def loss():
        branches = head(visual(images), anchors, logit_scale)
        return sum(F.cross_entropy(z, labels, label_smoothing=smoothing) for z in branches)

    def rate(name):
        return row['encoderRate'] if name.startswith('visual.') else row['attentionRate'] if '.attn.' in name else 1

    parameters = {f'visual.{n}': p for n, p in visual.named_parameters()}
    parameters |= {f'text_block.{n}': p for n, p in head.named_parameters()}
    return Problem(parameters, loss, "the authors' formula: keys projected, class vectors formed", rate)


PROBLEMS = {'image': image, 'text': text, 'stage1': stage1, 'stage2': stage2}
