#!/bin/bash
# Start one gateway of gateways.txt in the foreground, pinned to one core. The shell is replaced by the
# gateway, so that $! is the gateway's own pid.
#
#   WORK=FOLDER ./gw.sh NAME
#
# WORK: scratch folder. GW_BASE: base port (18400). GW_CORE: core (0; "" = not pinned). GW_KEY: bearer key.
# NAME_CMD (for example HOSTLER_CMD): a command instead of the one in gateways.txt.
set -eu
export HERE WORK KEY UP UP_PACED PORT PORT_PACED RUN
HERE=$(cd "$(dirname "$0")" && pwd)
name=${1:?usage: WORK=FOLDER gw.sh NAME}
mkdir -p "${WORK:?set WORK to a scratch folder}"
WORK=$(cd "$WORK" && pwd)
KEY=${GW_KEY:-sk-local-benchmark-key-0123456789}
UP=${GW_BASE:-18400}
UP_PACED=$((UP + 1))

row=$(grep -E "^$name *\|" "$HERE/gateways.txt") || { echo "gateways.txt has no row '$name'" >&2; exit 2; }
IFS='|' read -r _ port _ _ cmd <<<"$row"
port=${port// /}
[ "$port" = url ] && port=0
PORT=$((UP + port))
PORT_PACED=$((PORT + 1))

RUN=$WORK/run/$name
mkdir -p "$RUN"
rm -f "$RUN/url"
for f in "$HERE"/conf/*; do
  sed -e "s/@PORT@/$PORT/g; s/@PORT_PACED@/$PORT_PACED/g; s/@UP@/$UP/g; s/@UP_PACED@/$UP_PACED/g; s/@KEY@/$KEY/g" \
    "$f" > "$RUN/$(basename "$f")"
done

# HOSTLER_BIN: the program (default: hostler on PATH). Data folder and providers file are the benchmark's own.
# Words after hostler_up are further flags.
hostler_up() {
  command -v "${HOSTLER_BIN:-hostler}" >/dev/null || {
    echo "there is no '${HOSTLER_BIN:-hostler}' on PATH: run 'make up' once, or set HOSTLER_BIN or HOSTLER_CMD" >&2
    exit 127
  }
  exec $pin env LLAMA_PROVIDERS_PATH="$RUN/hostler-providers.json" HOSTLER_DATA_DIR="$RUN/data" \
    "${HOSTLER_BIN:-hostler}" up "$@" --no-engine --no-browser --port "$PORT" --config "$RUN/hostler.toml"
}

override=$(printf %s "$name" | tr 'a-z-' 'A-Z_')_CMD
cmd=${!override:-$cmd}
core=${GW_CORE-0}
pin=
[ -n "$core" ] && command -v taskset >/dev/null && pin="taskset -c $core"
cd "$RUN"
case $cmd in
  " hostler_up") hostler_up --no-workbench ;;
  " hostler_up_with_tab") hostler_up ;;
esac
eval "exec $pin $cmd"
