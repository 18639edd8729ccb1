#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the starter model and writes its GGUF.

  python3 -m venv venv && venv/bin/pip install torch==2.15.0 numpy==2.4.6 scikit-learn==1.9.1 tokenizers==0.23.3 gguf==0.19.0
  venv/bin/python training/starter/train.py ../shared/data/clinc150_dev.json models/starter.gguf

Two cores of a CPU take 40 minutes; a GPU is used if there is one. CLINC150: Larson et al. 2019, CC BY 3.0.
"""
import argparse
import copy
import json
import math
import random
import time

import numpy as np
import torch
from torch.nn import functional

import evaluate
import export
import intents
import slots
import texts
from model import Starter
from teacher import Teachers
from vocabulary import Vocabulary

HELD_BACK = 3  # validation queries an intent, for calibration; never trained on
MADE = 8160  # rows an epoch that made() adds
JSON_SHARE = 0.4  # of what is beyond the model: answered with JSON, for those who demand it


def rows_of(data, draw):
    """Training rows and those for calibration, as (query, intent)."""
    train, held = list(map(tuple, data["train"])), []
    seen = {}
    for query, intent in data["val"]:
        seen[intent] = seen.get(intent, 0) + 1
        (held if seen[intent] <= HELD_BACK else train).append((query, intent))
    foreign = [(query, "out_of_scope") for query, _ in data["oos_train"] + data["oos_val"]]
    draw.shuffle(foreign)
    return train + foreign[40:], held + foreign[:40]


def made(rows, draw):
    """What the script makes itself for one epoch: (query, intent, slots), where None stands for those that rules find."""
    out = [(texts.beyond(draw), "out_of_scope") for _ in range(2600)]
    out += [(draw.choice(texts.ABOUT), "about_hearth") for _ in range(500)]
    for _ in range(2000):
        query, intent = slots.from_template(draw)
        out.append((texts.vary(query, intent, draw) if draw.random() < 0.3 else query, intent))
    parts = [query for query, _ in rows]
    out += [(texts.long_text(parts, draw), "out_of_scope") for _ in range(60)]
    copied = []
    for _ in range(3000):
        query, intent = slots.from_template(draw)
        query, found = slots.unheard(query, intent, draw)
        copied.append((query, intent, found))
    return [(*row, None) for row in out] + copied


class Batches:
    def __init__(self, vocabulary, device):
        self.v, self.device = vocabulary, device
        self.intents = list(intents.table())

        self.to_first = np.zeros((len(self.intents), len(vocabulary.tokens)), dtype=np.float32)
        for row, name in enumerate(self.intents):
            sentence = name in vocabulary.sentences
            self.to_first[row, vocabulary.ids[vocabulary.openings[name]]] = JSON_SHARE if sentence else 1
            if sentence:
                self.to_first[row, vocabulary.ids[vocabulary.sentences[name]]] = 1 - JSON_SHARE

    def of(self, rows, soft, draw, size):
        """Shuffled, of like lengths. Yields tokens, next tokens (-1: none), whether a token is the answer's, rows and
        columns of the intent's position, and what its distribution should be."""
        whole = []
        for (query, intent, found), chances in zip(rows, soft):
            prompt = self.v.prompt(query)
            answer = self.v.answer(query, intent, intent in self.v.sentences and draw.random() > JSON_SHARE, found)
            whole.append((prompt, answer, chances))
        draw.shuffle(whole)
        groups = [sorted(whole[i:i + size * 16], key=lambda e: len(e[0]) + len(e[1])) for i in range(0, len(whole), size * 16)]
        batches = [group[i:i + size] for group in groups for i in range(0, len(group), size)]
        draw.shuffle(batches)
        for batch in batches:
            length = max(len(p) + len(a) for p, a, _ in batch)
            tokens, following = torch.zeros(len(batch), length, dtype=torch.long), torch.full((len(batch), length), -1)
            answers = torch.zeros(len(batch), length, dtype=torch.bool)
            for i, (prompt, answer, _) in enumerate(batch):
                ids = torch.tensor(prompt + answer)
                tokens[i, :len(ids)] = ids
                following[i, :len(ids) - 1] = ids[1:]
                answers[i, len(prompt):len(ids) - 1] = True
                following[i, len(prompt) - 1] = -1  # the intent: learned from `wanted`
            places = torch.tensor([len(p) - 1 for p, _, _ in batch])
            wanted = torch.from_numpy(np.stack([c for _, _, c in batch]) @ self.to_first)
            yield tuple(t.to(self.device) for t in (tokens, following, answers, places, wanted))


