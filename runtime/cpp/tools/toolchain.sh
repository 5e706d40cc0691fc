#!/usr/bin/env bash
# Whether this machine can build the C++ runtime and its tests: names what is missing, and exits with 1 then.
#
#   toolchain.sh [--install]      --install: get what is missing from Debian's packages
set -euo pipefail

missing=()
need() {  # PACKAGE, then what shows that it is there
  local package=$1
  shift
  "$@" > /dev/null 2>&1 || missing+=("$package")
}
has_header() {
  echo "#include <$1>" | "${CXX:-g++}" -std=c++20 -x c++ -fsyntax-only -
}

need cmake command -v cmake
need g++ command -v "${CXX:-g++}"
need nlohmann-json3-dev has_header nlohmann/json.hpp
need doctest-dev has_header doctest/doctest.h
need libssl-dev has_header openssl/evp.h

if [ ${#missing[@]} -eq 0 ]; then
  exit 0
fi
if [ "${1:-}" = --install ]; then
  apt-get update -qq
  apt-get install -y -qq "${missing[@]}"
  exit 0
fi
echo "the C++ runtime cannot be built here: missing ${missing[*]}; run 'make cpp-toolchain'" >&2
exit 1
