#!/usr/bin/env python3
"""PyTorch's speed on the networks that `scripts/speed/beside-pytorch.ts` measures, for ratios in one sitting.

Needs Debian's packages python3-torch, python3-numpy and libopenblas0-pthread.
Usage: python3 torch-step.py MODEL BATCH [SIZE] [PART]
MODEL is Ti/16, S/16, B/16, R26x0.5 or R50x1. Prints one JSON line: GFLOP/s of a 1024 x 1024 x 1024 product; images/s of forward and
backward pass, of a step with its update (AdamW and clipping for ViT, SGD with momentum for ResNets) and of inference, each the median
and best of 5 runs after 2 to warm up; peak resident bytes. PART (gradients, training or inference) runs one of the three alone.
The environment sets the threads: TORCH_THREADS and OPENBLAS_NUM_THREADS. PyTorch 1.13 with oneDNN 2.6 and OpenBLAS in Debian 12.
"""
import json, resource, sys, time
import torch
import torch.nn as nn
import torch.nn.functional as F

import os
torch.set_num_threads(int(os.environ.get("TORCH_THREADS", os.cpu_count())))


class Block(nn.Module):
    def __init__(self, d, h, m):
        super().__init__()
        self.h = h
        self.n1, self.n2 = nn.LayerNorm(d, 1e-6), nn.LayerNorm(d, 1e-6)
        self.qkv, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.up, self.down = nn.Linear(d, m), nn.Linear(m, d)

    def forward(self, x):
        n, t, d = x.shape
        q, k, v = self.qkv(self.n1(x)).view(n, t, 3, self.h, d // self.h).permute(2, 0, 3, 1, 4)
        w = ((q @ k.transpose(-1, -2)) * (d // self.h) ** -0.5).softmax(-1)
        x = x + self.out((w @ v).transpose(1, 2).reshape(n, t, d))
        return x + self.down(F.gelu(self.up(self.n2(x))))


class ViT(nn.Module):
    def __init__(self, d, h, depth, m, patch, size, classes=1000):
        super().__init__()
        self.patch = nn.Conv2d(3, d, patch, patch)
        self.pos = nn.Parameter(torch.randn(1, (size // patch) ** 2 + 1, d) * 0.02)
        self.cls = nn.Parameter(torch.zeros(1, 1, d))
        self.blocks = nn.Sequential(*[Block(d, h, m) for _ in range(depth)])
        self.norm, self.head = nn.LayerNorm(d, 1e-6), nn.Linear(d, classes)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(len(x), -1, -1), x], 1) + self.pos
        return self.head(self.norm(self.blocks(x))[:, 0])


class StdConv(nn.Conv2d):
    def forward(self, x):
        var, mean = torch.var_mean(self.weight, dim=(1, 2, 3), keepdim=True, unbiased=False)
        return F.conv2d(x, (self.weight - mean) / torch.sqrt(var + 1e-10), None, self.stride, self.padding)


class Unit(nn.Module):
    def __init__(self, inp, out, mid, stride, groups):
        super().__init__()
        self.g1, self.g2, self.g3 = nn.GroupNorm(groups, inp), nn.GroupNorm(groups, mid), nn.GroupNorm(groups, mid)
        self.c1, self.c2 = StdConv(inp, mid, 1, bias=False), StdConv(mid, mid, 3, stride, 1, bias=False)
        self.c3 = StdConv(mid, out, 1, bias=False)
        self.proj = StdConv(inp, out, 1, stride, bias=False) if inp != out or stride != 1 else None

    def forward(self, x):
        o = F.relu(self.g1(x))
        shortcut = self.proj(o) if self.proj is not None else x
        return self.c3(F.relu(self.g3(self.c2(F.relu(self.g2(self.c1(o))))))) + shortcut


class BiT(nn.Module):
    def __init__(self, blocks, width, groups=32, classes=1000):
        super().__init__()
        w = int(64 * width)
        self.root = StdConv(3, w, 7, 2, 3, bias=False)
        units, inp = [], w
        for i, count in enumerate(blocks):
            for j in range(count):
                units.append(Unit(inp, w * 4 * 2**i, w * 2**i, 2 if i and not j else 1, groups))
                inp = w * 4 * 2**i
        self.units, self.norm, self.head = nn.Sequential(*units), nn.GroupNorm(groups, inp), nn.Linear(inp, classes)

    def forward(self, x):
        x = F.max_pool2d(F.pad(self.root(x), (1, 1, 1, 1)), 3, 2)
        return self.head(F.relu(self.norm(self.units(x))).mean((2, 3)))


model, batch = sys.argv[1], int(sys.argv[2])
size = int(sys.argv[3]) if len(sys.argv) > 3 else 224
part = sys.argv[4] if len(sys.argv) > 4 else "all"
vit = {"Ti/16": (192, 3, 12, 768), "S/16": (384, 6, 12, 1536), "B/16": (768, 12, 12, 3072)}
if model in vit:
    net = ViT(*vit[model], 16, size)
    optimizer = torch.optim.AdamW(net.parameters(), 1e-3, weight_decay=0.1)
else:
    net = BiT((3, 4, 6, 3), 1) if model == "R50x1" else BiT((1, 1, 2, 1) if model == "R18x0.5" else (2, 2, 2, 2), 0.5, 8)
    optimizer = torch.optim.SGD(net.parameters(), 0.03, 0.9)
x, y = torch.randn(batch, 3, size, size), torch.randint(0, 1000, (batch,))


def step(update):
    net.zero_grad(set_to_none=not update)
    F.cross_entropy(net(x), y).backward()
    if update:
        if model in vit:
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()


def infer():
    with torch.no_grad():
        net(x)


def rate(run):
    times = []
    for i in range(7):
        start = time.perf_counter()
        run()
        if i > 1:
            times.append(time.perf_counter() - start)
    times.sort()
    return {"median": round(batch / times[len(times) // 2], 3), "best": round(batch / times[0], 3)}


a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
best = 0.0
for _ in range(5):
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < 0.4:
        a @ b
        count += 1
    best = max(best, 2 * 1024**3 * count / (time.perf_counter() - start) / 1e9)
result = {"model": model, "batch": batch, "size": size, "threads": torch.get_num_threads(), "matmulGflops": round(best, 1)}
if part in ("all", "gradients"):
    result["gradients"] = rate(lambda: step(False))
if part in ("all", "training"):
    result["training"] = rate(lambda: step(True))
if part in ("all", "inference"):
    result["inference"] = rate(infer)
result["peakBytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps(result))
