"""Expected figures for tests/it/token_classifier.rs, by Hugging Face's transformers.

    PERSONA_TEST_MODELS=DIR cargo test --test it -- --ignored the_tiny_models_are_written
    python3 tests/it/token_classifier.py DIR > tests/fixtures/token_classifier.json

Needs transformers 4 with tensorflow. The weights are read from the folders that the test wrote and put
into TensorFlow's models by name; the words are joined by the pipeline's own code.
"""

import json
import sys

import numpy as np
from safetensors.numpy import load_file
from transformers import PreTrainedTokenizerFast, TokenClassificationPipeline
from transformers import TFBertForTokenClassification, BertConfig
from transformers import TFDistilBertForTokenClassification, DistilBertConfig
from transformers import TFXLMRobertaForTokenClassification, XLMRobertaConfig
from transformers import TFDebertaV2ForTokenClassification, DebertaV2Config

TEXTS = [
    "Ana Silva lives in Leeds and works at Acme with Bobby",
    "she told me the plan is late",
    "Bobs plan , Silva is in Leeds .",
]
KINDS = {
    "bert": (BertConfig, TFBertForTokenClassification),
    "distilbert": (DistilBertConfig, TFDistilBertForTokenClassification),
    "xlm-roberta": (XLMRobertaConfig, TFXLMRobertaForTokenClassification),
    "deberta-v2": (DebertaV2Config, TFDebertaV2ForTokenClassification),
}


def fill(model, weights):
    """Every weight of the model from the one of the same name; none may be left over."""
    left = dict(weights)
    for variable in model.weights:
        parts = [p for p in variable.name.split(":")[0].split("/")[1:] if not p.startswith("tf_")]
        name = ".".join(parts).replace("layer_._", "layer.").replace("self_attn.", "")
        leaf = name.rsplit(".", 1)[-1]
        stem = name.rsplit(".", 1)[0]
        swap = {"kernel": "weight", "gamma": "weight", "beta": "bias", "bias": "bias",
                "embeddings": "weight", "weight": "weight"}
        name = f"{stem}.{swap[leaf]}"
        value = left.pop(name)
        if leaf == "kernel":
            value = value.T
        variable.assign(value.reshape(variable.shape))
    assert not left, sorted(left)


def main(folder):
    expected = {}
    for kind, (config_class, model_class) in KINDS.items():
        at = f"{folder}/{kind}"
        config = config_class.from_pretrained(at)
        config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
        model = model_class(config)
        special = {"xlm-roberta": dict(cls_token="<s>", sep_token="</s>", pad_token="<pad>", unk_token="<unk>")}
        usual = dict(cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]", unk_token="[UNK]")
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_file=f"{at}/tokenizer.json", **special.get(kind, usual))
        tokenizer.model_input_names = ["input_ids", "attention_mask"]
        encoded = [tokenizer(text, return_tensors="tf") for text in TEXTS]
        model(encoded[0])
        fill(model, load_file(f"{at}/model.safetensors"))
        rows = []
        for text, inputs in zip(TEXTS, encoded):
            logits = model(inputs).logits.numpy()[0]
            pipe = TokenClassificationPipeline(
                model=model, tokenizer=tokenizer, framework="tf", aggregation_strategy="first")
            pieces = [[int(p["start"]), int(p["end"]), p["entity_group"], round(float(p["score"]), 5)]
                      for p in pipe(text)]
            rows.append({"text": text, "ids": inputs["input_ids"].numpy()[0].tolist(),
                         "logits": [[round(float(x), 5) for x in row] for row in logits], "first": pieces})
        expected[kind] = rows
    json.dump(expected, sys.stdout, separators=(",", ":"))
    print()


main(sys.argv[1])
