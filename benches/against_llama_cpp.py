"""Measures persona against llama.cpp; benches/against_llama_cpp.sh is the way in.

Each round runs llama.cpp (llama-bench, then llama-server) and then `persona bench`, each in fresh
processes, never both at once. A ratio is the median of their seconds over the median of ours: above
1 we are faster. Memory is ours over theirs: below 1 we take less.

The prompts are those of src/throughput/workload.rs, token for token: text of this repository,
tokenised by each side's own tokenizer (the ids are equal, or perplexity would not be), cut to
length. Change both or neither.
"""

import argparse
import concurrent.futures
import contextlib
import datetime
import json
import os
import platform
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNS = ROOT / "benches" / "runs" / "against_llama_cpp.jsonl"

# As in workload.rs.
TEXTS = ["transcript.md", "interviews.csv", "survey.json"]
STRIDE = 997
PREFIX = 1024
ROWS = 8
ANSWER = 200
DRAFTS = 16
DRAFT = 300
ASK = "\n\nOne of these people as a persona, written as JSON:\n"
JUDGE = (
    "You rate personas made from user research. You get the persona, then a question. "
    "Answer with one digit from 1 (not at all) to 5 (fully).\n\n"
)
CRITERIA = {
    "coherence": "Do all parts of this persona fit together, without contradiction?",
    "realism": "Could this persona be a real person, with specific needs and habits?",
    "usefulness": "Would this persona help a team decide what to build?",
    "groundedness": "Is everything the persona says supported by the records?",
}

# As the engine's defaults. llama.cpp sorts candidates, so it gets a top-k, which makes it faster.
SAMPLING = {
    "temperature": 0.7,
    "min_p": 0.1,
    "top_p": 1.0,
    "top_k": 40,
    "repeat_penalty": 1.1,
    "repeat_last_n": 64,
}

# Room for the longest json answer that the schema allows.
LONGEST = 1280

OURS = ["pp512", "pp2048", "tg128", "tg128@512", "shared8", "json8", "judge16"]
# Ratios of the JSON object: name, their measurements (the best counts), ours.
RATIOS = [
    ("prefill_512", ["pp512"], "pp512"),
    ("prefill_2048", ["pp2048"], "pp2048"),
    ("decode_1", ["tg128"], "tg128"),
    ("decode_8_shared", ["shared8 decode"], "shared8 decode"),
    ("json_8", ["json8 n_cmpl", "json8 requests"], "json8"),
    ("judge_16x4", ["judge16"], "judge16"),
]
# Others that the table has.
MORE_RATIOS = [
    ("decode_1 @512", ["tg128@512"], "tg128@512"),
    ("shared_8, whole wall", ["shared8"], "shared8"),
]


def persona_schema():
    """The shape of workload.rs as JSON Schema."""

    def text(least, most):
        return {"type": "string", "minLength": least, "maxLength": most}

    def two(item):
        return {"type": "array", "items": item, "minItems": 2, "maxItems": 2}

    properties = {
        "name": text(3, 30),
        "who_they_are_in_a_few_words": text(8, 60),
        "what_they_want": two(text(20, 100)),
        "what_gets_in_their_way": two(text(20, 100)),
        "what_they_do_today": two(text(20, 100)),
        "summary_in_two_sentences": text(60, 240),
    }
    return closed(properties)


def scores_schema():
    return closed({name: {"type": "integer", "minimum": 1, "maximum": 5} for name in CRITERIA})


def closed(properties):
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


class Measured:
    """Seconds and tokens by test, round after round."""

    def __init__(self):
        self.rows = []

    def add(self, side, round_, test, seconds, tokens, **more):
        row = {"side": side, "round": round_, "test": test, "seconds": seconds, "tokens": tokens}
        self.rows.append(row | more)
        size = more.get("bytes")
        figures = f"{size / 1e6:9.1f} MB" if size else f"{seconds:9.3f} s  {tokens:6} tokens"
        print(f"  {side:9} {test:15} {figures}", file=sys.stderr)

    def median(self, side, test, field="seconds"):
        values = [r[field] for r in self.rows if (r["side"], r["test"]) == (side, test)]
        return statistics.median(values) if values else None

    def spread(self, side, test):
        values = [r["seconds"] for r in self.rows if (r["side"], r["test"]) == (side, test)]
        return (min(values), max(values)) if values else None


