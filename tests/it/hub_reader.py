"""Reads a cache back with the real client: python hub_reader.py CACHE REPO FILE.

Prints the path that it gives, the SHA-256 of what is there, and what its scan of the cache finds.
"""

import hashlib
import json
import sys

from huggingface_hub import hf_hub_download, scan_cache_dir

cache, repo, file = sys.argv[1:]
path = hf_hub_download(repo, file, cache_dir=cache, local_files_only=True)
with open(path, "rb") as opened:
    sha256 = hashlib.sha256(opened.read()).hexdigest()
scan = scan_cache_dir(cache)
print(json.dumps({
    "path": path,
    "sha256": sha256,
    "warnings": [str(warning) for warning in scan.warnings],
    "repos": [found.repo_id for found in scan.repos],
    "refs": [sorted(revision.refs) for found in scan.repos for revision in found.revisions],
    "bytes": scan.size_on_disk,
}))
