import { AirtimeLedger, PacedCarrier, type SubBand } from "../../lora/airtime/index.ts";
import { Link, type MessageCode } from "../../lora/link/index.ts";
import type { ChannelSettings } from "../../lora/modulation.ts";
import { Air } from "../air/air.ts";
import { ModemRadio } from "../air/modem-radio.ts";
import type { AirPosition } from "../air/path-loss.ts";
import { seededRandom } from "../seeded-random.ts";
import { VirtualTime } from "../virtual-time.ts";

export interface BoxesOptions {
  count: number;
  channel: ChannelSettings;
  /** The limits that hold; default: none, for the physical limit alone. */
  subBand?: SubBand;
  seed: number;
  /** Share of frames that are lost besides collisions, 0 to 1. */
  frameLoss?: number;
  code?: MessageCode;
  /** Metres between neighbours in a row; default 5, so that all hear each other. */
  spacingM?: number;
  /** Where each is, instead of in a row. */
  positions?: readonly AirPosition[];
}

/** A box reduced to its radio and its link. */
export interface BoxOnAir {
  readonly name: string;
  readonly link: Link;
  /** Pulls the case out. What is handed to it is lost. */
  unplug(): void;
  /** Puts another, or the same, case in. */
  plug(): void;
}

const NO_LIMITS: SubBand = {
  name: "without limits",
  fromHz: 0,
  toHz: Number.POSITIVE_INFINITY,
  maxDbm: 30,
  limits: [],
  source: "the physical limit",
};

/** Boxes in a row that share one channel, in virtual time: repeatable, and as fast as the machine. */
export function boxesOnAir(options: BoxesOptions): { time: VirtualTime; air: Air; boxes: BoxOnAir[] } {
  const {
    count,
    channel,
    subBand = NO_LIMITS,
    seed,
    frameLoss = 0,
    code,
    spacingM = 5,
    positions = [],
  } = options;
  const time = new VirtualTime();
  const air = new Air({ timers: time, seed, frameLoss });
  const random = seededRandom(seed);
  const boxes = Array.from({ length: count }, (_, index): BoxOnAir => {
    const ledger = new AirtimeLedger({ subBand, nowMs: 0, reserve: (_reservation, kept) => kept() });
    let number = 0;
    const link = new Link({
      address: index + 1,
      timers: time,
      random,
      nextNumber: () => number++ & 0xffff,
      ...(code ? { code } : {}),
    });
    const name = `box ${index + 1}`;
    const modem = air.modem({ name, position: positions[index] ?? { x: index * spacingM, y: 0 } });
    let plugged: { radio: ModemRadio; carrier: PacedCarrier } | undefined;
    const box: BoxOnAir = {
      name,
      link,
      unplug() {
        link.detach();
        plugged?.radio.unplug();
        plugged?.carrier.close("unplugged");
        plugged = undefined;
      },
      plug() {
        const radio = new ModemRadio({ modem, settings: channel, timers: time, name });
        // It is open when this returns.
        void radio.open();
        const isBusy = () => radio.isBusy();
        const carrier = new PacedCarrier({ radio, channel, ledger, timers: time, random, isBusy });
        plugged = { radio, carrier };
        link.attach(carrier);
      },
    };
    box.plug();
    return box;
  });
  return { time, air, boxes };
}
