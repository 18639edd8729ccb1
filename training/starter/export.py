# SPDX-License-Identifier: Apache-2.0
"""The trained model as a GGUF file, float16 but for the norms."""
import json
import pathlib

import gguf
import numpy as np

import intents
import model as shape
from vocabulary import ASSISTANT, END, USER

# A system message is looked at and left out: otherwise Hearth would put it into the user's, which misleads the model.
TEMPLATE = ("{% for message in messages %}{% if message.role == 'user' %}{% set question = message.content %}{% endif %}"
            "{% if message.role == 'system' %}{% set ignored = message.content | trim %}{% endif %}{% if loop.last %}"
            + USER + " {{ question | lower | trim }}" + END + ASSISTANT + "{% endif %}{% endfor %}")


# GBNF: JSON with values in the user's own words (Hearth defines user-words for each request), or a sentence.
GRAMMAR = r"""root ::= "{\"intent\":\"" name "\",\"domain\":\"" name "\",\"slots\":{" (slot ("," slot)*)? "},\"reply\":\"" [^"]+ "\"}" | [^{] [^"]*
slot ::= "\"" name "\":\"" user-words "\""
name ::= [a-z0-9_]+"""


def write_schema(path):
    """What the answers look like, to be sent as response_format; `path` is the GGUF that it stands beside."""
    table = intents.table()
    text = {"type": "string"}
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What Hearth's starter model answers",
        "description": "To be sent as response_format.json_schema.schema: then even what is beyond the model is answered in this form.",
        "type": "object",
        "properties": {"intent": {"enum": list(table)}, "domain": {"enum": sorted({domain for domain, _ in table.values()})},
                       "slots": {"type": "object", "additionalProperties": text}, "reply": text},
        "required": ["intent", "domain", "slots", "reply"],
        "additionalProperties": False,
    }
    pathlib.Path(path).with_suffix(".schema.json").write_text(json.dumps(schema, indent=1) + "\n")


def write(trained, vocabulary, path):
    w = gguf.GGUFWriter(path, "llama")
    w.add_name("starter")
    w.add_description("Short commands to JSON: intent, domain, slots, reply. Trained by Hearth's training/starter on CLINC150 and on queries it makes itself")
    w.add_license("apache-2.0")
    w.add_author("Hearth")
    w.add_context_length(shape.CONTEXT)
    w.add_embedding_length(shape.WIDTH)
    w.add_block_count(shape.LAYERS)
    w.add_feed_forward_length(shape.HIDDEN)
    w.add_head_count(shape.HEADS)
    w.add_head_count_kv(shape.HEADS)
    w.add_rope_dimension_count(shape.WIDTH // shape.HEADS)
    w.add_rope_freq_base(shape.ROPE_BASE)
    w.add_layer_norm_rms_eps(shape.EPSILON)
    w.add_vocab_size(len(vocabulary.tokens))
    w.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("smollm")
    w.add_token_list(vocabulary.tokens)
    kinds = gguf.TokenType
    w.add_token_types([kinds.NORMAL] * len(vocabulary.words) + [kinds.CONTROL] * len(vocabulary.control) + [kinds.USER_DEFINED] * len(vocabulary.pieces))
    w.add_token_merges(vocabulary.merges())
    w.add_bos_token_id(vocabulary.ids[USER])
    w.add_eos_token_id(vocabulary.ids[END])
    w.add_eot_token_id(vocabulary.ids[END])
    w.add_add_bos_token(False)
    w.add_chat_template(TEMPLATE)
    w.add_string("hearth.answer_grammar", GRAMMAR)
    for name, tensor in trained.state_dict().items():
        values = tensor.float().cpu().numpy()
        w.add_tensor(name, values.astype(np.float16 if values.ndim > 1 else np.float32))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
