/**
 * A kernel for QEMU's loader (Linux's boot.rst, protocol 2.00) that writes to the first serial line: once a B, then
 * the digits from 0 to 9 for ever. So whoever reads it sees whether a guest has begun, goes on, or has begun again.
 */
export function countingKernel(): Uint8Array {
  const sector = 512;
  const kernel = new Uint8Array(3 * sector);
  const view = new DataView(kernel.buffer);
  kernel[0x1f1] = 1; // Sectors of setup after the first.
  view.setUint16(0x1fe, 0xaa55, true);
  kernel.set([0xeb, 0x6e], 0x200); // Over the header, the longest that there is.
  kernel.set(new TextEncoder().encode("HdrS"), 0x202);
  view.setUint16(0x206, 0x0200, true);
  kernel[0x211] = 1; // Loaded high.
  kernel.set(PROGRAM, 0x270);
  return kernel;
}

// biome-ignore format: an instruction a line
const PROGRAM = [
  0xba, 0xf8, 0x03, //       mov dx, 0x3f8
  0xb0, 0x42, //             mov al, 'B'
  0xee, //                   out dx, al
  0xb4, 0x30, //      again: mov ah, '0'
  0x88, 0xe0, //       next: mov al, ah
  0xee, //                   out dx, al
  0x31, 0xc9, //             xor cx, cx
  0xe2, 0xfe, //             loop $
  0xfe, 0xc4, //             inc ah
  0x80, 0xfc, 0x3a, //       cmp ah, '9' + 1
  0x75, 0xf2, //             jne next
  0xeb, 0xee, //             jmp again
];
