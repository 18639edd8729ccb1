# SPDX-License-Identifier: Apache-2.0
"""Accuracy in scope, what confidence tells about queries out of scope, calibration: of the trained network, before it is
exported. bench/clinc.mjs says the same of the GGUF through the engine."""
import numpy as np
import torch

import slots


@torch.no_grad()
def chances(model, vocabulary, queries, device):
    """[queries, intents]: probabilities of the first token, JSON and sentence of one intent added up."""
    names = list(vocabulary.openings)
    out = np.zeros((len(queries), len(names)), dtype=np.float32)
    order = sorted(range(len(queries)), key=lambda i: len(queries[i]))
    for at in range(0, len(order), 64):
        part = order[at:at + 64]
        prompts = [vocabulary.prompt(queries[i]) for i in part]
        tokens = torch.zeros(len(part), max(map(len, prompts)), dtype=torch.long)
        for i, prompt in enumerate(prompts):
            tokens[i, :len(prompt)] = torch.tensor(prompt)
        hidden = model(tokens.to(device))[torch.arange(len(part)), [len(p) - 1 for p in prompts]]
        p = torch.softmax(model.logits(hidden).float(), -1).cpu().numpy()
        for column, name in enumerate(names):
            out[part, column] = p[:, vocabulary.ids[vocabulary.openings[name]]]
            if name in vocabulary.sentences:
                out[part, column] += p[:, vocabulary.ids[vocabulary.sentences[name]]]
    return out


def accuracy(model, vocabulary, rows, device):
    names = list(vocabulary.openings)
    best = chances(model, vocabulary, [q for q, _ in rows], device).argmax(1)
    return float(np.mean([names[b] == intent for b, (_, intent) in zip(best, rows)]))


def area(inside, outside):
    """AUROC of a score that is higher inside."""
    order = np.argsort(np.concatenate([inside, outside]), kind="stable")
    ranks = np.empty(len(order))
    ranks[order] = np.arange(1, len(order) + 1)
    return (ranks[:len(inside)].sum() - len(inside) * (len(inside) + 1) / 2) / (len(inside) * len(outside))


def calibration_error(p, right, bins=15):
    place = np.minimum((p * bins).astype(int), bins - 1)
    return sum(abs(p[place == b].mean() - right[place == b].mean()) * (place == b).mean() for b in range(bins) if (place == b).any())


def platt(p, right):
    """(scale, shift) on the logit, fitted by Newton's method."""
    x, w = np.log(p / (1 - p)), np.array([1.0, 0.0])
    for _ in range(30):
        q = 1 / (1 + np.exp(-(w[0] * x + w[1])))
        gradient = np.array([((q - right) * x).sum(), (q - right).sum()])
        s = q * (1 - q) + 1e-9
        hessian = np.array([[(s * x * x).sum(), (s * x).sum()], [(s * x).sum(), s.sum()]]) + 1e-6 * np.eye(2)
        w = w - np.linalg.solve(hessian, gradient)
    return w


def confidence(p, names):
    """Of the best intent in scope."""
    inside = [i for i, name in enumerate(names) if name not in ("out_of_scope", "about_hearth")]
    return np.clip(p[:, inside].max(1), 1e-6, 1 - 1e-6)


def report(model, vocabulary, held, data, device):
    names = list(vocabulary.openings)
    rows = [tuple(row) for row in data["test_dev"]]
    p = chances(model, vocabulary, [q for q, _ in rows], device)
    foreign = chances(model, vocabulary, [q for q, _ in data["oos_test_dev"]], device)
    best = p.argmax(1)
    right = np.array([names[b] == intent for b, (_, intent) in zip(best, rows)], dtype=float)
    inside, outside = confidence(p, names), confidence(foreign, names)
    threshold = np.quantile(inside, 0.1)
    print(f"in scope {right.mean():.4f}; out of scope: AUROC {area(inside, outside):.4f}, recall at 90 % of those in scope accepted "
          f"{(outside < threshold).mean():.4f}; said so itself {(foreign.argmax(1) == names.index('out_of_scope')).mean():.4f} "
          f"(in scope, wrongly {(best == names.index('out_of_scope')).mean():.4f})")
    h = chances(model, vocabulary, [q for q, _ in held], device)
    held_right = np.array([names[b] == intent for b, (_, intent) in zip(h.argmax(1), held)], dtype=float)
    scale, shift = platt(np.clip(h.max(1), 1e-6, 1 - 1e-6), held_right)
    top = np.clip(p.max(1), 1e-6, 1 - 1e-6)
    after = 1 / (1 + np.exp(-(scale * np.log(top / (1 - top)) + shift)))
    print(f"calibration error {calibration_error(top, right):.4f}, after (scale {scale:.3f}, shift {shift:.3f}) {calibration_error(after, right):.4f}")
    print(f"queries with slots: {np.mean([bool(slots.slots(q, i)) for q, i in rows]):.3f}")
