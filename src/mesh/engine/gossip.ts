import { type GossipSub, TopicValidatorResult } from "@libp2p/gossipsub";
import { EngineError } from "./engine-error.ts";
import type { PeerId } from "./engine-interface.ts";
import type { GossipConduct } from "./gossip-conduct.ts";

/** Longest message of gossip, in bytes. */
const MAX_GOSSIP_BYTES = 32_768;

type Verdict = "accept" | "ignore" | "reject";
type Accept = (data: Uint8Array, from: PeerId) => Verdict;

const RESULTS: Record<Verdict, TopicValidatorResult> = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
};

/** What this box listens to. Kept over restarts of the node. */
export class Gossip {
  private readonly topics = new Map<string, Set<Accept>>();
  private pubsub: GossipSub | undefined;

  constructor(private readonly conduct: GossipConduct) {}

  attach(pubsub: GossipSub): void {
    this.pubsub = pubsub;
    for (const topic of this.topics.keys()) this.listen(topic);
  }

  detach(): void {
    this.pubsub = undefined;
  }

  async publish(topic: string, data: Uint8Array): Promise<void> {
    if (data.byteLength > MAX_GOSSIP_BYTES) {
      throw new EngineError(
        `${data.byteLength} bytes are too many for gossip, which takes ${MAX_GOSSIP_BYTES}`,
      );
    }
    if (this.pubsub === undefined) throw new EngineError("the engine is not started");
    await this.pubsub.publish(topic, data);
  }

  subscribe(topic: string, accept: Accept): () => void {
    const listeners = this.topics.get(topic);
    if (listeners !== undefined) listeners.add(accept);
    else {
      this.topics.set(topic, new Set([accept]));
      this.listen(topic);
    }
    return () => {
      const left = this.topics.get(topic);
      if (left?.delete(accept) !== true || left.size > 0) return;
      this.topics.delete(topic);
      this.pubsub?.topicValidators.delete(topic);
      this.pubsub?.unsubscribe(topic);
    };
  }

  private listen(topic: string): void {
    const { pubsub } = this;
    if (pubsub === undefined) return;
    pubsub.topicValidators.set(topic, (passedOnBy, message) => {
      // Unsigned messages do not come this far; the type allows for them.
      const isFit = message.type === "signed" && message.data.byteLength <= MAX_GOSSIP_BYTES;
      const verdict = isFit ? this.verdict(topic, message.data, message.from.toString()) : "reject";
      if (verdict === "reject") this.conduct.rejected(passedOnBy.toString());
      return RESULTS[verdict];
    });
    pubsub.subscribe(topic);
  }

  /** One that rejects decides; otherwise one that accepts. */
  private verdict(topic: string, data: Uint8Array, from: PeerId): Verdict {
    const verdicts = [...(this.topics.get(topic) ?? [])].map((accept) => accept(data, from));
    return (
      verdicts.find((verdict) => verdict === "reject") ?? verdicts.find((v) => v === "accept") ?? "ignore"
    );
  }
}
