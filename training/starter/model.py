# SPDX-License-Identifier: Apache-2.0
"""A small Llama: RMS norms, rotary positions on neighbouring pairs (as libllama has them), SwiGLU, tied embeddings."""
import torch
from torch import nn
from torch.nn import functional

WIDTH, LAYERS, HEADS, HIDDEN, CONTEXT, EPSILON, ROPE_BASE = 192, 4, 6, 512, 512, 1e-5, 10000.0


def rotate(x, cos, sin):
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)


class Block(nn.Module):
    def __init__(self, dropout):
        super().__init__()
        self.attn_norm, self.ffn_norm = nn.RMSNorm(WIDTH, EPSILON), nn.RMSNorm(WIDTH, EPSILON)
        self.attn_q, self.attn_k, self.attn_v, self.attn_output = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(4))
        self.ffn_gate, self.ffn_up = (nn.Linear(WIDTH, HIDDEN, bias=False) for _ in range(2))
        self.ffn_down = nn.Linear(HIDDEN, WIDTH, bias=False)
        self.drop = nn.Dropout(dropout)

    def forward(self, x, cos, sin):
        batch, length, _ = x.shape
        h = self.attn_norm(x)
        q, k, v = (f(h).view(batch, length, HEADS, -1).transpose(1, 2) for f in (self.attn_q, self.attn_k, self.attn_v))
        h = functional.scaled_dot_product_attention(rotate(q, cos, sin), rotate(k, cos, sin), v, is_causal=True)
        x = x + self.drop(self.attn_output(h.transpose(1, 2).reshape(batch, length, WIDTH)))
        h = self.ffn_norm(x)
        return x + self.drop(self.ffn_down(functional.silu(self.ffn_gate(h)) * self.ffn_up(h)))


class Starter(nn.Module):
    def __init__(self, vocabulary, dropout=0.2):
        super().__init__()
        self.token_embd = nn.Embedding(vocabulary, WIDTH)
        self.drop = nn.Dropout(dropout)
        self.blk = nn.ModuleList(Block(dropout) for _ in range(LAYERS))
        self.output_norm = nn.RMSNorm(WIDTH, EPSILON)
        angles = torch.outer(torch.arange(CONTEXT), ROPE_BASE ** (-torch.arange(0, WIDTH // HEADS, 2) / (WIDTH // HEADS)))
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.05)

    def forward(self, tokens):
        """[batch, length] ids -> [batch, length, WIDTH], normed; logits() turns rows of it into scores."""
        x = self.drop(self.token_embd(tokens))
        cos, sin = self.cos[: tokens.shape[1]], self.sin[: tokens.shape[1]]
        for block in self.blk:
            x = block(x, cos, sin)
        return self.output_norm(x)

    def logits(self, hidden):
        return hidden @ self.token_embd.weight.T