def loss_of(model, batch, prompt_weight):
    tokens, following, answers, places, wanted = batch
    hidden = model(tokens)
    at_intent = hidden[torch.arange(len(places), device=places.device), places]
    intent = -(wanted * functional.log_softmax(model.logits(at_intent).float(), -1)).sum(-1).mean()
    counted = following >= 0
    each = functional.cross_entropy(model.logits(hidden[counted]).float(), following[counted], reduction="none")
    is_answer = answers[counted]
    answer = each[is_answer].mean()
    prompt = each[~is_answer].mean()
    return intent + answer + prompt_weight * prompt, intent.item(), answer.item()


def main():
    options = argparse.ArgumentParser()
    options.add_argument("data")
    options.add_argument("out")
    options.add_argument("--epochs", type=int, default=24)
    options.add_argument("--batch", type=int, default=128)
    options.add_argument("--rate", type=float, default=2e-3)
    options.add_argument("--seed", type=int, default=1)
    o = options.parse_args()
    draw = random.Random(o.seed)
    torch.manual_seed(o.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with open(o.data) as file:
        data = json.load(file)
    rows, held = rows_of(data, draw)
    vocabulary = Vocabulary.trained([q for q, _ in rows] + [q for _ in range(2) for q, *_ in made(rows, draw)])
    teachers = Teachers(rows, list(intents.table()), lambda: [(q, i) for q, i, _ in made(rows, draw)], draw)
    model = Starter(len(vocabulary.tokens)).to(device)
    mean = copy.deepcopy(model).eval()  # the average of the last few hundred steps is what ships
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(vocabulary.tokens)} tokens, {len(rows)} rows", flush=True)
    batches = Batches(vocabulary, device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=o.rate, betas=(0.9, 0.98), weight_decay=0.1)
    steps_an_epoch = math.ceil((len(rows) + MADE) / o.batch)
    began, step, whole = time.time(), 0, o.epochs * steps_an_epoch
    for epoch in range(o.epochs):
        varied = [(texts.vary(q, i, draw), i) if draw.random() < 0.8 else (q, i) for q, i in rows]
        more = made(rows, draw)
        soft = np.concatenate([teachers.soft(varied), teachers.hard([(q, i) for q, i, _ in more])])
        varied = [(*slots.unheard(q, i, draw), i) if draw.random() < 0.2 else (q, None, i) for q, i in varied]
        varied = [(q, i, found) for q, found, i in varied]
        model.train()
        sums = np.zeros(2)
        for batch in batches.of(varied + more, soft, draw, o.batch):
            step += 1
            rate = o.rate * min(1, step / 200) * 0.5 * (1 + math.cos(math.pi * min(1, step / whole)))
            for group in optimizer.param_groups:
                group["lr"] = rate
            with torch.autocast(device, torch.bfloat16):
                loss, *parts = loss_of(model, batch, 0.3)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            sums += parts
            keep = min(0.998, step / (step + 10))
            with torch.no_grad():
                for ours, theirs in zip(mean.parameters(), model.parameters()):
                    ours.lerp_(theirs, 1 - keep)
        right = evaluate.accuracy(mean, vocabulary, [r for r in held if r[1] != "out_of_scope"], device)
        print(f"epoch {epoch + 1}: intent {sums[0] / steps_an_epoch:.3f} answer {sums[1] / steps_an_epoch:.3f} held back {right:.4f} "
              f"{time.time() - began:.0f} s", flush=True)
        if epoch % 5 == 4 or epoch + 1 == o.epochs:
            torch.save(mean.state_dict(), o.out + ".pt")
    export.write(mean, vocabulary, o.out)
    export.write_schema(o.out)
    evaluate.report(mean, vocabulary, held, data, device)


if __name__ == "__main__":
    main()
