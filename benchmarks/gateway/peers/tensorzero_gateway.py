"""Run TensorZero's HTTP gateway inside this process: `tensorzero_gateway.py CONFIG`, with its package's own Python.

This is what the package itself starts for `patch_openai_client`; prints the address and serves until killed.
"""

import signal
import sys

from tensorzero.tensorzero import _start_http_gateway  # type: ignore[import-not-found]

gateway = _start_http_gateway(
    config_file=sys.argv[1], clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=False
)
print(gateway.base_url, flush=True)
signal.pause()
