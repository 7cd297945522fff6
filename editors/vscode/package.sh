#!/bin/sh
# Makes mtl-<version>.vsix beside this script. Needs node (20 or newer) and npm.
set -eu
cd "$(dirname "$0")"
npm install --no-audit --no-fund --no-package-lock
npm run --silent bundle
cp ../../LICENSE .
npx --no-install vsce package --no-dependencies --allow-missing-repository
