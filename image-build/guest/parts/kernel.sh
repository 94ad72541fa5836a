# The kernel as QEMU starts it fastest: on x86-64 without its wrapping, by PVH, since to unpack itself takes longest.
if [ "$architecture" != amd64 ]; then
  cp "$work"/kernel/boot/vmlinuz-* "$work/out/kernel"
  exit
fi
# boot.rst of Linux: setup_sects, payload_offset, payload_length. Four bytes at the payload's end are its size.
file=$(echo "$work"/kernel/boot/vmlinuz-*)
field() { od -An -v "-t$1" "-j$2" "-N$3" "$file" | tr -d ' '; }
start=$((($(field u1 497 1) + 1) * 512 + $(field u4 584 4)))
length=$(($(field u4 588 4) - 4))
tail -c +$((start + 1)) "$file" | head -c "$length" >"$work/payload" || [ -s "$work/payload" ]
case $(od -An -tx1 -N4 "$work/payload" | tr -d ' ') in
02214c18) lz4 -dc ;;
fd377a58) xz -dc ;;
28b52ffd) zstd -dc ;;
*)
  echo "the kernel is packed in a way that is not known here" >&2
  exit 1
  ;;
esac <"$work/payload" >"$work/out/kernel"
