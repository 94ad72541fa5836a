#!/bin/sh
# Run by mmdebstrap when all packages are installed, with the folder of the new system: unpacks packages that are not to be
# installed into /unpacked there, notes what they are, and makes what only programs of that system can make.
#   unpack.sh ROOT OVERLAY PACKAGE…
set -eu
root=$1 overlay=$2
shift 2

# The first of a package's dependencies is what a name without a version stands for: linux-image-amd64.
real() {
  apt-cache depends --no-recommends --no-suggests "$1" | sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p' | grep . || echo "$1"
}
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
mkdir -p "$root/unpacked/debs"
names=
for name in "$@"; do names="$names $(real "$name" | head -n 1)"; done
# shellcheck disable=SC2086 # a list of names
(cd "$root/unpacked/debs" && apt-get download -q -o APT::Sandbox::User=root $names)
for deb in "$root"/unpacked/debs/*.deb; do
  dpkg-deb -x "$deb" "$root/unpacked"
  # shellcheck disable=SC2016 # dpkg-deb fills these in
  dpkg-deb -W --showformat='${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\n' "$deb" \
    >>"$root/unpacked/packages.tsv"
done
rm -rf "$root/unpacked/debs"

# Those whom the box's processes run as: here once, and not at each start.
cp "$overlay"/usr/lib/sysusers.d/*.conf "$root/usr/lib/sysusers.d/"
chroot "$root" systemd-sysusers

# What the first file system needs to set up dm-verity, with the libraries.
chroot "$root" ldd /usr/sbin/dmsetup | sed -n 's/.*[[:space:]]\(\/[^ ]*\) (0x.*/\1/p' >"$root/unpacked/dmsetup.txt"

# GRUB as it stands in the disk's first sectors, and as a program of UEFI. They go on with what is on the first partition.
grub=$root/unpacked/usr/lib/grub
if [ -d "$grub/i386-pc" ]; then
  # "load_env" and "save_env" for the slots, "cpuid" to tell a processor of 32 bits.
  common='fat part_msdos normal configfile linux loadenv test echo sleep reboot search search_label cpuid regexp halt serial terminal'
  printf 'search --no-floppy --label OMERTA --set root --hint hd0,msdos1\nset prefix=($root)/grub\n' \
    >"$root/unpacked/first.cfg"
  chroot "$root" grub-mkimage -d /unpacked/usr/lib/grub/i386-pc -O i386-pc -p /grub -c /unpacked/first.cfg \
    -o /unpacked/core.img biosdisk vga_text $common
  chroot "$root" grub-mkimage -d /unpacked/usr/lib/grub/x86_64-efi -O x86_64-efi -p /grub -c /unpacked/first.cfg \
    -o /unpacked/bootx64.efi efi_gop efi_uga all_video $common
fi
