import { createHash } from "node:crypto";
import { type Advert, decodeAdvert, encodeAdvert } from "./meshcore-advert.ts";
import { type Identity, seal, unseal } from "./meshcore-identity.ts";
import { type Heard, MeshCoreMesh, type MeshOptions } from "./meshcore-mesh.ts";
import { TYPE } from "./meshcore-packet.ts";

export interface NodeContact extends Advert {
  /** undefined: what goes to it is flooded. */
  path: Uint8Array | undefined;
  /** By this node's clock. */
  modifiedSeconds: number;
}

export interface NodeEvents {
  onAdvert(contact: NodeContact, isKept: boolean): void;
  onPathUpdated(contact: NodeContact): void;
  onText(from: NodeContact, packet: Heard, timestamp: number, text: Uint8Array): void;
  onGroupText(packet: Heard, timestamp: number, text: Uint8Array): void;
  onGroupData(packet: Heard, dataType: number, data: Uint8Array): void;
  onRawData(packet: Heard): void;
  onAck(ack: number): void;
}

export interface NodeOptions extends Omit<MeshOptions, "hash" | "onPacket"> {
  identity: Identity;
  clockSeconds: () => number;
  maxContacts: number;
  events: NodeEvents;
}

export type Sent = { ack: number; isFlood: boolean; timeoutMs: number } | "too-long" | "full";

/** The key of the channel that every radio has at first (examples/companion_radio). */
const PUBLIC_CHANNEL = Buffer.from("izOH6cXN6mrJ5e26oRXNcg==", "base64");
const CHANNEL_HASH = createHash("sha256").update(PUBLIC_CHANNEL).digest()[0] ?? 0;

const MAX_TEXT_BYTES = 160;
const MAX_GROUP_DATA_BYTES = 165;
const ACK_DELAY_MS = 200;
const PATH_BACK_DELAY_MS = 500;
const PLAIN = 0;

const untilZero = (bytes: Uint8Array): Uint8Array => {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.slice(0, end);
};

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** A person's node on the mesh: contacts, messages, acknowledgements (src/helpers/BaseChatMesh.cpp of MeshCore). */
export class MeshCoreNode {
  readonly contacts: NodeContact[] = [];
  readonly mesh: MeshCoreMesh;

  constructor(private readonly options: NodeOptions) {
    const { identity } = options;
    this.mesh = new MeshCoreMesh({
      ...options,
      hash: identity.hash,
      onPacket: (packet) => this.onPacket(packet),
    });
  }

  contactBy(prefix: Uint8Array): NodeContact | undefined {
    return this.contacts.find(({ publicKey }) => prefix.every((byte, at) => publicKey[at] === byte));
  }

  advertise(name: string, place: { latitude: number; longitude: number }, isFlood: boolean): boolean {
    const timestamp = this.options.clockSeconds();
    const payload = encodeAdvert(this.options.identity, { timestamp, name, ...place });
    if (isFlood) return this.mesh.flood(TYPE.advert, payload);
    return this.mesh.direct(TYPE.advert, payload, new Uint8Array());
  }

  sendText(to: NodeContact, timestamp: number, attempt: number, bytes: Uint8Array): Sent {
    const text = untilZero(bytes);
    if (text.length > MAX_TEXT_BYTES) return "too-long";
    const plain = new Uint8Array(5 + text.length);
    viewOf(plain).setUint32(0, timestamp, true);
    plain[4] = attempt & 3;
    plain.set(text, 5);
    const payload = this.datagram(to.publicKey, plain);
    const airtimeMs = this.mesh.airtimeMs(payload.length + 2 + (to.path?.length ?? 0));
    const isFlood = to.path === undefined;
    const isSent = to.path
      ? this.mesh.direct(TYPE.text, payload, to.path)
      : this.mesh.flood(TYPE.text, payload);
    if (!isSent) return "full";
    const perHopMs = airtimeMs * 6 + 250;
    const timeoutMs = 500 + (to.path ? perHopMs * (to.path.length + 1) : 16 * airtimeMs);
    return {
      ack: this.ackOf(plain, this.options.identity.publicKey),
      isFlood,
      timeoutMs: Math.round(timeoutMs),
    };
  }

  sendGroupText(timestamp: number, name: string, text: Uint8Array): boolean {
    const line = Buffer.concat([new TextEncoder().encode(`${name}: `), untilZero(text)]).subarray(
      0,
      MAX_TEXT_BYTES,
    );
    const plain = new Uint8Array(5 + line.length);
    viewOf(plain).setUint32(0, timestamp, true);
    plain.set(line, 5);
    return this.mesh.flood(TYPE.groupText, this.groupDatagram(plain));
  }

  sendGroupData(dataType: number, data: Uint8Array, path: Uint8Array | undefined): boolean {
    if (data.length > MAX_GROUP_DATA_BYTES) return false;
    const plain = new Uint8Array(3 + data.length);
    viewOf(plain).setUint16(0, dataType, true);
    plain[2] = data.length;
    plain.set(data, 3);
    const payload = this.groupDatagram(plain);
    return path ? this.mesh.direct(TYPE.groupData, payload, path) : this.mesh.flood(TYPE.groupData, payload);
  }

  private datagram(to: Uint8Array, plain: Uint8Array): Uint8Array {
    const { identity } = this.options;
    const hashes = Uint8Array.of(to[0] ?? 0, identity.hash);
    return new Uint8Array(Buffer.concat([hashes, seal(identity.sharedSecret(to), plain)]));
  }

