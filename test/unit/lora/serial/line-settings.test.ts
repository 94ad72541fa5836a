import { describe, expect, test } from "bun:test";
import {
  bitsPerCharacter,
  type LineSettings,
  withSettings,
} from "../../../../src/lora/serial/line-settings.ts";
import { modemChange, modemStatus } from "../../../../src/lora/serial/modem-lines.ts";
import { CONTROL, INPUT, type Termios } from "../../../../src/lora/serial/termios.ts";

/** Everything on, so that what is to be off shows. */
const EVERYTHING: Termios = {
  input: 0xffff_ffff,
  output: 0xffff_ffff,
  control: 0xffff_ffff,
  local: 0xffff_ffff,
  minBytes: 255,
  timeTenths: 255,
  baudRate: 9_600,
};

const PLAIN: LineSettings = {
  baudRate: 115_200,
  dataBits: 8,
  stopBits: 1,
  parity: "none",
  rtscts: false,
  xon: false,
  xoff: false,
  xany: false,
  hupcl: false,
};

const controlOf = (settings: Partial<LineSettings>): number =>
  withSettings(EVERYTHING, { ...PLAIN, ...settings }).control;

describe("what settings come to", () => {
  test.each([
    [5, CONTROL.CS5],
    [6, CONTROL.CS6],
    [7, CONTROL.CS7],
    [8, CONTROL.CS8],
  ] as const)("%d data bits", (dataBits, bits) => {
    expect(controlOf({ dataBits }) & CONTROL.CSIZE).toBe(bits);
  });

  test.each([
    ["none", 0],
    ["even", CONTROL.PARENB],
    ["odd", CONTROL.PARENB | CONTROL.PARODD],
    ["space", CONTROL.PARENB | CONTROL.CMSPAR],
    ["mark", CONTROL.PARENB | CONTROL.PARODD | CONTROL.CMSPAR],
  ])("parity %s", (parity, bits) => {
    const mask = CONTROL.PARENB | CONTROL.PARODD | CONTROL.CMSPAR;
    const { control, input } = withSettings(EVERYTHING, { ...PLAIN, parity });
    expect(control & mask).toBe(bits);
    expect((withSettings({ ...EVERYTHING, input: 0 }, { ...PLAIN, parity }).input & INPUT.INPCK) !== 0).toBe(
      parity !== "none",
    );
    expect(input & INPUT.IGNPAR).toBe(INPUT.IGNPAR);
  });

  test.each([
    [1, 8, false],
    [2, 8, true],
    [2, 5, true],
    [1.5, 5, true],
  ] as const)("%d stop bits with %d data bits", (stopBits, dataBits, second) => {
    expect((controlOf({ stopBits, dataBits }) & CONTROL.CSTOPB) !== 0).toBe(second);
  });

  test("flow control and hanging up are on only when they are asked for", () => {
    expect(controlOf({}) & (CONTROL.CRTSCTS | CONTROL.HUPCL)).toBe(0);
    expect(controlOf({ rtscts: true }) & CONTROL.CRTSCTS).not.toBe(0);
    expect(controlOf({ hupcl: true }) & CONTROL.HUPCL).toBe(CONTROL.HUPCL);
    const flow = INPUT.IXON | INPUT.IXOFF | INPUT.IXANY;
    expect(withSettings(EVERYTHING, PLAIN).input & flow).toBe(0);
    expect(withSettings(EVERYTHING, { ...PLAIN, xon: true }).input & flow).toBe(INPUT.IXON);
    expect(withSettings(EVERYTHING, { ...PLAIN, xoff: true }).input & flow).toBe(INPUT.IXOFF);
    expect(withSettings(EVERYTHING, { ...PLAIN, xany: true }).input & flow).toBe(INPUT.IXANY);
  });

  test("the receiver is on, the modem lines do not matter, and a read waits for one byte", () => {
    const nothing = { input: 0, output: 0, control: 0, local: 0, minBytes: 0, timeTenths: 9, baudRate: 50 };
    const line = withSettings(nothing, PLAIN);
    expect(line).toMatchObject({ minBytes: 1, timeTenths: 0, output: 0, local: 0, baudRate: 115_200 });
    expect(line.control).toBe(CONTROL.CS8 | CONTROL.CREAD | CONTROL.CLOCAL);
    expect(line.input).toBe(INPUT.IGNPAR);
  });

  test("a character takes its start bit, data, parity and stop bits", () => {
    expect(bitsPerCharacter(PLAIN)).toBe(10);
    expect(bitsPerCharacter({ ...PLAIN, dataBits: 7, parity: "even", stopBits: 2 })).toBe(11);
  });
});

describe("modem lines", () => {
  // asm-generic/termios.h
  const [DTR, RTS, CTS, CD, DSR] = [0x2, 0x4, 0x20, 0x40, 0x100];

  test("are set as the interface wants them where nothing is said", () => {
    expect(modemChange({})).toEqual({ set: DTR | RTS, clear: 0, brk: false });
    expect(modemChange({ dtr: false })).toEqual({ set: RTS, clear: DTR, brk: false });
    expect(modemChange({ dtr: false, rts: false, brk: true })).toEqual({
      set: 0,
      clear: DTR | RTS,
      brk: true,
    });
  });

  test("are told apart", () => {
    expect(modemStatus(0)).toEqual({ cts: false, dsr: false, dcd: false });
    expect(modemStatus(CTS)).toEqual({ cts: true, dsr: false, dcd: false });
    expect(modemStatus(DSR)).toEqual({ cts: false, dsr: true, dcd: false });
    expect(modemStatus(CD)).toEqual({ cts: false, dsr: false, dcd: true });
    expect(modemStatus(DTR | RTS)).toEqual({ cts: false, dsr: false, dcd: false });
  });
});
