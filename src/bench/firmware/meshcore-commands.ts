import type { MeshCoreFirmware } from "./meshcore.ts";
import { TYPE } from "./meshcore-packet.ts";
import * as replies from "./meshcore-replies.ts";

const ERROR = { unsupported: 1, notFound: 2, tableFull: 3, badState: 4, illegalArgument: 6 } as const;
const NO_PATH = 0xff;
/** This emulation's protocol version from which on datagrams are known (firmware 1.15). */
export const DATAGRAMS_FROM = 11;
const STATS_FROM = 8;
const REPEAT_BYTE_FROM = 9;

/** What the host asks for, answered as `handleCmdFrame` in MyMesh.cpp of MeshCore does. */
export class MeshCoreCommands {
  private isListing = false;

  constructor(private readonly node: MeshCoreFirmware) {}

  handle(command: Uint8Array): void {
    const handler = this.handlers[command[0] ?? 0];
    const view = new DataView(command.buffer, command.byteOffset, command.byteLength);
    const answer = handler ? handler(command, view) : replies.error(ERROR.unsupported);
    if (answer) this.node.reply(answer);
  }

  private readonly handlers: Readonly<
    Record<number, (command: Uint8Array, view: DataView) => Uint8Array | undefined>
  > = {
    1: (command) => {
      if (command.length < 8) return replies.error(ERROR.unsupported);
      this.isListing = false;
      return replies.selfInfo(this.node);
    },
    2: (command, view) => this.sendText(command, view),
    3: (command, view) => {
      if ((command[1] ?? 0) !== 0) return replies.error(ERROR.unsupported);
      if ((command[2] ?? 0) !== 0) return replies.error(ERROR.notFound);
      const isSent = this.node.node.sendGroupText(view.getUint32(3, true), this.node.name, command.slice(7));
      return isSent ? replies.ok() : replies.error(ERROR.notFound);
    },
    4: (command, view) => this.listContacts(command.length >= 5 ? view.getUint32(1, true) : 0),
    5: () => replies.currentTime(this.node.clockSeconds()),
    7: (command) => {
      const isSent = this.node.advertise(command[1] === 1 ? "flood" : "neighbours");
      return isSent ? replies.ok() : replies.error(ERROR.tableFull);
    },
    8: (command) => {
      if (command.length < 2) return replies.error(ERROR.unsupported);
      this.node.name = new TextDecoder().decode(command.slice(1, 32));
      return replies.ok();
    },
    10: () => this.node.waitingMessages.shift() ?? replies.noMoreMessages(),
    11: (command, view) => this.setRadio(command, view),
    12: (_, view) => {
      const powerDbm = view.getInt8(1);
      if (powerDbm < -9 || powerDbm > this.node.maxPowerDbm) return replies.error(ERROR.illegalArgument);
      this.node.settings = { ...this.node.settings, powerDbm };
      this.node.tune();
      return replies.ok();
    },
    13: (command) => {
      const contact = command.length >= 33 ? this.node.node.contactBy(command.slice(1, 33)) : undefined;
      if (!contact) return replies.error(ERROR.notFound);
      contact.path = undefined;
      return replies.ok();
    },
    20: () => replies.battery(this.node.batteryMilliVolts),
    22: (command) => {
      if (command.length < 2) return replies.error(ERROR.unsupported);
      this.node.appVersion = command[1] ?? 0;
      return replies.deviceInfo(this.node);
    },
    25: (command) => {
      const pathBytes = command[1] ?? 0;
      const isValid = command.length >= 6 && pathBytes < 0x80 && 2 + pathBytes + 4 <= command.length;
      if (!isValid) return replies.error(ERROR.unsupported);
      const path = command.slice(2, 2 + pathBytes);
      const isSent = this.node.node.mesh.direct(TYPE.raw, command.slice(2 + pathBytes), path);
      return isSent ? replies.ok() : replies.error(ERROR.tableFull);
    },
    56: (command) => this.stats(command[1]),
    62: (command, view) => this.sendData(command, view),
  };

