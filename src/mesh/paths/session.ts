import { readHeader, seal, unseal } from "./datagram.ts";
import type { SessionKeys } from "./paths-interface.ts";
import { ReplayWindow } from "./replay-window.ts";

/** One agreement of keys with one peer: seals what goes to it, opens what comes from it, each datagram once. */
export class Session {
  private readonly window = new ReplayWindow();
  private counter = 0;
  /** When something last came that was sealed for it; undefined before. */
  heardMs: number | undefined;

  constructor(
    private readonly keys: SessionKeys,
    /** This side asked for it. */
    readonly asked: boolean,
    readonly madeMs: number,
  ) {}

  get localIndex(): number {
    return this.keys.localIndex;
  }

  seal(body: Uint8Array): Uint8Array<ArrayBuffer> {
    return seal(this.keys.sendKey, this.keys.remoteIndex, this.counter++, body);
  }

  /** The body, or why it is not one. The replay window moves only for what is genuine. */
  open(datagram: Uint8Array, nowMs: number): Uint8Array | "malformed" | "replayed" | "forged" {
    const header = readHeader(datagram);
    if (!header) return "malformed";
    if (!this.window.isNew(header.counter)) return "replayed";
    const body = unseal(this.keys.receiveKey, header, datagram);
    if (!body) return "forged";
    this.window.add(header.counter);
    this.heardMs = nowMs;
    return body;
  }
}
