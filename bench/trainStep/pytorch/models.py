"""CLIP and the stages' heads as a user of PyTorch would write them for speed. The models are those of the tests' reference
values (test/reference/clip.py); what is slow in them is replaced here."""
import sys, types
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).parents[3] / 'test' / 'reference'))
import clip  # sets float64 and one thread

torch.set_default_dtype(torch.float32)

# ReLU in place.
clip.F = types.ModuleType('F')
clip.F.relu, clip.F.scaled_dot_product_attention = F.relu_, F.scaled_dot_product_attention


def pool_one_query(self, x):
    """The pooling's one output needs one query, as in OpenAI's code."""
    x = x.flatten(2).transpose(1, 2)
    x = torch.cat([x.mean(1, keepdim=True), x], 1) + self.positional_embedding
    split = lambda t: t.unflatten(2, (self.heads, -1)).transpose(1, 2)
    y = F.scaled_dot_product_attention(split(self.q_proj(x[:, :1])), split(self.k_proj(x)), split(self.v_proj(x)))
    return self.c_proj(y.transpose(1, 2).flatten(2)[:, 0])


def block(self, x, causal):
    """Attention by the fused kernel alone, causal without a mask in memory."""
    attn = self.attn
    joint = F.linear(self.ln_1(x), attn.in_proj_weight, attn.in_proj_bias)
    q, k, v = joint.unflatten(2, (3, attn.num_heads, -1)).permute(2, 0, 3, 1, 4)
    y = F.scaled_dot_product_attention(q, k, v, is_causal=bool(causal))
    x = x + attn.out_proj(y.transpose(1, 2).flatten(2))
    y = self.mlp['c_fc'](self.ln_2(x))
    return x + self.mlp['c_proj'](y * torch.sigmoid(1.702 * y))


clip.AttentionPool.forward = pool_one_query
clip.Block.forward = block


class Clip(clip.Clip):
    def __init__(self, config):
        text, vocabulary = config['text'], config['text'].get('vocabulary')
        rows = len(vocabulary) + 1 if vocabulary else text['vocabSize']
        super().__init__({**config, 'text': {**text, 'vocabSize': rows}})
        # Row of the embedding for each id; ids outside the vocabulary share the last one.
        self.rows = None
        if vocabulary:
            self.rows = torch.full((text['vocabSize'],), len(vocabulary))
            self.rows[torch.tensor(vocabulary)] = torch.arange(len(vocabulary))

    def encode_text(self, ids):
        tokens = ids if self.rows is None else self.rows[ids]
        x = self.token_embedding(tokens) + self.positional_embedding[: ids.shape[1]]
        x = self.transformer(x, True)
        return self.ln_final(x)[torch.arange(len(ids)), ids.argmax(1)] @ self.text_projection


class Attention(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.norm1q, self.norm1k = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.wq, self.wk = (nn.Linear(dim, dim, bias=False) for _ in range(2))


class Head(nn.Module):
    """Stage 2's two branches, by the authors' formula: keys projected and class vectors formed in every step."""

    def __init__(self, dim, classes):
        super().__init__()
        self.attn = Attention(dim)
        self.visual_fc = nn.Sequential(nn.Linear(dim, 4 * dim), nn.ReLU(True), nn.Linear(4 * dim, classes))

    def forward(self, x, anchors, logit_scale):
        q = self.attn.wq(self.attn.norm1q(x))
        k = self.attn.wk(self.attn.norm1k(anchors))
        a = torch.softmax(torch.einsum('bd,cmd->bcm', q, k) * x.shape[1] ** -0.5, -1)
        g = torch.einsum('bcm,cmd->bcd', a, anchors)
        z = torch.einsum('bd,bcd->bc', F.normalize(x, dim=-1), F.normalize(g, dim=-1))
        return self.visual_fc(x), logit_scale.exp() * z
