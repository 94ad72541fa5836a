# The first file system: busybox, dropbear, the libraries that they name, our agent, and the modules that it needs.
root=$work/initramfs
mkdir -p "$root"/{bin,sbin,dev,proc,sys,tmp,run,root,disk,new,etc/dropbear,usr/bin,usr/sbin}
case $architecture in
amd64) triplet=x86_64-linux-gnu loader=lib64/ld-linux-x86-64.so.2 ;;
arm64) triplet=aarch64-linux-gnu loader=lib/ld-linux-aarch64.so.1 ;;
esac

# From Debian 13 on all of them are below usr.
from() { find "$work/system" -path "*/$1" | head -n 1 | grep . || { echo "no package has $1" >&2; exit 1; }; }
while read -r path; do
  path=${path/TRIPLET/$triplet}
  path=${path/LOADER/$loader}
  mkdir -p "$root/$(dirname "$path")"
  cp -L "$(from "$path")" "$root/$path"
done < <(grep -v '^#' "$here/system-files.txt")

install -d "$root/usr/lib/omerta/bin" "$root/usr/lib/omerta/modules"
cp "$here"/files/etc/* "$root/etc/"
install -m 755 "$here"/files/init "$root/init"
install -m 755 "$here"/files/agent "$here"/files/process-1 "$here"/files/shell "$root/usr/lib/omerta/"
install -m 644 "$here"/files/link.conf "$root/usr/lib/omerta/"
bash -euo pipefail "$here/parts/reseed.sh" "$architecture" >"$root/usr/lib/omerta/bin/reseed"
chmod 755 "$root/usr/lib/omerta/bin/reseed"
chmod 700 "$root/root"
chmod 1777 "$root/tmp"

# Modules name what they need in themselves (.modinfo), so no depmod has to run.
modules=$(echo "$work"/kernel/lib/modules/*)
module() {
  local name=${1//-/_} file need
  file=$(find "$modules/kernel" -name "*.ko*" | grep -E "/${name//_/[-_]}\.ko(\.xz)?$" | head -n 1) || true
  if [ -z "$file" ]; then
    grep -qE "/${name//_/[-_]}\.ko$" "$modules/modules.builtin" || { echo "no module $name" >&2; exit 1; }
    return
  fi
  [ ! -e "$root/usr/lib/omerta/modules/$name.ko" ] || return 0
  case $file in
  *.xz) xz -dc "$file" ;;
  *) cat "$file" ;;
  esac >"$root/usr/lib/omerta/modules/$name.ko"
  for need in $(tr '\0' '\n' <"$root/usr/lib/omerta/modules/$name.ko" | sed -n 's/^depends=//p' | tr ',' ' '); do
    module "$need" "$2"
  done
  echo "$name.ko" >>"$root/usr/lib/omerta/modules/$2"
}
while read -r name when; do module "$name" "$when"; done < <(grep -v '^#' "$here/modules.txt")

# The same ingredients give the same bytes: sorted, without inodes, users and times of this machine.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(stat -c %Y "$work"/kernel/boot/vmlinuz-*)}
(cd "$root" && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | head -c 16) >"$work/version"
cp "$work/version" "$root/usr/lib/omerta/version"
echo >>"$root/usr/lib/omerta/version"
find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
(cd "$root" && find . -print0 | sort -z | cpio --null --create --quiet --format=newc --reproducible --owner=0:0) \
  >"$work/out/initrd.cpio"
