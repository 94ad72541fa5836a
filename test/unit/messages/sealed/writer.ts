import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { type PersonKey, personKey } from "../../../../src/identity/person/person-key.ts";
import type { CardBody } from "../../../../src/messages/bundle/bodies.ts";
import {
  asStale,
  type Conversation,
  type Head,
  newConversation,
  open,
  seal,
} from "../../../../src/messages/sealed/conversation.ts";
import {
  decodeConversation,
  encodeConversation,
} from "../../../../src/messages/sealed/conversation-codec.ts";
import {
  decodePrekeys,
  encodePrekeys,
  firstPrekeys,
  type Prekeys,
  prekeyOfCard,
  rotatedPrekeys,
} from "../../../../src/messages/sealed/prekeys.ts";
import type { SealedBody } from "../../../../src/messages/sealed/sealed-body.ts";
import { SealedError } from "../../../../src/messages/sealed/sealed-error.ts";

export interface Letter {
  head: Head;
  sealed: Uint8Array;
}

const WEEK_S = 7 * 86_400;

/** A person with a device that writes to one other; what it keeps goes through its stored form each time. */
export class Writer {
  readonly key: PersonKey;
  prekeys: Prekeys;
  conversation: Conversation;
  nowS = 1_800_000_000;
  private readonly random: (bytes: number) => Uint8Array;

  constructor(seed: number) {
    const random = seededRandom(seed);
    this.random = (bytes) => Uint8Array.from({ length: bytes }, () => Math.floor(random() * 256));
    this.key = personKey(this.random(32));
    this.prekeys = firstPrekeys(this.nowS, this.random);
    this.conversation = newConversation(new Uint8Array(32));
  }

  get card(): Pick<CardBody, "prekey" | "prekeyNumber"> {
    return prekeyOfCard(this.prekeys);
  }

  write(to: Writer, body: SealedBody, card: Writer["card"] | undefined = to.card): Letter {
    const head = this.head(to);
    const { conversation, sealed } = seal(this.key, this.kept(to), head, body, this.random, card);
    this.conversation = conversation;
    return { head, sealed };
  }

  say(to: Writer, text: string): Letter {
    return this.write(to, { kind: "text", text });
  }

  read(from: Writer, { head, sealed }: Letter): SealedBody {
    const prekeys = decodePrekeys(encodePrekeys(this.prekeys));
    const opened = open(this.key, prekeys, this.kept(from), head, sealed, this.random);
    this.conversation = opened.conversation;
    return opened.body;
  }

  hear(from: Writer, letter: Letter): string {
    const body = this.read(from, letter);
    return body.kind === "text" ? body.text : body.kind;
  }

  /** As `hear`; what cannot be opened as its problem. */
  tryToHear(from: Writer, letter: Letter): string {
    try {
      return this.hear(from, letter);
    } catch (error) {
      if (error instanceof SealedError) return error.problem;
      throw error;
    }
  }

  rotate(): void {
    this.nowS += WEEK_S;
    this.prekeys = rotatedPrekeys(this.prekeys, this.nowS, this.random);
  }

  /** Only the recovery words are left. */
  loseEverything(): void {
    this.prekeys = firstPrekeys(this.nowS, this.random, this.prekeys.keys[0]?.number);
    this.conversation = newConversation(this.conversation.peer);
  }

  becomeStale(lost?: Letter): void {
    this.conversation = asStale(this.conversation, lost?.sealed);
  }

  /** A copy of all that the device keeps. */
  copy(): Writer {
    const copy = new Writer(0);
    Object.assign(copy, { key: this.key, prekeys: this.prekeys, conversation: this.conversation });
    return copy;
  }

  /** The session that is sent by. */
  get present(): string {
    return Buffer.from(this.conversation.sessions[0]?.beginning.ephemeral ?? []).toString("hex");
  }

  private kept(peer: Writer): Conversation {
    return decodeConversation(encodeConversation({ ...this.conversation, peer: peer.key.publicKey }));
  }

  private head(to: Writer): Head {
    const sequence = new DataView(this.random(4).buffer).getUint32(0);
    return {
      ...{ kind: "direct", sender: { as: "person", key: this.key.publicKey }, priority: "direct" },
      to: { kind: "person", key: to.key.publicKey },
      ...{ lifetimeS: 86_400, createdS: this.nowS, sequence },
    };
  }
}
