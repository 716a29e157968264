#!/usr/bin/env bash
# Installs what lookback builds and tests with, from Debian's packages (third_party_notes.md says why each).
# Usage: tools/install_packages.sh [FURTHER PACKAGE ...]
set -euo pipefail
packages="g++ cmake ninja-build pkg-config libeigen3-dev libhdf5-dev libcfitsio-dev
          libcli11-dev libtomlplusplus-dev nlohmann-json3-dev doctest-dev $*"
missing=""
for package in $packages; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "ok installed" || missing="$missing $package"
done
if [ -z "$missing" ]; then
  echo "packages: all there already"
  exit 0
fi
echo "packages: installing$missing"
as_root=""
[ "$(id -u)" = 0 ] || as_root=sudo
$as_root apt-get update -qq
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
