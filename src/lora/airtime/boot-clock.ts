import { readFileSync } from "node:fs";

/** Time since the machine was switched on, which outlives a daemon and no reboot. */
export interface BootClock {
  /** Another one after every boot. */
  readonly bootId: string;
  /** Milliseconds since boot, with the time that the machine was suspended. */
  nowMs(): number;
}

/** The kernel's own (proc(5): /proc/sys/kernel/random/boot_id, /proc/uptime), to 10 ms. */
export function systemBootClock(): BootClock {
  return {
    bootId: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
    nowMs: () => Number.parseFloat(readFileSync("/proc/uptime", "utf8")) * 1000,
  };
}
