import { ArmCode } from "./arm-code.ts";
import { paintedText } from "./plain-letters.ts";

/** What whoever starts the card in such a board reads, on a screen and on the serial line. */
export const UNSUPPORTED_TEXT = [
  "The Omerta Box does not run on this",
  "Raspberry Pi.",
  "",
  "It needs a Raspberry Pi 3, 4, 400, Zero 2 W",
  "or Compute Module 4: a processor of 64 bits.",
  "",
  "Take the card to one of these. Nothing is",
  "broken, and the card is as it was.",
] as const;

/** The screen has twice as many, in both directions; displays of other sizes are filled by the firmware. */
export const DOTS = { width: 320, height: 240 } as const;
const SCALE = 2;
const LINE_DOTS = 14;
const FIRST_ROW = 64;

/** 0x00RRGGBB. */
export const COLOURS = { ground: 0x00_00_00_40, text: 0x00_ff_ff_ff } as const;

/** The dots that are painted, from row {@link FIRST_ROW} on. */
export function unsupportedDots(): { firstRow: number; rows: boolean[][] } {
  // Some televisions cut off what is near the edges.
  const indented = UNSUPPORTED_TEXT.map((line) => `    ${line}`);
  return { firstRow: FIRST_ROW, rows: paintedText(indented, DOTS.width, LINE_DOTS) };
}

const SCREEN = { width: DOTS.width * SCALE, height: DOTS.height * SCALE };
const ANSWERED = 0x8000_0000;
/** "Mailbox property interface" of github.com/raspberrypi/firmware's wiki: tags with room for their answers. */
const TAGS = [
  ...[0x0004_8003, 8, 0, SCREEN.width, SCREEN.height], // physical size
  ...[0x0004_8004, 8, 0, SCREEN.width, SCREEN.height], // virtual size
  ...[0x0004_8005, 4, 0, 32], // bits of a pixel
  ...[0x0004_8006, 4, 0, 0], // their order: blue is lowest
  ...[0x0004_0001, 8, 0, 16, 0], // the framebuffer's address, a multiple of 16, and size
  ...[0x0004_0008, 4, 0, 0], // bytes of a row
  0,
];
const QUESTION = [(TAGS.length + 2) * 4, 0, ...TAGS];
const ADDRESS_AT = (QUESTION.indexOf(0x0004_0001) + 3) * 4;
const PITCH_AT = (QUESTION.indexOf(0x0004_0008) + 3) * 4;

/** The 1176's number in the main ID register, bits 15 to 4: what BCM2835 has, and no other Raspberry Pi. */
const ARM1176 = 0xb76;

/**
 * A program for boards whose processor cannot run the box, that says so: for a Raspberry Pi 1, 2, Zero and Compute Module 1, whose
 * firmware starts it as a kernel of 32 bits. It sets the first serial line up (PL011, 115200, by the firmware's clock of 48 MHz),
 * writes {@link UNSUPPORTED_TEXT}, asks VideoCore for a framebuffer, paints the text and waits for ever. Caches and the MMU are off
 * all the time, it needs no memory but its own, and may lie anywhere. Registers and addresses are those of Broadcom's "BCM2835 ARM
 * Peripherals"; its mailboxes are on the firmware's wiki.
 */
