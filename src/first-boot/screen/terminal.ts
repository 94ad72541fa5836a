import { closeSync, constants, openSync, readFileSync, writeSync } from "node:fs";

/** Where a screen is written to. */
export interface Terminal {
  /** A device file. */
  path: string;
  /** `screen`: each replaces the last. `serial`: one below the other, because whoever listens may be no terminal at all. */
  kind: "screen" | "serial";
}

/** The first text screen (console_codes(4)): Debian's kernels have it wherever a display is or may be plugged in. */
const SCREEN: Terminal = { path: "/dev/tty1", kind: "screen" };

/**
 * The box's screen, and the serial lines that the kernel itself speaks on.
 * @param active the text of /sys/class/tty/console/active, such as "tty0 ttyS0"
 */
export function terminalsOf(active: string): Terminal[] {
  const lines = active.split(/\s+/).filter((name) => /^tty[A-Z][A-Za-z0-9]{0,12}$/.test(name));
  return [SCREEN, ...[...new Set(lines)].map((name): Terminal => ({ path: `/dev/${name}`, kind: "serial" }))];
}

export function terminalsHere(): Terminal[] {
  try {
    return terminalsOf(readFileSync("/sys/class/tty/console/active", "utf8"));
  } catch {
    return [SCREEN];
  }
}

/** What is sent to a terminal for these lines (ECMA-48: cursor home, erase to the end of line and of screen; the cursor hidden, no blanking). */
export function terminalText(kind: Terminal["kind"], lines: readonly string[]): string {
  if (kind === "serial") return `\r\n${lines.join("\r\n")}\r\n`;
  return `\x1b[?25l\x1b[9;0]\x1b[H${lines.map((line) => `${line}\x1b[K\r\n`).join("")}\x1b[J`;
}

/** Writes what fits now: a serial line that nobody reads must not hold anything up. */
export function writeTerminal({ path }: Terminal, text: string): void {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_WRONLY | constants.O_NOCTTY | constants.O_NONBLOCK);
  } catch {
    // A board without a display has no such device.
    return;
  }
  try {
    writeSync(descriptor, text);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== "EAGAIN" && code !== "EIO") throw error;
  } finally {
    closeSync(descriptor);
  }
}