  private sendText(command: Uint8Array, view: DataView): Uint8Array {
    if (command.length < 14) return replies.error(ERROR.unsupported);
    const contact = this.node.node.contactBy(command.slice(7, 13));
    if (!contact) return replies.error(ERROR.notFound);
    if (command[1] !== 0) return replies.error(ERROR.unsupported);
    const sent = this.node.node.sendText(
      contact,
      view.getUint32(3, true),
      command[2] ?? 0,
      command.slice(13),
    );
    if (typeof sent === "string") return replies.error(ERROR.tableFull);
    this.node.expectAck(sent.ack);
    return replies.sent(sent.isFlood, sent.ack, sent.timeoutMs);
  }

  private sendData(command: Uint8Array, view: DataView): Uint8Array {
    if (this.node.protocolVersion < DATAGRAMS_FROM) return replies.error(ERROR.unsupported);
    if (command.length < 4) return replies.error(ERROR.illegalArgument);
    const pathByte = command[2] ?? 0;
    const pathBytes = pathByte === NO_PATH ? 0 : pathByte;
    if (pathBytes > 64 || command.length < 5 + pathBytes) return replies.error(ERROR.illegalArgument);
    if (command[1] !== 0) return replies.error(ERROR.notFound);
    const dataType = view.getUint16(3 + pathBytes, true);
    const data = command.slice(5 + pathBytes);
    if (dataType === 0 || data.length > 167) return replies.error(ERROR.illegalArgument);
    const path = pathByte === NO_PATH ? undefined : command.slice(3, 3 + pathBytes);
    return this.node.node.sendGroupData(dataType, data, path) ? replies.ok() : replies.error(ERROR.tableFull);
  }

  /** One contact at each turn of the loop: what is pushed meanwhile comes between them. */
  private listContacts(sinceSeconds: number): Uint8Array {
    if (this.isListing) return replies.error(ERROR.badState);
    this.isListing = true;
    const { contacts } = this.node.node;
    let at = 0;
    let newest = 0;
    const step = () => {
      if (!this.isListing) return;
      const contact = contacts[at++];
      if (!contact) {
        this.isListing = false;
        this.node.reply(replies.endOfContacts(newest));
        return;
      }
      if (contact.modifiedSeconds > sinceSeconds) {
        newest = Math.max(newest, contact.modifiedSeconds);
        this.node.reply(replies.contact(contact));
      }
      this.node.later(step);
    };
    this.node.later(step);
    return replies.contactsStart(contacts.length);
  }

  private setRadio(command: Uint8Array, view: DataView): Uint8Array {
    if (command.length < 11) return replies.error(ERROR.illegalArgument);
    const kHz = view.getUint32(1, true);
    const bandwidthHz = view.getUint32(5, true);
    const [spreadingFactor = 0, codingRate = 0] = command.subarray(9, 11);
    const isValid =
      kHz >= 150_000 &&
      kHz <= 2_500_000 &&
      bandwidthHz >= 7_000 &&
      bandwidthHz <= 500_000 &&
      spreadingFactor >= 5 &&
      spreadingFactor <= 12 &&
      codingRate >= 5 &&
      codingRate <= 8;
    if (!isValid) return replies.error(ERROR.illegalArgument);
    const { node } = this;
    const modulation = { ...node.settings.modulation, bandwidthHz, spreadingFactor, codingRate };
    node.settings = { ...node.settings, frequencyHz: kHz * 1_000, modulation };
    if (node.protocolVersion >= REPEAT_BYTE_FROM) node.repeats = command[11] === 1;
    node.tune();
    return replies.ok();
  }

  private stats(kind: number | undefined): Uint8Array {
    const { node } = this;
    if (node.protocolVersion < STATS_FROM) return replies.error(ERROR.unsupported);
    const { mesh } = node.node;
    if (kind === 0) return replies.coreStats(node.batteryMilliVolts, node.uptimeSeconds(), mesh.queued);
    if (kind === 1) return replies.radioStats(mesh.sentMs, mesh.receivedMs);
    if (kind === 2) return replies.packetStats(mesh.sentPackets);
    return replies.error(ERROR.illegalArgument);
  }
}
