# SPDX-License-Identifier: Apache-2.0
"""Byte-level BPE (GPT-2's way of cutting text, digits one by one: they are copied) for what users write, and one token each for the pieces of an answer."""
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

import intents
import slots

USER, ASSISTANT, END = "<|user|>", "<|assistant|>", "<|end|>"
MERGED = 2304  # 256 bytes and the rest merges


class Vocabulary:
    """`control` tokens are never text; `pieces` are text that stands for itself; `words` are bytes and merges."""

    def __init__(self, tokenizer):
        self.bpe = tokenizer
        words = tokenizer.get_vocab()
        self.words = sorted(words, key=words.get)
        self.control = [USER, ASSISTANT, END]
        names = list(intents.table())
        self.openings = {name: intents.opening(name) for name in names}
        self.closings = {name: intents.closing(name) for name in names}
        self.sentences = {name: intents.table()[name][1] for name in intents.BEYOND}
        self.pieces = [*self.openings.values(), *self.closings.values(), *self.sentences.values(),
                       *(f'{start}"{slot}":"' for slot in slots.NAMES_OF_SLOTS for start in ("", '",'))]
        self.tokens = self.words + self.control + self.pieces
        self.ids = {token: i for i, token in enumerate(self.tokens)}
        assert len(self.ids) == len(self.tokens)

    @staticmethod
    def trained(texts):
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(  # llama.cpp calls it "smollm"
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.train_from_iterator((" " + text for text in texts), trainers.BpeTrainer(
            vocab_size=MERGED, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False))
        return Vocabulary(tokenizer)

    def merges(self):
        import json
        return [" ".join(m) if isinstance(m, list) else m for m in json.loads(self.bpe.to_str())["model"]["merges"]]

    def text(self, text):
        return self.bpe.encode(text).ids

    def prompt(self, query):
        return [self.ids[USER], *self.text(" " + query.lower().strip()), self.ids[END], self.ids[ASSISTANT]]

    def answer(self, query, intent, sentence, found=None):
        """Ids of the whole answer, END included. `sentence`: what is beyond the model may be answered without JSON.
        `found`: the slots, where they are known; else those that rules find."""
        if sentence:
            return [self.ids[self.sentences[intent]], self.ids[END]]
        out = [self.ids[self.openings[intent]]]
        if found is None:
            found = slots.slots(query.lower().strip(), intent)
        for place, (slot, value) in enumerate(found):
            out += [self.ids[('",' if place else "") + f'"{slot}":"'], *self.text(value)]
        if found:
            out += self.text('"')
        return [*out, self.ids[self.closings[intent]], self.ids[END]]
