#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ordinary texts for `hearth privacy train --plain`, drawn from the development data of routing and of intents.

  training/plain_texts.py ../shared/data > plain.txt
"""
import csv
import json
import random
import sys

folder = sys.argv[1]
draw = random.Random(1)


def prompts(name):
    with open(f"{folder}/{name}") as file:
        return [row["prompt"] for row in csv.DictReader(file)]


questions = prompts("routing_mmlu_dev.csv")
problems = prompts("routing_gsm8k_dev.csv")
with open(f"{folder}/clinc150_dev.json") as file:
    queries = [query for query, _ in json.load(file)["train"]]
draw.shuffle(questions)
draw.shuffle(queries)
for text in questions[:100] + problems[:50] + queries[:50]:
    print(text.strip().replace("\n\n", "\n"), end="\n\n")
