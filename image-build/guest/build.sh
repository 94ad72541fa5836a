#!/bin/bash
# Builds an image that virtual machines start from, out of Debian's packages, and prints the path of its manifest.
# See the README beside this file. What was built from the same ingredients is taken as it is.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")

usage() {
  echo "usage: build.sh [--image small|debian] [--architecture amd64|arm64] [--into FOLDER] [--again]" >&2
  exit 2
}

image=small
architecture=$(dpkg --print-architecture)
into=$here/../../node_modules/.cache/vm-guest
again=
while [ $# -gt 0 ]; do
  case $1 in
  --image | --architecture | --into)
    [ $# -ge 2 ] || usage
    declare "${1#--}=$2"
    shift 2
    ;;
  --again) again=1; shift ;;
  *) usage ;;
  esac
done
case $image in small | debian) ;; *) usage ;; esac
case $architecture in amd64 | arm64) ;; *) usage ;; esac
if [ "$image" = debian ] && [ "$architecture" != "$(dpkg --print-architecture)" ]; then
  echo "Debian's base for $architecture is built on a machine of that architecture: its packages run programs" >&2
  exit 1
fi
mkdir -p "$into"
into=$(readlink -f "$into")

# With other contents it is another image. What the mirror has newer is not looked for: --again does that.
key=$(cd "$here" && {
  echo "$image $architecture ${SOURCE_DATE_EPOCH:-}"
  find . -type f ! -name '*.md' | LC_ALL=C sort | xargs sha256sum /etc/os-release
} | sha256sum | head -c 16)
folder=$into/$image-$architecture-$key

# One at a time: who comes second finds it finished.
exec 9>"$into/lock"
flock 9
if [ -n "$again" ] || [ ! -e "$folder/manifest.json" ]; then
  work=$into/unfinished
  rm -rf --one-file-system "$work"
  mkdir -p "$work/out"
  # apt reads here as another user.
  chmod 755 "$work"
  export LC_ALL=C TZ=UTC architecture image work here
  umask 022
  for part in packages kernel initramfs ${image/small/} manifest; do
    echo "$(date +%T) $part" >&2
    bash -euo pipefail "$here/parts/$part.sh" >"$work/$part.log" 2>&1 9>&- || {
      tail -n 30 "$work/$part.log" >&2
      echo "$part failed: $work/$part.log" >&2
      exit 1
    }
  done
  rm -rf --one-file-system "$folder"
  mv "$work/out" "$folder"
  rm -rf --one-file-system "$work"
fi
echo "$folder/manifest.json"
