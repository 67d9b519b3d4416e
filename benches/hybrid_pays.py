#!/usr/bin/env python3
"""What four ways to N personas cost, and what a judge that wrote none of them thinks of each.

  benches/hybrid_pays.py --server http://127.0.0.1:PORT --judge MODEL [--personas 10] FILE

The ways: the frontier alone; hybrid with 2 drafts a persona; hybrid with 3 and a threshold of 0.85;
local alone. The server speaks Chat Completions and stands in for the frontier, at the price given:
with a small model behind it this shows that the method works, not how good a frontier is. Raw rows are
appended to benches/runs/hybrid_pays.jsonl with --record.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNS = ROOT / "benches/runs/hybrid_pays.jsonl"


def persona(args, *words):
    command = [args.persona, *words, "--json", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=args.folder)
    try:
        return json.loads(done.stdout)
    except ValueError:
        sys.exit(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")


def ways(args):
    paid = ["--base-url", args.server + "/v1", "--frontier-model", "server", "--price", args.price]
    hybrid = ["--hybrid", "--model", args.model, "--frontier", "openai", *paid]
    return {
        "frontier only": ["--provider", "openai", *paid],
        "hybrid, 2 drafts": [*hybrid, "--draft-multiplier", "2"],
        "hybrid, 3 drafts, 0.85": [*hybrid, "--draft-multiplier", "3", "--quality-threshold", "0.85"],
        "local only": ["--hybrid", "--model", args.model, "--no-frontier"],
    }


def measure(args, path, personas, flags):
    started = time.monotonic()
    result = persona(args, "generate", str(path), "--count", str(personas), "--seed", "1", *flags)
    seconds = time.monotonic() - started
    if "report" not in result:
        return {"error": result.get("error", {}).get("message", "no report")}
    report = result["report"]
    cost = (report["cost"].get("frontier") or {}).get("spent_usd") or 0.0
    file = Path(args.folder) / result["run"] / "personas.json"
    judged = persona(args, "evaluate", str(file), "--source", str(path), "--model", args.judge)
    counts = (report.get("refinement") or {}).get("counts") or {}
    return {
        "written": len(result["personas"]), "cost_usd": cost, "seconds": round(seconds, 1),
        "below_threshold": report["funnel"]["below_threshold"],
        "refined": counts.get("accepted", 0), "judged": judged,
    }  # fmt: skip


def scores(judged):
    """The judge's mean score over the personas, or None without scores."""
    found = [p.get("judge", p.get("score")) for p in judged.get("personas", [])]
    found = [f for f in found if isinstance(f, (int, float))]
    return sum(found) / len(found) if found else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--server", required=True, metavar="URL", help="without /v1")
    parser.add_argument("--judge", required=True, metavar="MODEL")
    parser.add_argument("--personas", default="10", metavar="N,N")
    parser.add_argument("--model", default="smollm2-135m", help="local model that drafts")
    parser.add_argument("--price", default="3/15", metavar="IN/OUT")
    parser.add_argument("--record", action="store_true", help=f"append to {RUNS.relative_to(ROOT)}")
    parser.add_argument("--persona", default=str(ROOT / "target/release/persona"))
    args = parser.parse_args()
    args.server = args.server.rstrip("/")
    print(f"{'N':>4} {'way':<24}{'written':>8}{'below':>6}{'refined':>8}{'cost':>10}{'judged':>8}{'seconds':>9}")
    with tempfile.TemporaryDirectory() as folder:
        args.folder = folder
        for personas in map(int, args.personas.split(",")):
            for way, flags in ways(args).items():
                row = measure(args, args.file.resolve(), personas, flags)
                if "error" in row:
                    print(f"{personas:>4} {way:<24}{row['error']}", flush=True)
                    continue
                mean = scores(row["judged"])
                print(
                    f"{personas:>4} {way:<24}{row['written']:>8}{row['below_threshold']:>6}{row['refined']:>8}"
                    f"{row['cost_usd']:>10.4f}{'-' if mean is None else f'{mean:.3f}':>8}{row['seconds']:>9}",
                    flush=True,
                )
                if args.record:
                    row |= {"file": args.file.name, "personas": personas, "way": way, "judge": args.judge}
                    with RUNS.open("a") as runs:
                        runs.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
