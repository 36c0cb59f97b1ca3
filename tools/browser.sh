#!/bin/sh
# Makes sure that the machine has a Chromium for the browser tests: apt-get brings one where it may, elsewhere it is said
# what to install. The tests say so again when they find none, so nothing ends here.
set -eu

for name in chromium chromium-browser google-chrome google-chrome-stable; do
    if command -v "$name" >/dev/null 2>&1; then
        exit 0
    fi
done
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "Installing Chromium for the browser tests ..." >&2
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y -qq --no-install-recommends chromium >/dev/null 2>&1 && exit 0
    apt-get update -qq >/dev/null 2>&1 || true
    apt-get install -y -qq --no-install-recommends chromium >/dev/null && exit 0
fi
echo "No Chromium was found; the browser tests need one (Debian and Ubuntu: apt-get install chromium)." >&2
