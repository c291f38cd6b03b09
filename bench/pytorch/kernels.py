"""The two kernels as a user of PyTorch would write them for speed: the peers of bench/gpu.py and of the CPU benchmarks.
Features are unit rows; all tensors float32 unless an autocast says otherwise."""
import math

import torch
import torch.nn.functional as F


def contrastive(image, text, scale, labels, teacher_image, teacher_text, teacher_scale, smoothing, beta):
    """Class-wise contrastive loss with distillation (Tian et al., ECCV 2022, section 3.2)."""
    s = (image @ text.T).float() * scale.exp()
    with torch.no_grad():
        same = (labels[:, None] == labels[None, :]).float()
        target = same / same.sum(1, keepdim=True) * (1 - smoothing) + smoothing / len(labels)
        st = (teacher_image @ teacher_text.T).float() * teacher_scale.exp()
        mixed_rows = (1 - beta) * target + beta * st.softmax(1)
        mixed_columns = (1 - beta) * target + beta * st.softmax(0)
    rows = -(mixed_rows * s.log_softmax(1)).sum() / len(labels)
    columns = -(mixed_columns * s.log_softmax(0)).sum() / len(labels)
    return (rows + columns) / 2


def head_parameters(width, device):
    eye = lambda: torch.eye(width, device=device) + 0.01 * torch.randn(width, width, device=device)
    p = dict(wq=eye(), wk=eye(), gq=torch.ones(width), bq=torch.zeros(width), gk=torch.ones(width), bk=torch.zeros(width))
    return {k: v.to(device).requires_grad_() for k, v in p.items()}


def authors_attention(x, anchors, p, scale):
    """Anchor attention in the formula's own order: every anchor is projected."""
    c, m, d = anchors.shape
    q = F.layer_norm(x, (d,), p['gq'], p['bq']) @ p['wq']
    k = F.layer_norm(anchors, (d,), p['gk'], p['bk']) @ p['wk']
    a = (torch.einsum('bd,cmd->bcm', q, k) / math.sqrt(d)).softmax(-1)
    g = torch.einsum('bcm,cmd->bcd', a, anchors)
    return scale.exp() * torch.einsum('bd,bcd->bc', F.normalize(x, dim=-1), F.normalize(g, dim=-1))


def make_table(anchors):
    """What the algebra needs of frozen anchors, computed once."""
    d = anchors.shape[-1]
    sigma = (anchors.var(-1, unbiased=False) + 1e-5).sqrt()
    return anchors, anchors.mean(-1), sigma * math.sqrt(d), anchors @ anchors.mT


def algebra_attention(x, table, p, scale):
    """The same function with the projection moved to the queries and the norm by a Gram matrix."""
    anchors, mu, sigma, gram = table
    d = x.shape[-1]
    q = F.layer_norm(x, (d,), p['gq'], p['bq']) @ p['wq']
    u = p['gk'] * (q @ p['wk'].T)
    unit = F.normalize(x, dim=-1)
    both = torch.cat([u, unit]) @ anchors.flatten(0, 1).T
    scores, h = both.to(mu.dtype).unflatten(1, mu.shape).chunk(2)
    a = ((scores - mu * u.sum(-1)[:, None, None]) / sigma).softmax(-1)
    norm = torch.einsum('bcm,cmn,bcn->bc', a, gram, a).clamp_min(1e-24).sqrt()
    return scale.exp() * (a * h).sum(-1) / norm
