#!/bin/sh
# Builds what a guest machine starts from, in the folder $1: vmlinux, initrd.cpio and root.squashfs.
# Everything comes from the Debian mirror that this machine's apt is set to; the kernel is Debian's full one, since
# the cloud kernel has no radios. Needs root, mmdebstrap, squashfs-tools and xz-utils. About a minute.
set -eu
here=$(dirname "$(readlink -f "$0")")
out=$1
work=$(mktemp -d -p "$out")
trap 'rm -rf --one-file-system "$work"' EXIT
# apt reads here as another user.
chmod 755 "$work"
cd "$work"

step() { echo "$(date +%T) $*"; }

step "the kernel"
# What it knows may be too old for the mirror, or nothing. A list that cannot be had may be of no use here anyhow.
apt-get update -q || true
# Unpacked, not installed: its scripts would make an initrd and look for a boot loader.
image=$(apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p' | head -n 1)
apt-get download -q -o APT::Sandbox::User=root "$image"
dpkg-deb -x linux-image-*.deb kernel
version=$(ls kernel/lib/modules)

step "the system"
# Where this machine gets Debian from, as apt understands it; other origins than Debian are left out.
# shellcheck disable=SC2016 # apt fills these in
apt-get indextargets --format '$(ORIGIN) deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
  sed -n 's/^Debian //p' | sort -u >sources.list
[ -s sources.list ] || { echo "apt has no list of a Debian mirror: apt-get update" >&2; exit 1; }
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
apt-config dump Acquire | grep -i 'proxy' >apt.conf || true
mmdebstrap --mode=root --variant=essential \
  --keyring=/etc/apt/trusted.gpg.d --keyring=/usr/share/keyrings --aptopt="$work/apt.conf" \
  --aptopt='Apt::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/info/*' \
  --dpkgopt='force-unsafe-io' \
  --include="$(grep -v '^#' "$here/packages.txt" | paste -sd,)" \
  "$suite" root - <sources.list

step "the modules of $version"
from=kernel/lib/modules/$version/kernel
to=root/lib/modules/$version
mkdir -p "$to/kernel"
cp kernel/lib/modules/"$version"/modules.* "$to/"
while read -r path; do
  for file in "$from/$path"*; do
    mkdir -p "$to/kernel/$(dirname "$path")"
    cp -a "$file" "$to/kernel/$(dirname "$path")/"
  done
done <"$here/modules.txt"
# From Debian 13 on they are packed, which busybox cannot read.
find "$to/kernel" -name '*.ko.xz' -exec xz -d {} +
chroot root depmod "$version"
mkdir -p root/project root/results
install -m 755 "$here/guest-init" root/sbin/guest-init

step "the first file system"
mkdir -p initrd/bin initrd/dev initrd/proc initrd/sys initrd/modules initrd/image initrd/changes initrd/root
cp root/bin/busybox initrd/bin/
install -m 755 "$here/initrd-init" initrd/init
for module in virtio_pci virtio_blk squashfs overlay; do
  chroot root modprobe -S "$version" --show-depends "$module"
done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' >modules
while read -r file; do
  cp "root$file" initrd/modules/
  basename "$file" >>initrd/modules/order
done <modules
(cd initrd && find . | ./bin/busybox cpio -o -H newc >../initrd.cpio)

step "the kernel without its wrapping"
# boot.rst of Linux: setup_sects, payload_offset, payload_length. Four bytes at the payload's end are its size.
field() { od -An -v "-t$1" "-j$2" "-N$3" kernel/boot/vmlinuz-* | tr -d ' '; }
start=$((($(field u1 497 1) + 1) * 512 + $(field u4 584 4)))
length=$(($(field u4 588 4) - 4))
tail -c +$((start + 1)) kernel/boot/vmlinuz-* | head -c "$length" >payload
case $(od -An -tx1 -N4 payload | tr -d ' ') in
fd377a58) xz -dc payload >vmlinux ;;
28b52ffd) zstd -dc payload >vmlinux ;;
*) echo "the kernel is packed in a way that is not known here" >&2; exit 1 ;;
esac

step "the image"
mksquashfs root root.squashfs -comp lz4 -noappend -quiet -no-progress -no-xattrs
mv vmlinux initrd.cpio root.squashfs "$out/"
step "done"