export function unsupportedPiProgram(): Uint8Array {
  const { rows, firstRow } = unsupportedDots();
  const [scratch, other, uart, port, peripherals, alias] = [0, 1, 6, 7, 8, 9] as const;
  const [text, question] = [4, 5] as const;
  const code = new ArmCode();

  // Which board: where its devices are, and how VideoCore names its memory.
  code
    .readSystem(scratch, 0, 0, 0)
    .withRegister("mov", other, 0, scratch, { left: 16 })
    .withRegister("mov", other, 0, other, { right: 20 })
    .withNumber("sub", other, other, ARM1176 & 0xf00)
    .withNumber("cmp", 0, other, ARM1176 & 0xff)
    .withNumber("mov", peripherals, 0, 0x2000_0000, { condition: "eq" })
    .withNumber("mov", alias, 0, 0x4000_0000, { condition: "eq" })
    .withNumber("mov", peripherals, 0, 0x3f00_0000, { condition: "ne" })
    .withNumber("mov", alias, 0, 0xc000_0000, { condition: "ne" })
    // Of four cores the first one works; the others' number is in the multiprocessor affinity register.
    .readSystem(scratch, 0, 0, 5, "ne")
    .withNumber("and", scratch, scratch, 3, { condition: "ne", flags: true })
    .jump("wait", "ne");

  // Pins 14 and 15 to the PL011 (function 0), and that to 115200 bits a second.
  code
    .withNumber("add", port, peripherals, 0x20_0000)
    .load(scratch, port, { offset: 0x04 })
    .withNumber("bic", scratch, scratch, 0b111_111 << 12)
    .withNumber("orr", scratch, scratch, 0b100_100 << 12)
    .store(scratch, port, { offset: 0x04 })
    .withNumber("add", uart, port, 0x1000)
    .withNumber("mov", scratch, 0, 0)
    .store(scratch, uart, { offset: 0x30 })
    .withNumber("mov", scratch, 0, 26)
    .store(scratch, uart, { offset: 0x24 })
    .withNumber("mov", scratch, 0, 3)
    .store(scratch, uart, { offset: 0x28 })
    .withNumber("mov", scratch, 0, 0x70)
    .store(scratch, uart, { offset: 0x2c })
    .withNumber("mov", scratch, 0, 0x300)
    .withNumber("add", scratch, scratch, 1)
    .store(scratch, uart, { offset: 0x30 });

  code
    .address(question, "question")
    .withNumber("add", text, question, padded(QUESTION.length * 4, 16))
    .label("write")
    .load(scratch, text, { step: 1, isByte: true })
    .withNumber("cmp", 0, scratch, 0)
    .jump("ask", "eq")
    .label("full")
    .load(other, uart, { offset: 0x18 })
    .withNumber("tst", 0, other, 1 << 5)
    .jump("full", "ne")
    .store(scratch, uart)
    .jump("write");

  // Mailbox 0 is read and 1 is written; channel 8 is for properties.
  code
    .label("ask")
    .withNumber("add", text, text, 3)
    .withNumber("bic", text, text, 3)
    .withNumber("add", port, peripherals, 0xb800)
    .label("busy")
    .load(scratch, port, { offset: 0xb8 })
    .withNumber("tst", 0, scratch, 0x8000_0000)
    .jump("busy", "ne")
    .withNumber("mov", scratch, 0, 0)
    .writeSystem(scratch, 7, 10, 4) // what was written is there before the question is
    .withRegister("orr", scratch, question, alias)
    .withNumber("orr", scratch, scratch, 8)
    .store(scratch, port, { offset: 0xa0 })
    .label("empty")
    .load(other, port, { offset: 0x98 })
    .withNumber("tst", 0, other, 0x4000_0000)
    .jump("empty", "ne")
    .load(other, port, { offset: 0x80 })
    .withRegister("cmp", 0, other, scratch)
    .jump("empty", "ne")
    .load(scratch, question, { offset: 4 })
    .withNumber("cmp", 0, scratch, ANSWERED)
    .jump("wait", "ne");

  const [screen, pitch, count, repeat, dots, bits] = [0, 1, 2, 3, 6, 7] as const;
  const [colour, pixel, source, words] = [9, 10, 11, 12] as const;
  code
    .load(screen, question, { offset: ADDRESS_AT })
    .withNumber("bic", screen, screen, 0xc000_0000, { flags: true })
    .jump("wait", "eq")
    .load(pitch, question, { offset: PITCH_AT })
    .withNumber("mov", repeat, 0, SCREEN.height)
    .multiply(count, pitch, repeat)
    .withNumber("mov", colour, 0, COLOURS.ground)
    .withRegister("mov", pixel, 0, screen)
    .label("fill")
    .store(colour, pixel, { step: 4 })
    .withNumber("sub", count, count, 4, { flags: true })
    .jump("fill", "ne");

  // Each bit of the picture is a square of pixels.
  code
    .withNumber("mov", repeat, 0, firstRow * SCALE)
    .multiply(count, pitch, repeat)
    .withRegister("add", screen, screen, count)
    .withNumber("mvn", colour, 0, ~COLOURS.text >>> 0)
    .withNumber("mov", count, 0, rows.length)
    .label("row")
    .withNumber("mov", repeat, 0, SCALE)
    .label("again")
    .withRegister("mov", pixel, 0, screen)
    .withRegister("mov", source, 0, text)
    .withNumber("mov", words, 0, DOTS.width / 32)
    .label("word")
    .load(dots, source, { step: 4 })
    .withNumber("mov", bits, 0, 32)
    .label("dot")
    .withRegister("mov", dots, 0, dots, { left: 1, flags: true });
  for (let at = 0; at < SCALE; at += 1) code.store(colour, pixel, { offset: at * 4, condition: "cs" });
  code
    .withNumber("add", pixel, pixel, SCALE * 4)
    .withNumber("sub", bits, bits, 1, { flags: true })
    .jump("dot", "ne")
    .withNumber("sub", words, words, 1, { flags: true })
    .jump("word", "ne")
    .withRegister("add", screen, screen, pitch)
    .withNumber("sub", repeat, repeat, 1, { flags: true })
    .jump("again", "ne")
    .withRegister("mov", text, 0, source)
    .withNumber("sub", count, count, 1, { flags: true })
    .jump("row", "ne");

  // The 1176 waits for an interrupt by this, of which there is none; later cores go round.
  code.label("wait").withNumber("mov", scratch, 0, 0).writeSystem(scratch, 7, 0, 4).jump("wait");

  code.align(16).label("question").data(QUESTION).align(16);
  code.data(wordsOf(`\r\n${UNSUPPORTED_TEXT.join("\r\n")}\r\n\0`));
  return code.data(rows.flatMap(wordsOfRow)).assembled();
}

const padded = (bytes: number, to: number): number => Math.ceil(bytes / to) * to;

function wordsOf(text: string): number[] {
  const bytes = Buffer.alloc(padded(text.length, 4));
  bytes.write(text, "ascii");
  return Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readUInt32LE(index * 4));
}

/** Of each word the highest bit is the dot on the left. */
function wordsOfRow(row: readonly boolean[]): number[] {
  return Array.from({ length: row.length / 32 }, (_, word) =>
    row.slice(word * 32, word * 32 + 32).reduce((sum, dot) => sum * 2 + (dot ? 1 : 0), 0),
  );
}
