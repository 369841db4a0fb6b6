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
# Runs it again, up to three times, after a pause that grows: a mirror that is being renewed is whole a moment later.
stubbornly() {
  local pause
  for pause in 5 20 60; do
    "$@" && return
    say "failed; trying again in $pause s: $*"
    sleep "$pause"
  done
  "$@"
}

packages=()
for program in nginx haproxy apache2 chromium wrk curl git; do has "$program" || packages+=("$program"); done
# Debian's own Caddy (2.6) is a part beside the current one, which comes from PyPI.
[ -x /usr/bin/caddy ] || packages+=(caddy)
python3 -c 'import venv, ensurepip' 2>/dev/null || packages+=(python3 python3-venv)

if [ "${#packages[@]}" -gt 0 ]; then
  has apt-get || refuse "missing: ${packages[*]}. There is no apt-get here; install them with your own package manager."
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    has sudo || refuse "missing: ${packages[*]}. Run this script as root, or install sudo."
    as_root=(sudo)
  fi
  say "installing ${packages[*]}"
  # The packages start services (nginx on port 80, HAProxy, Caddy). The tests want the programs only.
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee /usr/sbin/policy-rc.d >/dev/null
    "${as_root[@]}" chmod +x /usr/sbin/policy-rc.d
    trap '"${as_root[@]}" rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  log=$(mktemp)
  apt_get() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get -q -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 "$@" >"$log" 2>&1
  }
  # Both anew at each try: what the lists name may be gone from the mirror already.
  install_packages() { apt_get update && apt_get install -y --no-install-recommends "${packages[@]}"; }
  stubbornly install_packages || {
    tail -n 30 "$log" >&2
    refuse "apt-get failed; the end of its output is above."
  }
  rm -f "$log"
fi

if ! cmp -s "$wheels" "$venv/installed.txt"; then
  say "installing the wheels of $wheels into $venv"
  rm -rf "$venv"
  python3 -m venv "$venv"
  stubbornly "$venv/bin/pip" install --quiet --disable-pip-version-check --retries 5 --timeout 60 -r "$wheels" ||
    refuse "pip could not install the wheels; is the network there?"
  cp "$wheels" "$venv/installed.txt"
fi

# Apps from npm stand apart: nobody who only works on Lintel or runs it has to fetch them. No install script runs.
if ! cmp -s scripts/apps/package-lock.json "$apps/installed.json"; then
  has npm || refuse "missing: npm, which comes with Node."
  say "installing the apps of scripts/apps/package.json into $apps"
  rm -rf "$apps"
  mkdir -p "$apps"
  cp scripts/apps/package.json scripts/apps/package-lock.json "$apps/"
  stubbornly npm ci --prefix "$apps" --ignore-scripts --no-audit --no-fund --loglevel=error --fetch-retries=5 ||
    refuse "npm could not install the apps; is the network there?"
  cp scripts/apps/package-lock.json "$apps/installed.json"
fi
