import type { Logger } from "../../host/log.ts";
import { MAX_CHAIN_BYTES, type Membership } from "../../identity/index.ts";
import type { Engine, PeerId } from "../engine/engine-interface.ts";

const PROTOCOL = "/omerta/settle/1";

export interface SettlingOptions {
  engine: Pick<Engine, "open" | "handle">;
  membership: Pick<Membership, "settle" | "take">;
  log: Logger;
}

/** Gives members that came by an invite certificates that outlast it, and takes such from boxes that may give them. */
export class Settling {
  /** For which certificates it was done: who comes by another invite is given others. */
  private readonly offered = new Map<PeerId, string>();

  constructor(private readonly options: SettlingOptions) {}

  serve(): void {
    const { engine, membership, log } = this.options;
    engine.handle(
      PROTOCOL,
      async (stream) => {
        for await (const chain of stream.frames()) {
          if (membership.take(chain)) log.info("this box has got certificates that outlast its invite");
          break;
        }
        await stream.close();
      },
      { maxStreams: 1, maxFrameBytes: MAX_CHAIN_BYTES },
    );
  }

  /** Once for each peer and its certificates. Never rejects. */
  async offer(peer: PeerId, chain: Uint8Array): Promise<void> {
    const { engine, membership, log } = this.options;
    const shown = Buffer.from(chain).toString("base64");
    if (this.offered.get(peer) === shown) return;
    try {
      const settled = membership.settle(chain);
      if (!settled) return;
      this.offered.set(peer, shown);
      const stream = await engine.open(peer, PROTOCOL);
      await stream.send(settled);
      await stream.close();
    } catch (error) {
      this.offered.delete(peer);
      log.debug({ peer, error }, "a member could not be given its own certificates yet");
    }
  }
}
