import { Air } from "../../../../src/bench/air/air.ts";
import type { AirModem } from "../../../../src/bench/air/air-modem.ts";
import { FREE_SPACE } from "../../../../src/bench/air/path-loss.ts";
import type { Firmware, ToHost } from "../../../../src/bench/firmware.ts";
import { attachFirmware, openPty } from "../../../../src/bench/pty.ts";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import type { Logger } from "../../../../src/host/log.ts";
import type { Timers } from "../../../../src/host/timers.ts";
import type { RadioDriver } from "../../../../src/lora/driver.ts";
import type { Port } from "../../../../src/lora/port.ts";
import type { Radio, Received } from "../../../../src/lora/radio.ts";
import { openSerialPort } from "../../../../src/lora/serial/index.ts";
import { capturedLog } from "../../captured-log.ts";
import { MemoryPort } from "./memory-port.ts";

/** What emulated firmware runs on. */
export interface Board {
  modem: AirModem;
  timers: Timers;
  random: () => number;
  toHost: ToHost;
  /** 0, 1, 2: names, keys and addresses are made of it. */
  number: number;
}

export interface StationOptions<F extends Firmware> {
  driver: RadioDriver;
  /** undefined: nothing is at the other end of the line. */
  powerOn: ((board: Board) => F) | undefined;
}

/** One radio with all that it is made of. */
export interface Station<F extends Firmware = Firmware> {
  radio: Radio;
  port: Port;
  firmware: F | undefined;
  received: Received[];
  /** The reasons of its `closed` events. */
  closed: string[];
  /** Sends bytes to the host between those of the firmware. */
  noise(bytes: Uint8Array): void;
  /** Line and power are gone. */
  unplug(): void;
}

/** Time, air and cables for a test. */
export interface World {
  readonly timers: Timers;
  readonly air: Air;
  readonly log: Logger;
  station<F extends Firmware>(options: StationOptions<F>): Promise<Station<F>>;
  /** Lets time pass until something holds. @returns whether it came to hold within `limitMs` */
  until(holds: () => boolean, limitMs: number): Promise<boolean>;
  /** Lets time pass until it is settled. */
  settled<T>(promise: Promise<T>, limitMs: number): Promise<T>;
  /** Unplugs all. */
  end(): Promise<void>;
}

abstract class AnyWorld implements World {
  abstract readonly timers: Timers;
  abstract readonly air: Air;
  protected readonly stations: Station[] = [];
  protected readonly random = seededRandom(7);
  readonly log = capturedLog().log;

  abstract station<F extends Firmware>(options: StationOptions<F>): Promise<Station<F>>;
  abstract until(holds: () => boolean, limitMs: number): Promise<boolean>;

  async settled<T>(promise: Promise<T>, limitMs: number): Promise<T> {
    let isSettled = false;
    const settle = () => {
      isSettled = true;
    };
    promise.then(settle, settle);
    if (!(await this.until(() => isSettled, limitMs))) throw new Error(`not settled within ${limitMs} ms`);
    return promise;
  }

  async end(): Promise<void> {
    for (const station of this.stations) station.unplug();
  }

  /** All hear each other well. */
  protected modem(): AirModem {
    const number = this.stations.length;
    return this.air.modem({ name: `station ${number}`, position: { x: number * 300, y: 0 } });
  }

  protected assemble<F extends Firmware>(
    port: Port,
    { driver }: StationOptions<F>,
    more: Pick<Station<F>, "firmware" | "noise" | "unplug">,
  ): Station<F> {
    const radio = driver.create(port, { timers: this.timers, random: this.random, log: this.log });
    const station: Station<F> = { radio, port, received: [], closed: [], ...more };
    radio.on("received", (packet) => station.received.push(packet));
    radio.on("closed", (reason) => station.closed.push(reason));
    this.stations.push(station);
    return station;
  }
}

/** Virtual time and lines in memory. */
export class MemoryWorld extends AnyWorld {
  readonly timers = new VirtualTime();
  readonly air = new Air({ timers: this.timers, seed: 5, pathLoss: FREE_SPACE });

  async station<F extends Firmware>(options: StationOptions<F>): Promise<Station<F>> {
    const number = this.stations.length;
    const { timers, random } = this;
    const cut = (bytes: Uint8Array): Uint8Array[] => {
      const at = Math.floor(random() * (bytes.length + 1));
      return [bytes.subarray(0, at), bytes.subarray(at)].filter(({ length }) => length > 0);
    };
    const port = new MemoryPort(`memory:${number}`, timers, cut);
    const board: Board = {
      modem: this.modem(),
      timers,
      random,
      number,
      toHost: (bytes) => port.fromFirmware(bytes),
    };
    const firmware = options.powerOn?.(board);
    port.firmware = firmware;
    return this.assemble(port, options, {
      firmware,
      noise: (bytes) => port.fromFirmware(bytes),
      unplug: () => {
        port.unplug();
        firmware?.stop();
      },
    });
  }

  until(holds: () => boolean, limitMs: number): Promise<boolean> {
    return this.timers.runUntilAsync(holds, limitMs);
  }
}

/** Time that is so many times as fast as the clock on the wall. */
export class FasterTimers implements Timers {
  constructor(private readonly factor: number) {}

  monotonicMs(): number {
    return performance.now() * this.factor;
  }

  after(delayMs: number, task: () => void): () => void {
    const timer = setTimeout(task, delayMs / this.factor);
    return () => clearTimeout(timer);
  }
}

/**
 * Real pseudo-terminals, and time that runs faster than it is, so that slow air does not make a slow test: not so much
 * faster that a busy machine would seem to be a radio that does not answer.
 */
export class PtyWorld extends AnyWorld {
  readonly timers = new FasterTimers(3);
  readonly air = new Air({ timers: this.timers, seed: 5, pathLoss: FREE_SPACE });

  async station<F extends Firmware>(options: StationOptions<F>): Promise<Station<F>> {
    const { timers, random } = this;
    const number = this.stations.length;
    const modem = this.modem();
    const pty = openPty();
    const { powerOn } = options;
    const firmware =
      powerOn && attachFirmware(pty, (toHost) => powerOn({ modem, timers, random, number, toHost }));
    const [baudRate = 115_200] = options.driver.baudRates;
    const port = await openSerialPort(pty.path, { baudRate });
    return this.assemble(port, options, {
      firmware,
      noise: (bytes) => void pty.write(bytes),
      unplug: () => {
        pty.hangUp();
        firmware?.stop();
      },
    });
  }

  async until(holds: () => boolean, limitMs: number): Promise<boolean> {
    const endMs = this.timers.monotonicMs() + limitMs;
    while (!holds()) {
      if (this.timers.monotonicMs() > endMs) return false;
      await Bun.sleep(1);
    }
    return true;
  }

  override async end(): Promise<void> {
    await super.end();
    await Promise.all(this.stations.map(({ port }) => port.close()));
  }
}
