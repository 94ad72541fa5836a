import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import type { LinkAddress, MessageCode } from "../../lora/index.ts";
import type { BundleId } from "../bundle/bundle.ts";
import type { Custody } from "../custody/custody.ts";
import { AskedAir } from "./asked-air.ts";
import type { BundleAir } from "./bundle-air.ts";
import { Homes } from "./homes.ts";
import { KeyBook } from "./key-book.ts";
import { Neighbourhood } from "./neighbourhood.ts";
import { Pace } from "./pace.ts";
import { Routes } from "./routes.ts";
import { type Carried, Stock } from "./stock.ts";

export interface LoraMessagesOptions {
  air: BundleAir;
  custody: Custody;
  timers: Timers;
  /** 0 ≤ x < 1. */
  random: () => number;
  log: Pick<Logger, "debug">;
  /** Makes bodies shorter. */
  code?: MessageCode;
  /** Told of each neighbour that has said that it has a bundle of this box. */
  handedOver?: (id: BundleId, to: LinkAddress) => void;
}

/** While no radio is there. */
const USUAL_FRAME_MS = 2_000;

/** What the parts of this carrier share. */
export class LoraContext {
  readonly neighbourhood: Neighbourhood;
  readonly routes: Routes;
  readonly homes: Homes;
  readonly stock = new Stock();
  readonly keys = new KeyBook();
  readonly asked: AskedAir;
  readonly pace: Pace;

  constructor(readonly options: LoraMessagesOptions) {
    const nowMs = () => this.nowMs;
    this.neighbourhood = new Neighbourhood(this.address, nowMs);
    this.homes = new Homes(this.address, nowMs);
    this.routes = new Routes(this.address, nowMs, (address) => this.neighbourhood.cost(address));
    this.asked = new AskedAir(this);
    this.pace = new Pace(nowMs);
  }

  /** This box. */
  get address(): LinkAddress {
    return this.options.air.address;
  }

  get nowMs(): number {
    return this.options.timers.monotonicMs();
  }

  /** Time on the air of the largest frame: what everything here waits by. */
  get frameMs(): number {
    const outlook = this.options.air.outlook();
    return outlook ? outlook.airtimeMs(outlook.frameBytes) : USUAL_FRAME_MS;
  }

  /** Time on the air of so many bytes, in as many frames as they take. */
  airMs(bytes: number): number {
    const outlook = this.options.air.outlook();
    if (!outlook) return USUAL_FRAME_MS;
    const { frameBytes } = outlook;
    const rest = bytes % frameBytes;
    const frames = Math.floor(bytes / frameBytes);
    return frames * outlook.airtimeMs(frameBytes) + (rest > 0 ? outlook.airtimeMs(rest) : 0);
  }

  /** So many frames of the largest size, in ms, and at random up to so many more. */
  frames(count: number, more = 0): number {
    return (count + this.options.random() * more) * this.frameMs;
  }

  /** A neighbour has it, by its own word. */
  noteHas(neighbour: LinkAddress, carried: Carried): void {
    if (carried.has.has(neighbour)) return;
    carried.has.add(neighbour);
    this.options.handedOver?.(carried.id, neighbour);
  }
}
