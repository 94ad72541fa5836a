# What was built, for whoever starts machines from it.
case $architecture in
amd64) console=ttyS0 ;;
arm64) console=ttyAMA0 ;;
esac
# A panic ends the machine. It has one user, whose it is, so it is not to be protected from itself; IPv6 has no way out.
command_line="console=$console quiet panic=-1 oops=panic mitigations=off random.trust_cpu=on ipv6.disable=1"
[ "$image" = small ] || command_line+=" omerta.root=1"

files() {
  local name sep=
  for name in "$work"/out/*; do
    printf '%s\n    "%s": { "sha256": "%s", "bytes": %s }' "$sep" "$(basename "$name")" \
      "$(sha256sum "$name" | head -c 64)" "$(stat -c %s "$name")"
    sep=,
  done
}
packages() { sed 's/\(.*\) \(.*\)/    "\1": "\2"/; $!s/$/,/' "$work/packages"; }
name=$image
[ "$image" = small ] || name=$(. /etc/os-release && echo "$ID-$VERSION_ID")
listed=$(files)
version=$(sha256sum <<<"$listed" | head -c 16)
cat >"$work/out/manifest.json" <<JSON
{
  "name": "$name",
  "version": "$version",
  "architecture": "$architecture",
  "kernelCommandLine": "$command_line",
  "agent": { "protocol": 1, "version": "$(cat "$work/version")" },
  "files": {$listed
  },
  "packages": {
$(packages)
  }
}
JSON
