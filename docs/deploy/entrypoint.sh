#!/bin/bash
# `vllm MODEL [FLAGS…]` starts a server with the flags that Interlock needs; anything else is run as it is.
set -euo pipefail
if [ "${1:-}" = vllm ]; then
    model=$2
    shift 2
    flags=$(interlock serve-flags | head -n 1)
    eval "exec python -m vllm.entrypoints.openai.api_server --model \"\$model\" --host 0.0.0.0 --port 8000 $flags \"\$@\""
fi
exec "$@"
