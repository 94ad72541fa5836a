import type { LoraContext } from "./context.ts";
import { itemBytes } from "./frame.ts";
import { HelloPace } from "./hello-pace.ts";
import { type HelloItem, MAX_ROUTES } from "./items.ts";

/** A hello waits for a frame that has room for it. */
const LEAST_BYTES = 120;
/** Of the boxes that are heard those that are heard best are named. */
const MOST_HEARD = 20;
const ROUTE_BYTES = 5;
/** A hello that crosses ours was made before ours was heard. */
const HEARD_WITHIN_FRAMES = 8;

/** Tells neighbours who is heard here, who can be reached, and what is held: soon after it has changed, and else seldom. */
export class Greeting {
  private readonly pace: HelloPace;
  private seqno: number;
  private isOwed = false;
  /** When this box last said hello; before its first, nobody could have heard it. */
  private helloAtMs = Number.POSITIVE_INFINITY;
  /** Somebody is near who has not heard our hellos. */
  private isNewAround = false;

  constructor(
    private readonly context: LoraContext,
    due: () => void,
  ) {
    const { timers, random } = context.options;
    this.seqno = Math.floor(random() * 256);
    this.pace = new HelloPace(
      timers,
      random,
      () => context.frameMs,
      () => context.neighbourhood.near().length,
      () => {
        this.isOwed = true;
        due();
      },
    );
  }

  start(): void {
    this.pace.start();
  }

  stop(): void {
    this.pace.stop();
  }

  get isDue(): boolean {
    return this.isOwed;
  }

  onNewNeighbour(): void {
    this.isNewAround = true;
    this.pace.greet();
  }

  /** Whether those near have had time to hear our hello, and to say so. */
  get isHeard(): boolean {
    return this.context.nowMs - this.helloAtMs > this.context.frames(HEARD_WITHIN_FRAMES);
  }

  /** What was told of paths is not so any more. */
  hurry(): void {
    this.pace.hurry();
  }

  /** The hello that is due, if one is, in no more than so many bytes. */
  take(bytes: number): HelloItem | undefined {
    if (!this.isOwed || bytes < LEAST_BYTES) return undefined;
    const { neighbourhood, routes, stock } = this.context;
    const isWhole = this.isNewAround;
    this.isOwed = false;
    this.helloAtMs = this.context.nowMs;
    this.isNewAround = false;
    this.seqno = (this.seqno + 1) & 0xff;
    const heard = neighbourhood.heardBoxes(MOST_HEARD);
    neighbourhood.saysToHear(heard.length);
    const hello = (most: number): HelloItem => ({
      kind: "hello",
      seqno: this.seqno,
      heard,
      routes: routes.offers(isWhole, most),
      stored: stock.fingerprint(),
    });
    const leftBytes = bytes - itemBytes(hello(0));
    return hello(Math.min(MAX_ROUTES, Math.floor(leftBytes / ROUTE_BYTES)));
  }
}
