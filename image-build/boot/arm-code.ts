/**
 * As much of the ARM instruction set as one small program needs, as words of 32 bits (Arm, "ARM Architecture Reference Manual",
 * DDI 0100I, chapter A3, "The ARM Instruction Set"). All of it is in ARMv6, and is the same in ARMv7.
 */

/** A register, 0 to 15. */
export type Register = number;

const CONDITIONS = { eq: 0x0, ne: 0x1, cs: 0x2, always: 0xe } as const;
export type Condition = keyof typeof CONDITIONS;

const OPERATIONS = { sub: 2, add: 4, orr: 12, bic: 14, mov: 13, mvn: 15, cmp: 10, tst: 8, and: 0 } as const;
export type Operation = keyof typeof OPERATIONS;

export const PC: Register = 15;

/** Where the address of an instruction reads as, in PC: two instructions on. */
const AHEAD_BYTES = 8;

/** A program as it is put together. Labels may be used before they are set. */
export class ArmCode {
  private readonly words: number[] = [];
  private readonly labels = new Map<string, number>();
  private readonly open: { at: number; label: string; place: (distance: number) => number }[] = [];

  /** Names the place of the next instruction. */
  label(name: string): this {
    if (this.labels.has(name)) throw new RangeError(`label ${name}: is there twice`);
    this.labels.set(name, this.bytes);
    return this;
  }

  /** `to = from OP value`; for `mov` and `mvn` without `from`, for `cmp` and `tst` without `to`. @param value see {@link immediate} */
  withNumber(op: Operation, to: Register, from: Register, value: number, options: Options = {}): this {
    return this.put(dataWord(op, to, from, options) | (1 << 25) | immediate(value));
  }

  /** The same with a register, moved by so many bits to the left, or to the right. */
  withRegister(
    op: Operation,
    to: Register,
    from: Register,
    other: Register,
    options: Options & { left?: number; right?: number } = {},
  ): this {
    const { left = 0, right } = options;
    const shift = right === undefined ? left << 7 : (right << 7) | (1 << 5);
    return this.put(dataWord(op, to, from, options) | shift | other);
  }

  /** `to = one × other`. `to` and `one` differ (MUL's restriction in ARMv5). */
  multiply(to: Register, one: Register, other: Register): this {
    return this.put(conditional("always") | (to << 16) | (other << 8) | 0x90 | one);
  }

  /** A word, or a byte, from `base + offset`; with `step`, `base` grows by it afterwards. */
  load(to: Register, base: Register, where: Where = {}): this {
    return this.put(transferWord(to, base, where) | (1 << 20));
  }

  store(from: Register, base: Register, where: Where = {}): this {
    return this.put(transferWord(from, base, where));
  }

  /** Reads a register of the system coprocessor: MRC p15, 0. */
  readSystem(to: Register, n: number, m: number, op2: number, condition: Condition = "always"): this {
    return this.put(conditional(condition) | 0x0e100f10 | (n << 16) | (to << 12) | (op2 << 5) | m);
  }

  /** Writes one: MCR p15, 0. */
  writeSystem(from: Register, n: number, m: number, op2: number): this {
    return this.put(conditional("always") | 0x0e000f10 | (n << 16) | (from << 12) | (op2 << 5) | m);
  }

  jump(label: string, condition: Condition = "always"): this {
    this.open.push({
      at: this.bytes,
      label,
      place: (distance) => conditional(condition) | 0x0a000000 | ((distance >> 2) & 0xff_ffff),
    });
    return this.put(0);
  }

  /** The address of a label behind it, wherever the program lies. */
  address(to: Register, label: string): this {
    this.open.push({
      at: this.bytes,
      label,
      place: (distance) => dataWord("add", to, PC, {}) | (1 << 25) | immediate(distance),
    });
    return this.put(0);
  }

  /** Puts zeros until the next place is a multiple of so many bytes. */
  align(bytes: number): this {
    while (this.bytes % bytes !== 0) this.put(0);
    return this;
  }

  /** Data, as they are. */
  data(words: readonly number[]): this {
    for (const word of words) this.put(word);
    return this;
  }

  /** Little-endian. @throws RangeError where a label is missing or too far away */
  assembled(): Uint8Array {
    const words = [...this.words];
    for (const { at, label, place } of this.open) {
      const target = this.labels.get(label);
      if (target === undefined) throw new RangeError(`label ${label}: is nowhere`);
      words[at / 4] = place(target - at - AHEAD_BYTES);
    }
    const bytes = Buffer.alloc(words.length * 4);
    for (const [index, word] of words.entries()) bytes.writeUInt32LE(word >>> 0, index * 4);
    return bytes;
  }

  private get bytes(): number {
    return this.words.length * 4;
  }

  private put(word: number): this {
    this.words.push(word);
    return this;
  }
}

export interface Options {
  condition?: Condition;
  /** Whether the flags are set by it; `cmp` and `tst` always do. */
  flags?: boolean;
}

export interface Where {
  /** In bytes, 0 to 4095. */
  offset?: number;
  step?: number;
  isByte?: boolean;
  condition?: Condition;
}

const conditional = (condition: Condition): number => CONDITIONS[condition] << 28;

function dataWord(op: Operation, to: Register, from: Register, { condition = "always", flags }: Options) {
  const setsFlags = flags === true || op === "cmp" || op === "tst";
  return (
    conditional(condition) | (OPERATIONS[op] << 21) | (setsFlags ? 1 << 20 : 0) | (from << 16) | (to << 12)
  );
}

function transferWord(register: Register, base: Register, where: Where): number {
  const { offset = 0, step, isByte = false, condition = "always" } = where;
  const distance = step ?? offset;
  if (distance < 0 || distance > 0xfff) throw new RangeError(`a distance of ${distance} does not fit`);
  // Bit 23: upwards; bit 24: before, without a step.
  const how = (1 << 26) | (1 << 23) | (step === undefined ? 1 << 24 : 0) | (isByte ? 1 << 22 : 0);
  return conditional(condition) | how | (base << 16) | (register << 12) | distance;
}

/**
 * Eight bits, turned to the right by an even number of bits ("Data-processing operands - Immediate", A5.1.3).
 * @throws RangeError for a number that is none
 */
export function immediate(value: number): number {
  for (let turned = 0; turned < 16; turned += 1) {
    const by = turned * 2;
    const back = by === 0 ? value : (value << by) | (value >>> (32 - by));
    if (back >>> 0 <= 0xff) return (turned << 8) | (back >>> 0);
  }
  throw new RangeError(`${value} is no immediate of ARM's`);
}
