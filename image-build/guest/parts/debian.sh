# Debian's own small system as the first bytes of a disk: what a machine writes goes into an overlay of its own, which
# may be larger. The kernel and the first file system are those of the small image.
. "$here/parts/apt.sh"
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(stat -c %Y "$work"/kernel/boot/vmlinuz-*)}
# Where this machine gets Debian from, as apt understands it; other origins than Debian are left out.
# shellcheck disable=SC2016 # apt fills these in
apt-get "${apt[@]}" indextargets --format '$(ORIGIN) deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
  sed -n 's/^Debian //p' | sort -u >"$work/sources.list"
[ -s "$work/sources.list" ] || { echo "apt knows of no Debian mirror" >&2; exit 1; }
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
apt-config dump Acquire | grep -i proxy >"$work/apt.conf" || true
mmdebstrap --mode=root --variant=minbase --architectures="$architecture" \
  --keyring=/etc/apt/trusted.gpg.d --keyring=/usr/share/keyrings --aptopt="$work/apt.conf" \
  --aptopt='Apt::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' --aptopt='Acquire::Retries "5"' \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/info/*' \
  --dpkgopt='force-unsafe-io' \
  --include="$(grep -v '^#' "$here/debian-packages.txt" | paste -sd,)" \
  "$suite" "$work/debian" - <"$work/sources.list"
root=$work/debian
# Of this machine and this hour.
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/cache/ldconfig/* "$root"/var/log/*.log \
  "$root"/var/log/apt/* "$root"/etc/hostname "$root"/etc/resolv.conf "$root"/run/* "$root"/tmp/*
: >"$root/etc/machine-id"
mkdir -p "$root/var/lib/apt/lists/partial" "$root/var/cache/apt/archives/partial" "$root/usr/lib/omerta" "$root/disk"
cp "$here/files/etc/hostname" "$here/files/etc/hosts" "$root/etc/"
: >"$root/etc/resolv.conf"
chroot "$root" dpkg-query -W --showformat='${Package} ${Version}\n' | sort -u - "$work/packages" >"$work/packages.all"
mv "$work/packages.all" "$work/packages"

# Raw, and no larger than it has to be: the guest makes it as large as its disk. The same ingredients give the same
# bytes (mke2fs(8): -E hash_seed, -U; lib/ext2fs of e2fsprogs: E2FSPROGS_FAKE_TIME).
find "$root" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
kib=$(du -sk --apparent-size "$root" | cut -f1)
truncate -s $(((kib * 13 / 10 / 1024 + 48) * 1024 * 1024)) "$work/out/base.raw"
uuid=9e0e3d2a-2a4b-4a0c-9a51-0b6c1d1f7e5b
E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH mke2fs -q -F -t ext4 -U $uuid -m 0 \
  -E hash_seed=$uuid,lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0 -d "$root" "$work/out/base.raw"
