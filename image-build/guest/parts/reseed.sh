# Writes a program of eight instructions: ioctl(0, RNDRESEEDCRNG), whose error is its exit status. What is written to
# /dev/urandom counts for what is read from it only at the kernel's next reseed, up to a minute later (random(4),
# crng_reseed in Linux); two clones of one machine would have the same randomness until then. No program of the small
# system can ask for it, and a compiler for each architecture would be needed for these bytes alone.
case $1 in
amd64)
  machine='\x3e\x00'
  code='\x31\xff'                  # xor edi, edi            standard input
  code+='\xbe\x07\x52\x00\x00'     # mov esi, 0x5207         RNDRESEEDCRNG, linux/random.h
  code+='\x31\xd2'                 # xor edx, edx
  code+='\xb8\x10\x00\x00\x00'     # mov eax, 16             ioctl
  code+='\x0f\x05'                 # syscall
  code+='\x89\xc7'                 # mov edi, eax
  code+='\xf7\xdf'                 # neg edi
  code+='\xb8\x3c\x00\x00\x00'     # mov eax, 60             exit
  code+='\x0f\x05'                 # syscall
  size='\x1b\x00\x00\x00\x00\x00\x00\x00'
  ;;
arm64)
  machine='\xb7\x00'
  code='\x00\x00\x80\xd2'          # mov x0, #0
  code+='\xe1\x40\x8a\xd2'         # mov x1, #0x5207
  code+='\x02\x00\x80\xd2'         # mov x2, #0
  code+='\xa8\x03\x80\xd2'         # mov x8, #29             ioctl
  code+='\x01\x00\x00\xd4'         # svc #0
  code+='\xe0\x03\x00\xcb'         # neg x0, x0
  code+='\xa8\x0b\x80\xd2'         # mov x8, #93             exit
  code+='\x01\x00\x00\xd4'         # svc #0
  size='\x20\x00\x00\x00\x00\x00\x00\x00'
  ;;
esac
zero='\x00\x00\x00\x00\x00\x00\x00\x00'
# elf(5): the header, 64 bytes, with the entry at 0x400078; one program header, 56 bytes: load it all, read and execute.
printf '\x7fELF\x02\x01\x01\x00%b\x02\x00%b\x01\x00\x00\x00' "$zero" "$machine"
printf '\x78\x00\x40\x00\x00\x00\x00\x00\x40\x00\x00\x00\x00\x00\x00\x00%b' "$zero"
printf '\x00\x00\x00\x00\x40\x00\x38\x00\x01\x00\x00\x00\x00\x00\x00\x00'
printf '\x01\x00\x00\x00\x05\x00\x00\x00\x78\x00\x00\x00\x00\x00\x00\x00'
printf '\x78\x00\x40\x00\x00\x00\x00\x00\x78\x00\x40\x00\x00\x00\x00\x00%b%b' "$size" "$size"
printf '\x01\x00\x00\x00\x00\x00\x00\x00%b' "$code"
