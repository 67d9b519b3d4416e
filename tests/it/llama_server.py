"""llama.cpp's server from the Python package xllamacpp, on loopback, until stdin closes.

Usage: llama_server.py MODEL.gguf PORT
"""

import sys

from xllamacpp import CommonParams, Server

model, port = sys.argv[1:]
params = CommonParams()
params.model.path = model
params.hostnames = ["127.0.0.1"]
params.port = int(port)
params.n_ctx = 16384
params.n_parallel = 2
# The server cuts every answer here. A model this small writes on to any limit, and on a slow machine
# that takes an hour; what its words are worth is not what is tested.
params.n_predict = 160
# One thread: two that wait for each other crawl when tests run beside them.
params.cpuparams.n_threads = 1
params.cpuparams_batch.n_threads = 1
server = Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
