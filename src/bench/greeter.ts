import type { Logger } from "../host/log.ts";
import type { Part } from "../host/part.ts";
import type { Timers } from "../host/timers.ts";
import type { Arrived, LinkAddress, LoraPart } from "../lora/index.ts";

export interface GreeterOptions {
  lora: Pick<LoraPart, "on" | "off" | "submit">;
  timers: Timers;
  log: Logger;
}

const GREETING = "I am safe, at the other end of the square. Write to me, and I answer.";
const GREET_AFTER_MS = 4_000;
const LIFETIME_MS = 600_000;

/** Whoever is at the neighbour's box: says by LoRa that they are safe, and answers who writes to them. */
export class Greeter implements Part {
  readonly name = "greeter";
  private cancelGreeting = () => {};

  constructor(private readonly options: GreeterOptions) {}

  async start(): Promise<void> {
    const { lora, timers } = this.options;
    lora.on("message", this.listener);
    this.cancelGreeting = timers.after(GREET_AFTER_MS, () => this.say(GREETING, "everyone"));
  }

  async stop(): Promise<void> {
    this.cancelGreeting();
    this.options.lora.off("message", this.listener);
  }

  detail(): string {
    return "says by LoRa that all is well, and answers";
  }

  private readonly listener = ({ payload, from, isToEveryone }: Arrived): void => {
    const text = isToEveryone ? undefined : textOf(payload);
    if (text !== undefined) this.say(`I have read: ${text}`, from);
  };

  private say(text: string, to: LinkAddress | "everyone"): void {
    const payload = new TextEncoder().encode(text);
    const { lora, log } = this.options;
    const admission = lora.submit({ payload, to, priority: "direct", lifetimeMs: LIFETIME_MS });
    if (!admission.accepted) log.warn(`the neighbour is silent: ${admission.detail}`);
  }
}

/** undefined for what is no text: a message for another part of the box. */
function textOf(payload: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(payload);
  } catch {
    return undefined;
  }
}
