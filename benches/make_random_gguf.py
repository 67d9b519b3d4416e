#!/usr/bin/env python3
"""Writes a llama-shaped GGUF file with random weights: something of about a billion parameters to
time, where no real file of that size can be had.

Geometry: Llama 3.2 1B (16 layers, 2048 wide, 32 heads, 8 of them for keys and values, 8192 in the
feed-forward part) with an output matrix of its own. With the 49,152 tokens of SmolLM2 that makes
1.17 billion parameters. The tokenizer and the chat template are copied from the file given with
--tokenizer-from. Types are laid out as llama.cpp's quantiser lays out Q4_K_M: Q4_K, but Q6_K for
the output matrix and for attn_v and ffn_down of the layers to which it gives more bits.

Blocks are random bytes with scales chosen so that a product keeps the size of its input: nothing
vanishes, nothing explodes, and both engines do the arithmetic that a real file costs. The output
matrix is four times larger, so that the next token is as uncertain as a real model's, not uniform.
What the file writes is nonsense; time it, never quote it.

Needs the Python packages gguf and numpy:

    python3 -m venv env && env/bin/pip install gguf numpy
    env/bin/python benches/make_random_gguf.py --tokenizer-from SmolLM2.gguf random-1b-q4_k_m.gguf
"""

import argparse
import sys

import gguf
import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter

LAYERS = 16
WIDTH = 2048
HEADS = 32
KV_HEADS = 8
HEAD_DIM = 64
FEED_FORWARD = 8192
CONTEXT = 8192

# Weights of a K-quant block.
BLOCK = 256
# Standard deviations of uniform quants: 0..15 and 0..63.
Q4_SPREAD = np.sqrt((16**2 - 1) / 12)
Q6_SPREAD = np.sqrt((64**2 - 1) / 12)


def q4_k(random, blocks, spread):
    """Blocks of d, dmin (f16), 8 six-bit scales and 8 six-bit minima (12 bytes), 256 quants.

    A weight is d * scale * quant - dmin * minimum. With minimum = scale and dmin = 7.5 d it is
    d * scale * (quant - 7.5), which has mean zero.
    """
    scales = random.integers(32, 64, (blocks, 8), dtype=np.uint8)
    d = spread / (Q4_SPREAD * np.sqrt(np.mean(np.arange(32, 64) ** 2)))
    out = np.empty((blocks, 144), dtype=np.uint8)
    halves = np.array([d, 7.5 * d], dtype="<f2")
    out[:, 0:4] = halves.view(np.uint8)
    # Low six bits of scales 0..3 and minima 0..3, whose top bits hold those of 4..7.
    high = (scales[:, 4:] >> 4) << 6
    out[:, 4:8] = scales[:, :4] | high
    out[:, 8:12] = scales[:, :4] | high
    low = scales[:, 4:] & 0x0F
    out[:, 12:16] = low | (low << 4)
    out[:, 16:] = random.integers(0, 256, (blocks, 128), dtype=np.uint8)
    return out


def q6_k(random, blocks, spread):
    """Blocks of 256 quants (128 bytes of low bits, 64 of high bits), 16 signed scales, d (f16).

    A weight is d * scale * (quant - 32); scales of either sign take out the half by which quants
    are off centre.
    """
    sizes = random.integers(64, 128, (blocks, 16), dtype=np.int16)
    signs = random.integers(0, 2, (blocks, 16), dtype=np.int16) * 2 - 1
    d = spread / (Q6_SPREAD * np.sqrt(np.mean(np.arange(64, 128) ** 2)))
    out = np.empty((blocks, 210), dtype=np.uint8)
    out[:, :192] = random.integers(0, 256, (blocks, 192), dtype=np.uint8)
    out[:, 192:208] = (sizes * signs).astype(np.int8).view(np.uint8)
    out[:, 208:] = np.array([d], dtype="<f2").view(np.uint8)
    return out


def more_bits(layer):
    """The layers in which Q4_K_M keeps attn_v and ffn_down in Q6_K (llama.cpp: use_more_bits)."""
    eighth = LAYERS // 8
    return layer < eighth or layer >= 7 * LAYERS // 8 or (layer - eighth) % 3 == 2


def copy_tokenizer(reader, writer):
    """Copies every field of the tokenizer; returns the number of tokens."""
    for name, field in reader.fields.items():
        if not name.startswith("tokenizer."):
            continue
        inner = field.types[1] if field.types[0] == GGUFValueType.ARRAY else None
        writer.add_key_value(name, field.contents(), field.types[0], sub_type=inner)
    return len(reader.fields["tokenizer.ggml.tokens"].data)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", help="the file to write")
    parser.add_argument("--tokenizer-from", required=True, metavar="FILE", help="a GGUF file")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    writer = GGUFWriter(args.out, "llama")
    writer.add_name("Random 1B")
    writer.add_block_count(LAYERS)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_dimension_count(HEAD_DIM)
    writer.add_rope_freq_base(500_000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_K_M)
    writer.add_quantization_version(2)
    vocabulary = copy_tokenizer(GGUFReader(args.tokenizer_from), writer)
    writer.add_vocab_size(vocabulary)

    random = np.random.default_rng(args.seed)
    parameters = 0

    def matrix(name, outputs, inputs, kind=GGMLQuantizationType.Q4_K, size=1.0, embeds=False):
        nonlocal parameters
        make = q4_k if kind == GGMLQuantizationType.Q4_K else q6_k
        spread = size if embeds else size / np.sqrt(inputs)
        blocks = make(random, outputs * inputs // BLOCK, spread)
        writer.add_tensor(f"{name}.weight", blocks.reshape(outputs, -1), raw_dtype=kind)
        parameters += outputs * inputs

    def norm(name):
        nonlocal parameters
        writer.add_tensor(f"{name}.weight", np.ones(WIDTH, dtype=np.float32))
        parameters += WIDTH

    matrix("token_embd", vocabulary, WIDTH, embeds=True)
    for layer in range(LAYERS):
        at = f"blk.{layer}"
        better = GGMLQuantizationType.Q6_K if more_bits(layer) else GGMLQuantizationType.Q4_K
        norm(f"{at}.attn_norm")
        matrix(f"{at}.attn_q", HEADS * HEAD_DIM, WIDTH)
        matrix(f"{at}.attn_k", KV_HEADS * HEAD_DIM, WIDTH)
        matrix(f"{at}.attn_v", KV_HEADS * HEAD_DIM, WIDTH, better)
        matrix(f"{at}.attn_output", WIDTH, HEADS * HEAD_DIM)
        norm(f"{at}.ffn_norm")
        matrix(f"{at}.ffn_gate", FEED_FORWARD, WIDTH)
        matrix(f"{at}.ffn_up", FEED_FORWARD, WIDTH)
        matrix(f"{at}.ffn_down", WIDTH, FEED_FORWARD, better)
    norm("output_norm")
    matrix("output", vocabulary, WIDTH, GGMLQuantizationType.Q6_K, size=4.0)

    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    print(f"{args.out}: {parameters / 1e9:.2f} billion parameters", file=sys.stderr)


if __name__ == "__main__":
    main()
