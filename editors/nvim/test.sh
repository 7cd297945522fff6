#!/usr/bin/env bash
# Tries the language server in Neovim, without a window: `test.sh [PATH OF mtl]`. Where there is no Neovim it says so and
# does nothing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
command=${1:-mtl}
if ! command -v nvim > /dev/null; then
  echo "SKIPPED: nvim is not installed"
  exit 0
fi
project=$(mktemp -d)
trap 'rm -rf "$project"' EXIT
case $command in */*) command=$(realpath "$command") ;; esac
# Neovim without a window prints without an end of the last line.
HOME="$project/.home" XDG_CACHE_HOME="$project/.cache" XDG_STATE_HOME="$project/.state" XDG_DATA_HOME="$project/.data" \
  MTL="$command" MTL_PROJECT="$project/study" timeout 300 \
  nvim --headless -u NONE -i NONE -n -c "luafile $here/test.lua" 2>&1 && echo
