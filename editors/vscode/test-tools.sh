#!/usr/bin/env bash
# Installs what `test.mjs` needs beside Chromium: `test-tools.sh [FOLDER]`. Takes all from npm's registry; needs node 20 with
# npm, and for the editor's native modules a C++ compiler, make and Python.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tools=${1:-${MTL_VSCODE_TOOLS:-$here/../../target/vscode-tools}}
mkdir -p "$tools"
cd "$tools"
tools=$PWD
echo '{ "private": true }' > package.json
install="npm install --ignore-scripts --no-audit --no-fund --no-package-lock --omit=dev"
# The packages' own scripts would fetch programs from elsewhere, so the modules that must be built are built below.
$install code-server@4.99.4 playwright-core@1.65.1 node-gyp@11.5.0
vscode=$tools/node_modules/code-server/lib/vscode
(cd "$vscode" && $install && ln -sfn node_modules node_modules.asar)
(cd "$vscode/extensions" && $install)
# Node's headers, where they are installed; else node-gyp fetches them.
prefix=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")
if [ -f "$prefix/include/node/node.h" ]; then
  export npm_config_nodedir=$prefix
fi
export PATH=$tools/node_modules/.bin:$PATH
for module in @vscode/spdlog native-watchdog node-pty; do
  (cd "$vscode/node_modules/$module" && node-gyp rebuild --silent)
done
(cd node_modules/argon2 && node-pre-gyp install --build-from-source --silent)
echo "installed in $tools"
