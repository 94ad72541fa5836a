# Unpacks the packages of the small system into $work/system and the kernel's into $work/kernel. Nothing of them is
# run and nothing on this machine changes, so this works for another architecture, and without root.
. "$here/parts/apt.sh"
mkdir -p "$state/lists/partial" "$state/archives/partial"
: >"$state/status"
# A name that is not resolved for a moment is no reason to do without an image.
for try in 1 2 3; do
  apt-get "${apt[@]}" update -q && break
  [ "$try" != 3 ] || exit 1
  sleep 5
done
# With all that they depend on.
apt-get "${apt[@]}" install -q -y --download-only busybox dropbear-bin
kernel=$(apt-cache "${apt[@]}" depends "linux-image-cloud-$architecture" |
  sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p' | head -n 1)
mkdir "$work/kernel-package"
(cd "$work/kernel-package" && apt-get "${apt[@]}" download -q "$kernel")

for package in "$state"/archives/*.deb; do dpkg-deb -x "$package" "$work/system"; done
dpkg-deb -x "$work"/kernel-package/*.deb "$work/kernel"
for package in "$state"/archives/*.deb "$work"/kernel-package/*.deb; do
  # shellcheck disable=SC2016 # dpkg-deb fills these in
  dpkg-deb -W --showformat='${Package} ${Version}\n' "$package"
done | sort >"$work/packages"