class Server:
    """A llama-server on a free port of the loopback, ended when the block ends."""

    def __init__(self, binaries, model, threads, context):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log = tempfile.TemporaryFile()
        # The prompt cache that counts here is the slots' own; the one in RAM would only cost memory.
        # With one cache for all slots the copies of a prompt are shared, which measured faster and
        # smaller on this job than a cache for each.
        self.command = [
            f"{binaries}/llama-server", "-m", model, "-t", str(threads), "-tb", str(threads),
            "--parallel", str(ROWS), "--kv-unified", "-c", str(context), "--cache-ram", "0",
            "--host", "127.0.0.1", "--port", str(self.port),
        ]  # fmt: skip

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=self.log, stderr=self.log)
        try:
            self.wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        # By its own handle and no other: somebody else's server is none of our business.
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def wait_until_ready(self):
        for _ in range(1200):
            if self.process.poll() is not None:
                self.log.seek(0)
                tail = self.log.read().decode(errors="replace")[-2000:]
                raise SystemExit(f"llama-server ended while it was starting:\n{tail}")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise SystemExit("llama-server did not become ready")

    def post(self, path, body):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=3600) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise SystemExit(f"llama-server refused {path}: {error.read().decode()}") from error

    def tokenize(self, text, special=False):
        body = {"content": text, "add_special": special, "parse_special": False}
        return self.post("/tokenize", body)["tokens"]

    def complete(self, prompt, **more):
        """The answers to one request, as a list."""
        body = {"prompt": prompt, "cache_prompt": True} | SAMPLING | more
        answer = self.post("/completion", body)
        return answer if isinstance(answer, list) else [answer]

    def peak_rss(self):
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return None
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        return int(found[1]) * 1024 if found else None


def text():
    return "".join((ROOT / "examples" / name).read_text() for name in TEXTS)


class Prompts:
    """The prompts, in llama.cpp's tokens. Each test begins at its own place (workload.rs: place)."""

    def __init__(self, server):
        self.tokens = server.tokenize(text())
        plain, special = server.tokenize("a"), server.tokenize("a", special=True)
        self.begin = special[: len(special) - len(plain)]
        self.ask = server.tokenize(ASK)
        self.judge_head = server.tokenize(JUDGE)
        questions = " ".join(CRITERIA.values())
        self.judge_ask = server.tokenize(f"\n\n{questions} Answer with one digit each, as JSON: ")

    def take(self, place, count):
        first = STRIDE + place  # persona's first repetition is its warm-up, this is the second
        return [self.tokens[at % len(self.tokens)] for at in range(first, first + count)]

    def prefix(self, place, end):
        return self.begin + self.take(place, PREFIX - len(self.begin) - len(end)) + end

    def judged(self, place, draft):
        draft = self.take(place + draft * DRAFT, DRAFT)
        return self.begin + self.judge_head + draft + self.judge_ask


def timed(work):
    started = time.perf_counter()
    answers = work()
    return time.perf_counter() - started, answers


def at_once(works):
    """Runs requests side by side and returns their answers in order."""
    with concurrent.futures.ThreadPoolExecutor(ROWS) as pool:
        futures = [pool.submit(work) for work in works]
        return [answer for future in futures for answer in future.result()]


def written(answers):
    return sum(answer["timings"]["predicted_n"] for answer in answers)


def parsed(answers):
    """How many answers are JSON."""
    good = 0
    for answer in answers:
        try:
            json.loads(answer["content"])
            good += 1
        except ValueError:
            pass
    return good


def run_llama_bench(args, model, round_, measured):
    common = [
        f"{args.llama}/llama-bench", "-m", model, "-t", str(args.threads), "-r", "1", "-o", "json",
    ]  # fmt: skip
    calls = []
    if args.wants("pp512") or args.wants("tg128"):
        calls.append(["-p", "512,2048", "-n", "128"])
    if args.wants("tg128@512"):
        calls.append(["-p", "0", "-n", "128", "-d", "512"])
    for call in calls:
        rows = json.loads(run(common + call))
        for row in rows:
            kind, count = ("pp", "n_prompt") if row["n_prompt"] else ("tg", "n_gen")
            name = f"{kind}{row[count]}" + (f"@{row['n_depth']}" if row["n_depth"] else "")
            measured.add("llama.cpp", round_, name, row["avg_ns"] / 1e9, row[count])


# How much slower a mode of theirs must be to be left out of further rounds: the ratio is to the
# faster one.
CLEARLY = 1.25