  private groupDatagram(plain: Uint8Array): Uint8Array {
    return new Uint8Array(Buffer.concat([Uint8Array.of(CHANNEL_HASH), seal(PUBLIC_CHANNEL, plain)]));
  }

  /** Proves that who knows the message and its author has read it. */
  private ackOf(plain: Uint8Array, author: Uint8Array): number {
    return viewOf(new Uint8Array(createHash("sha256").update(plain).update(author).digest())).getUint32(
      0,
      true,
    );
  }

  private onPacket(packet: Heard): boolean {
    switch (packet.type) {
      case TYPE.ack:
        if (packet.payload.length >= 4) this.options.events.onAck(viewOf(packet.payload).getUint32(0, true));
        return false;
      case TYPE.advert:
        this.onAdvert(packet);
        return false;
      case TYPE.text:
      case TYPE.path:
        return this.onSealed(packet);
      case TYPE.groupText:
      case TYPE.groupData:
        this.onGroup(packet);
        return false;
      case TYPE.raw:
        this.options.events.onRawData(packet);
        return false;
      default:
        return false;
    }
  }

  private onAdvert(packet: Heard): void {
    const advert = decodeAdvert(packet.payload);
    if (!advert || advert.publicKey.every((byte, at) => this.options.identity.publicKey[at] === byte)) return;
    const known = this.contactBy(advert.publicKey);
    if (known && advert.timestamp <= known.timestamp) return;
    const modifiedSeconds = this.options.clockSeconds();
    const contact: NodeContact = known
      ? Object.assign(known, advert, { modifiedSeconds })
      : { ...advert, path: undefined, modifiedSeconds };
    const isKept = known !== undefined || this.contacts.length < this.options.maxContacts;
    if (!known && isKept) this.contacts.push(contact);
    this.options.events.onAdvert(contact, isKept);
  }

  private onSealed(packet: Heard): boolean {
    const { identity } = this.options;
    const [to, from] = packet.payload;
    if (to !== identity.hash) return false;
    for (const contact of this.contacts) {
      if (contact.publicKey[0] !== from) continue;
      const plain = unseal(identity.sharedSecret(contact.publicKey), packet.payload.subarray(2));
      if (!plain) continue;
      if (packet.type === TYPE.text) this.onText(contact, packet, plain);
      else this.onPath(contact, packet, plain);
      return true;
    }
    return false;
  }

  private onText(contact: NodeContact, packet: Heard, plain: Uint8Array): void {
    if (plain.length <= 5 || (plain[4] ?? 0) >> 2 !== PLAIN) return;
    const text = untilZero(plain.slice(5));
    contact.modifiedSeconds = this.options.clockSeconds();
    this.options.events.onText(contact, packet, viewOf(plain).getUint32(0, true), text);
    const ack = new Uint8Array(6);
    viewOf(ack).setUint32(0, this.ackOf(plain.subarray(0, 5 + text.length), contact.publicKey), true);
    ack[5] = Math.floor(this.options.random() * 256);
    if (packet.route === "flood") this.returnPath(contact, packet.path, ack);
    else if (contact.path) this.mesh.direct(TYPE.ack, ack, contact.path, ACK_DELAY_MS);
    else this.mesh.flood(TYPE.ack, ack, ACK_DELAY_MS);
  }

  /** Tells a sender by which way its packet came, and acknowledges it in the same packet. */
  private returnPath(contact: NodeContact, path: Uint8Array, ack: Uint8Array): void {
    const plain = Buffer.concat([Uint8Array.of(path.length), path, Uint8Array.of(TYPE.ack), ack]);
    this.mesh.flood(TYPE.path, this.datagram(contact.publicKey, plain), ACK_DELAY_MS);
  }

  private onPath(contact: NodeContact, packet: Heard, plain: Uint8Array): void {
    const [length = 0] = plain;
    if (length > 63 || plain.length < 2 + length) return;
    contact.path = plain.slice(1, 1 + length);
    contact.modifiedSeconds = this.options.clockSeconds();
    this.options.events.onPathUpdated(contact);
    const extraType = (plain[1 + length] ?? 0) & 0xf;
    const extra = plain.slice(2 + length);
    if (extraType === TYPE.ack && extra.length >= 4) {
      this.options.events.onAck(viewOf(extra).getUint32(0, true));
    }
    if (packet.route !== "flood") return;
    const random = Array.from({ length: 4 }, () => Math.floor(this.options.random() * 256));
    const back = Uint8Array.of(packet.path.length, ...packet.path, 0xff, ...random);
    const sealed = this.datagram(contact.publicKey, back);
    this.mesh.direct(TYPE.path, sealed, contact.path, PATH_BACK_DELAY_MS);
  }

  private onGroup(packet: Heard): void {
    if (packet.payload[0] !== CHANNEL_HASH) return;
    const plain = unseal(PUBLIC_CHANNEL, packet.payload.subarray(1));
    if (!plain || plain.length < 5) return;
    const { events } = this.options;
    if (packet.type === TYPE.groupText) {
      if ((plain[4] ?? 0) >> 2 === PLAIN) {
        events.onGroupText(packet, viewOf(plain).getUint32(0, true), untilZero(plain.slice(5)));
      }
      return;
    }
    const length = plain[2] ?? 0;
    if (length > plain.length - 3) return;
    events.onGroupData(packet, viewOf(plain).getUint16(0, true), plain.slice(3, 3 + length));
  }
}
