import type { NodeId, Received } from "../radio.ts";
import type { Answer } from "./answers.ts";
import { hexOf } from "./bytes.ts";
import { nodeIdOf } from "./contact-book.ts";
import { fromChannelData, fromRawData } from "./datagrams.ts";
import { HeardSignals, PACKET } from "./heard-signals.ts";
import { fromZeroFree } from "./zero-free.ts";

/** Messages that are remembered so that another attempt of one is not taken for a new one. */
const MAX_REMEMBERED = 64;

type MessageAnswer = Extract<Answer, { kind: "contact-message" | "channel-data" | "raw-data" }>;

/** Makes packets of what the radio received: data that this driver sent, and once only. */
export class Inbox {
  private readonly heard = new HeardSignals();
  private readonly seen = new Set<string>();

  /** The radio tells of each packet when it hears it, before it tells what was in it. */
  noteHeard(answer: Extract<Answer, { kind: "heard" }>): void {
    this.heard.note(answer);
  }

  /** @returns undefined for a person's text, for another application's data, and for what came before */
  packetOf(answer: MessageAnswer, self: NodeId | undefined): Received | undefined {
    switch (answer.kind) {
      case "contact-message": {
        const rssiDbm = this.heard.rssiOf(PACKET.textMessage, answer.snrDb);
        const payload = fromZeroFree(answer.text);
        if (!payload || this.isRepeated(answer)) return undefined;
        const { snrDb, hops } = answer;
        return { payload, from: nodeIdOf(answer.from), to: self, rssiDbm, snrDb, hops };
      }
      case "channel-data": {
        const rssiDbm = this.heard.rssiOf(PACKET.groupData, answer.snrDb);
        const payload = fromChannelData(answer.dataType, answer.data);
        const { snrDb, hops } = answer;
        return payload && { payload, from: undefined, to: undefined, rssiDbm, snrDb, hops };
      }
      case "raw-data": {
        const payload = fromRawData(answer.data);
        const { snrDb, rssiDbm } = answer;
        return payload && { payload, from: undefined, to: undefined, rssiDbm, snrDb, hops: 0 };
      }
    }
  }

  /** Each attempt of a message comes as a message of its own, with the same time in it. */
  private isRepeated({ from, timestamp, text }: Extract<Answer, { kind: "contact-message" }>): boolean {
    const key = `${hexOf(from)} ${timestamp} ${hexOf(text)}`;
    if (this.seen.has(key)) return true;
    this.seen.add(key);
    const [oldest] = this.seen;
    if (this.seen.size > MAX_REMEMBERED && oldest !== undefined) this.seen.delete(oldest);
    return false;
  }
}
