#!/usr/bin/env bash
# Installs the real programs that the tests run: reverse proxies, a browser, a load generator and apps.
# Safe to run again; quick and silent when nothing is missing. Needs root or sudo only when a Debian package is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"

venv=.cache/venv
wheels=scripts/install-parts.txt
apps=.cache/apps

say() { printf 'install-parts: %s\n' "$*" >&2; }
has() { command -v "$1" >/dev/null 2>&1; }
refuse() {
  say "$1"
  exit 1
}

packages=()