def run_llama_server(args, model, round_, measured):
    if not any(args.wants(test) for test in ("shared8", "json8", "judge16")):
        return
    side = "llama.cpp"
    schema = {"json_schema": persona_schema(), "n_predict": LONGEST}
    with started(args, model, PREFIX + ROWS * LONGEST) as (server, prompts):
        if args.wants("shared8"):
            prompt, wanted = prompts.prefix(211, []), {"n_predict": ANSWER, "ignore_eos": True}
            wall, answers = timed(lambda: server.complete(prompt, n_cmpl=ROWS, seed=1, **wanted))
            measured.add(side, round_, "shared8", wall, written(answers))
            decode = max(answer["timings"]["predicted_ms"] for answer in answers) / 1000
            measured.add(side, round_, "shared8 decode", decode, written(answers))
        if args.wants("json8"):
            prompt = prompts.prefix(307, prompts.ask)
            wall, answers = timed(lambda: server.complete(prompt, n_cmpl=ROWS, seed=1, **schema))
            add_json(measured, round_, "json8 n_cmpl", wall, answers)
        if args.wants("judge16"):
            scores = {"json_schema": scores_schema(), "n_predict": 96, "temperature": 0.0}
            works = [
                lambda draft=draft: server.complete(prompts.judged(401, draft), **scores)
                for draft in range(DRAFTS)
            ]
            wall, answers = timed(lambda: at_once(works))
            add_json(measured, round_, "judge16", wall, answers)
        measured.add(side, round_, "peak_rss", 0.0, 0, bytes=server.peak_rss())
    one, separate = (measured.median(side, f"json8 {mode}") for mode in ("n_cmpl", "requests"))
    is_slower = one and separate and one * CLEARLY < separate
    if args.wants("json8") and not is_slower:
        # Requests of their own hold the prompt eight times, so this server is larger.
        with started(args, model, ROWS * (PREFIX + LONGEST)) as (server, prompts):
            prompt = prompts.prefix(307, prompts.ask)
            works = [
                lambda seed=seed: server.complete(prompt, seed=seed, **schema)
                for seed in range(ROWS)
            ]
            wall, answers = timed(lambda: at_once(works))
            add_json(measured, round_, "json8 requests", wall, answers)


@contextlib.contextmanager
def started(args, model, context):
    """A server that has answered once, and the prompts."""
    with Server(args.llama, model, args.threads, context) as server:
        prompts = Prompts(server)
        server.complete(prompts.take(5000, 64), n_predict=8, n_cmpl=ROWS, ignore_eos=True)
        yield server, prompts


def add_json(measured, round_, test, wall, answers):
    good = parsed(answers)
    measured.add("llama.cpp", round_, test, wall, written(answers), parsed=good, of=len(answers))


def run_persona(args, model, round_, measured):
    tests = [test for test in OURS if args.wants(test)]
    command = [
        args.persona, "bench", "--model", model, "--threads", str(args.threads),
        "--test", ",".join(tests), "--repetitions", "1", "--warmup", "1", "--json", "--quiet",
    ]  # fmt: skip
    rows = json.loads(run(command))["rows"]
    for row in rows:
        sample = row["samples"][0]
        measured.add("persona", round_, row["test"], sample["seconds"], sample["tokens"])
        if row["test"] == "shared8":
            decode = sample["seconds"] - sample["prefill_s"]
            measured.add("persona", round_, "shared8 decode", decode, sample["tokens"])
    peak = max(row["peak_rss_bytes"] or 0 for row in rows)
    setting = {key: rows[0][key] for key in ("version", "profile", "simd", "sha256", "cpu")}
    measured.add("persona", round_, "peak_rss", 0.0, 0, bytes=peak, **setting)


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return done.stdout


def best(measured, tests):
    """Their fastest way: name and median seconds."""
    known = [(measured.median("llama.cpp", test), test) for test in tests]
    known = [pair for pair in known if pair[0] is not None]
    return min(known) if known else (None, None)


def ratios(measured, wanted):
    found = {}
    for name, theirs, ours in wanted:
        their_seconds, _ = best(measured, theirs)
        our_seconds = measured.median("persona", ours)
        found[name] = round(their_seconds / our_seconds, 3) if their_seconds and our_seconds else None
    return found


def memory(measured):
    ours = measured.median("persona", "peak_rss", "bytes")
    theirs = measured.median("llama.cpp", "peak_rss", "bytes")
    return round(ours / theirs, 3) if ours and theirs else None


def summary(model, measured):
    return {"model": Path(model).stem, **ratios(measured, RATIOS), "peak_rss": memory(measured)}


