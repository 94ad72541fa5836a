import type { DriverContext, RadioDriver } from "../driver.ts";
import { driverOf, type FirmwareName } from "../drivers.ts";
import { type Port, PortError } from "../port.ts";
import { openSerialPort } from "../serial/index.ts";

export interface IdentifyOptions {
  path: string;
  /** What to probe for, the likeliest first. */
  firmware: readonly FirmwareName[];
  context: DriverContext;
  /** For all of it; default 45 s. */
  limitMs?: number;
  /** Default: {@link openSerialPort}. */
  open?: (path: string, baudRate: number) => Promise<Port>;
  /** Default: {@link driverOf}. */
  driver?: (firmware: FirmwareName) => Promise<RadioDriver>;
}

/** A line with what is behind it, open and ready for {@link RadioDriver.create}. */
export interface Identified {
  driver: RadioDriver;
  port: Port;
  baudRate: number;
}

const DEFAULT_LIMIT_MS = 45_000;

/**
 * Finds out which firmware is at the other end of a line. The line is opened once for each speed, since opening resets
 * some boards, and each driver whose firmware talks at that speed asks in turn, once the firmware has had the time that
 * it needs to start. A speed that the line cannot do is passed over.
 * @returns undefined when none answers within the limit; the line is closed then
 * @throws {PortError} the line cannot be opened, or can do no speed of any of them
 */
export async function identify(options: IdentifyOptions): Promise<Identified | undefined> {
  const { path, context, open = (at, baudRate) => openSerialPort(at, { baudRate }) } = options;
  const drivers = await Promise.all(options.firmware.map(options.driver ?? driverOf));
  const limit = new Limit(context, options.limitMs ?? DEFAULT_LIMIT_MS);
  let wasOpen = false;
  let cannotDo: unknown;
  try {
    for (const baudRate of new Set(drivers.flatMap(({ baudRates }) => baudRates))) {
      const port = await open(path, baudRate).catch((error: unknown) => {
        if (!isOfRate(error)) throw error;
        cannotDo = error;
        context.log.debug({ error }, `${path}: not asked at ${baudRate} bit/s`);
        return undefined;
      });
      if (!port) continue;
      wasOpen = true;
      const driver = await firstToAnswer(
        port,
        drivers.filter(({ baudRates }) => baudRates.includes(baudRate)),
        context,
        limit,
      );
      if (driver) return { driver, port, baudRate };
      await port.close();
      if (limit.isOver) return undefined;
    }
    if (!wasOpen && cannotDo !== undefined) throw cannotDo;
    return undefined;
  } finally {
    limit.end();
  }
}

/** Whether it is only this speed that a line cannot be opened at: what is wrong with a setting, begins with its name. */
const isOfRate = (error: unknown): boolean =>
  error instanceof PortError && error.message.startsWith(`${error.port}: baudRate: `);

async function firstToAnswer(
  port: Port,
  drivers: readonly RadioDriver[],
  context: DriverContext,
  limit: Limit,
): Promise<RadioDriver | undefined> {
  const openedMs = context.timers.monotonicMs();
  let isOpen = true;
  const closed = new Promise<false>((resolve) =>
    port.once("closed", () => {
      isOpen = false;
      resolve(false);
    }),
  );
  // What a board prints while it starts is nobody's; without a listener it would not even be read.
  const discard = () => {};
  port.on("data", discard);
  try {
    for (const driver of drivers) {
      const waitMs = openedMs + driver.settleMs - context.timers.monotonicMs();
      if (waitMs > 0) await Promise.race([passed(context, waitMs), closed, limit.over]);
      if (!isOpen || limit.isOver) return undefined;
      if (await Promise.race([answers(driver, port, context), closed, limit.over])) return driver;
    }
    return undefined;
  } finally {
    port.off("data", discard);
  }
}

/** A probe that fails is no answer, and keeps no other driver from asking. */
async function answers(driver: RadioDriver, port: Port, context: DriverContext): Promise<boolean> {
  try {
    return await driver.probe(port, context);
  } catch (error) {
    context.log.debug({ error }, `${port.name}: the probe for ${driver.firmware} failed`);
    return false;
  }
}

const passed = ({ timers }: DriverContext, ms: number): Promise<void> =>
  new Promise((resolve) => void timers.after(ms, resolve));

/** An end to all waiting. */
class Limit {
  isOver = false;
  readonly over: Promise<false>;
  readonly end: () => void;

  constructor({ timers }: DriverContext, ms: number) {
    const { promise, resolve } = Promise.withResolvers<false>();
    this.over = promise;
    this.end = timers.after(ms, () => {
      this.isOver = true;
      resolve(false);
    });
  }
}
