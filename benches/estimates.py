#!/usr/bin/env python3
"""Holds the cost estimate against what runs really cost, on a real server on this machine.

  benches/estimates.py --server http://127.0.0.1:PORT [--personas 10,100] [--model NAME] FILE…

The server speaks Chat Completions or Messages; tests/it/llama_server.py starts one. For each file and number of
personas it takes the estimate first, then runs the hybrid way and the frontier alone with the price
of the table's default model, and prints estimate, actual and their ratio. Raw rows are appended to
benches/runs/estimates.jsonl with --record.

A small server model stands in for the frontier: prompt tokens are what they would be, up to the
tokenizer, while answers are as long as that model makes them.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNS = ROOT / "benches/runs/estimates.jsonl"


def persona(args, *words):
    command = [args.persona, *words, "--json", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=args.folder)
    try:
        return json.loads(done.stdout)
    except ValueError:
        sys.exit(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")


def usage(result):
    tokens = result["report"]["cost"]["frontier"]["tokens"]
    return tokens["prompt"], tokens["cached_prompt"], tokens["completion"]


def measure(args, path, personas):
    common = [
        "generate", str(path), "--count", str(personas), "--seed", "1", "--price", args.price,
        "--frontier-model", "server",
        "--base-url", args.server + ("/v1" if args.api == "openai" else ""),
    ]  # fmt: skip
    frontier = ["--frontier", args.api]
    estimate = persona(args, *common, "--hybrid", *frontier, "--estimate-only")["estimate"]
    rows = {}
    hybrid = [
        "--hybrid", *frontier, "--model", args.model, "--refine", "all", "--quality-threshold", "0",
    ]  # fmt: skip
    runs = {"hybrid": hybrid, "frontier_only": ["--provider", args.api]}
    for side, flags in runs.items():
        if side not in args.sides:
            continue
        result = persona(args, *common, *flags)
        if "report" not in result:
            print(f"{path.name} {personas} {side}: {result}", file=sys.stderr)
            continue
        spent = result["report"]["cost"]["frontier"]["spent_usd"]
        prompt, cached, completion = usage(result)
        expected = estimate[side]["expected"]
        rows[side] = {
            "file": path.name, "personas": personas, "side": side, "price": args.price,
            "calls": result["report"]["cost"]["frontier"]["attempts"],
            "spent_usd": spent, "prompt": prompt, "cached": cached, "completion": completion,
            "expected_usd": expected["usd"], "expected_prompt": expected["input_tokens"],
            "expected_completion": expected["output_tokens"],
            "upper_usd": estimate[side]["upper"]["usd"],
        }  # fmt: skip
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--server", required=True, metavar="URL", help="without /v1")
    parser.add_argument("--personas", default="10", metavar="N,N")
    parser.add_argument("--model", default="smollm2-135m", help="local model that drafts")
    parser.add_argument("--price", default="2/10", metavar="IN/OUT")
    parser.add_argument("--api", default="openai", choices=["openai", "anthropic"])
    parser.add_argument("--sides", default="hybrid,frontier_only")
    parser.add_argument("--record", action="store_true", help=f"append to {RUNS.relative_to(ROOT)}")
    parser.add_argument("--persona", default=str(ROOT / "target/release/persona"))
    args = parser.parse_args()
    args.server = args.server.rstrip("/")
    print(f"{'file':<28}{'N':>5} {'side':<14}{'calls':>6}{'prompt':>9}{'of exp.':>9}{'answer':>9}{'of exp.':>9}{'spent':>10}{'of exp.':>9}{'of upper':>9}")
    with tempfile.TemporaryDirectory() as folder:
        args.folder = folder
        for path in args.files:
            for personas in map(int, args.personas.split(",")):
                for row in measure(args, path.resolve(), personas).values():
                    ratio = lambda a, b: f"{a / b:.2f}" if b else "-"
                    print(
                        f"{row['file']:<28}{personas:>5} {row['side']:<14}{row['calls']:>6}"
                        f"{row['prompt']:>9}{ratio(row['prompt'], row['expected_prompt']):>9}"
                        f"{row['completion']:>9}{ratio(row['completion'], row['expected_completion']):>9}"
                        f"{row['spent_usd']:>10.4f}{ratio(row['spent_usd'], row['expected_usd']):>9}"
                        f"{ratio(row['spent_usd'], row['upper_usd']):>9}",
                        flush=True,
                    )
                    if args.record:
                        with RUNS.open("a") as runs:
                            runs.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
