#!/usr/bin/env bash
# Put ONNX Runtime's headers into DIR/include, from Debian's package of them: the wheel for Python holds none.
#
#   onnxruntime_headers.sh DIR
#
# Debian 12 has no such package, so it is taken from the next release, unpacked beside the system and not installed:
# an apt of its own reads that release's list with the system's mirror and keys. Headers of an older ONNX Runtime serve
# every later library.
set -euo pipefail

root=$(realpath -m "$1")
if [ -f "$root/include/onnxruntime_c_api.h" ]; then
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/lists/partial "$work"/cache/archives/partial "$work"/package
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Label: Debian' 'Created-By: Packages' | head -n 1)
if [ -z "$mirror" ]; then
  echo "onnxruntime_headers: apt has no list of Debian's packages, expected one: run 'apt-get update' first," \
    "or set ONNXRUNTIME_ROOT to a directory that holds include/onnxruntime_c_api.h" >&2
  exit 1
fi
keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keys] $mirror trixie main" > "$work/sources.list"
apt=(-o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=- -o "Dir::State::Lists=$work/lists"
  -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root)

apt-get "${apt[@]}" update -qq
(cd "$work" && apt-get "${apt[@]}" download -qq libonnxruntime-dev)
dpkg-deb --extract "$work"/libonnxruntime-dev_*.deb "$work/package"
mkdir -p "$root/include"
cp -r "$work"/package/usr/include/onnxruntime/. "$root/include/"
echo "ONNX Runtime's headers are in $root/include"