def table(model, measured, args):
    lines = [
        f"{Path(model).name}, {args.threads} threads, medians of {args.rounds} (fastest to slowest)",
        "",
        f"{'':22} {'llama.cpp':>28} {'persona':>28} {'ratio':>7}",
    ]
    both = RATIOS + MORE_RATIOS
    found = ratios(measured, both)
    for name, theirs, ours in both:
        if found[name] is None:
            continue
        _, test = best(measured, theirs)
        cells = [cell(measured, "llama.cpp", test), cell(measured, "persona", ours)]
        lines.append(f"{name:22} {cells[0]:>28} {cells[1]:>28} {found[name]:7.2f}")
    ratio = memory(measured)
    if ratio is not None:
        peaks = [
            f"{measured.median(side, 'peak_rss', 'bytes') / 1e6:.0f} MB"
            for side in ("llama.cpp", "persona")
        ]
        lines.append(f"{'peak_rss':22} {peaks[0]:>28} {peaks[1]:>28} {ratio:7.2f}")
    lines += ["", "tokens written (constrained tests), and how many answers parse:"]
    for side, test in (
        ("llama.cpp", "json8 n_cmpl"),
        ("llama.cpp", "json8 requests"),
        ("persona", "json8"),
        ("llama.cpp", "judge16"),
    ):
        seconds = measured.median(side, test)
        if seconds is None:
            continue
        tokens = measured.median(side, test, "tokens")
        line = f"{side:9} {test:15} {seconds:7.2f} s {tokens:7.0f} tokens {tokens / seconds:7.1f} a second"
        rows = [r for r in measured.rows if (r["side"], r["test"]) == (side, test) and "of" in r]
        if rows:
            line += f"   {sum(r['parsed'] for r in rows)} of {sum(r['of'] for r in rows)} parse"
        lines.append(line)
    return "\n".join(lines)


def cell(measured, side, test):
    low, high = measured.spread(side, test)
    seconds, tokens = measured.median(side, test), measured.median(side, test, "tokens")
    return f"{tokens / seconds:.0f}/s {seconds:.2f} s ({low:.2f}–{high:.2f})"


def record(model, measured, args):
    RUNS.parent.mkdir(parents=True, exist_ok=True)
    head = {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M"),
        "model": Path(model).stem,
        "threads": args.threads,
        "machine": platform.machine(),
        "llama_cpp": args.llama_version(),
    }
    with RUNS.open("a") as file:
        for row in measured.rows:
            file.write(json.dumps(head | row) + "\n")
    print(f"raw rows appended to {RUNS.relative_to(ROOT)}", file=sys.stderr)


def perplexity(model, args):
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(text())
        file.flush()
        threads = str(args.threads)
        done = subprocess.run(
            [f"{args.llama}/llama-perplexity", "-m", model, "-f", file.name, "-c", "512", "-t", threads],
            capture_output=True,
            text=True,
        )
        found = re.search(r"Final estimate: PPL = ([\d.]+)", done.stdout + done.stderr)
        if not found:
            raise SystemExit(f"llama-perplexity gave no figure:\n{done.stderr[-2000:]}")
        theirs = float(found[1])
        ours = json.loads(
            run([
                args.persona, "bench", "--model", model, "--threads", threads, "--test", "ppl",
                "--text", file.name, "--json", "--quiet",
            ])  # fmt: skip
        )["rows"][0]
    off = ours["perplexity"] / theirs - 1
    return {
        "model": Path(model).stem,
        "tokens": ours["tokens"],
        "llama_cpp": theirs,
        "persona": round(ours["perplexity"], 4),
        "difference_percent": round(off * 100, 3),
    }


def arguments():
    parser = argparse.ArgumentParser(
        prog="against_llama_cpp.sh",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("models", nargs="+", metavar="MODEL.gguf")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="default: 5")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="default: 2")
    parser.add_argument(
        "--only", metavar="TESTS", help=f"some of {','.join(OURS)} (pp512 brings pp2048 and tg128)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a model")
    parser.add_argument("--perplexity", action="store_true", help="perplexity instead of speed")
    parser.add_argument("--record", action="store_true", help=f"append raw rows to {RUNS.relative_to(ROOT)}")
    parser.add_argument("--llama", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--persona", required=True, help=argparse.SUPPRESS)
    args = parser.parse_args()
    only = set(args.only.split(",")) if args.only else set(OURS)
    if unknown := only - set(OURS):
        parser.error(f"unknown tests: {', '.join(sorted(unknown))}")
    if args.rounds < 1:
        parser.error("--rounds starts at 1")
    for model in args.models:
        if not os.path.isfile(model):
            parser.error(f"no such file: {model}")
    args.wants = lambda test: test in only
    args.llama_version = lambda: Path(args.llama).parents[4].name
    return args


def main():
    args = arguments()
    for model in args.models:
        if args.perplexity:
            found = perplexity(model, args)
            line = "{model}: perplexity {persona} here, {llama_cpp} in llama.cpp ({difference_percent:+} %) over {tokens} tokens"
            print(json.dumps(found) if args.json else line.format(**found), flush=True)
            continue
        measured = Measured()
        for round_ in range(args.rounds):
            print(f"{Path(model).name}, round {round_ + 1} of {args.rounds}", file=sys.stderr)
            run_llama_bench(args, model, round_, measured)
            run_llama_server(args, model, round_, measured)
            run_persona(args, model, round_, measured)
        if args.record:
            record(model, measured, args)
        if args.json:
            print(json.dumps(summary(model, measured)), flush=True)
        else:
            print(table(model, measured, args), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
