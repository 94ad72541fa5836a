import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { Priority } from "../priority.ts";
import { encodeFrame } from "./frame.ts";
import {
  AdminMessageSchema,
  type Config,
  type MeshPacketSchema,
  PacketPriority,
  Port,
  ToRadioSchema,
} from "./proto/meshtastic_pb.ts";

/** Wakes firmware that sleeps, and ends half a frame that a predecessor may have left (the firmware's own programs send so many). */
export const WAKE_UP = new Uint8Array(32).fill(0xc3);
export const AFTER_WAKE_UP_MS = 100;

/** Numbers that ask for a part only (PhoneAPI.h): all but the nodes. */
export const WITHOUT_NODES = 69_420;
const NODES_ONLY = 69_421;

/** What goes first in the firmware's own queue. */
export const PACKET_PRIORITIES: Readonly<Record<Priority, PacketPriority>> = {
  sos: PacketPriority.ALERT,
  "check-in": PacketPriority.HIGH,
  direct: PacketPriority.RELIABLE,
  room: PacketPriority.DEFAULT,
  background: PacketPriority.BACKGROUND,
};

type Content = NonNullable<MessageInitShape<typeof ToRadioSchema>["content"]>;

const frame = (content: Content): Uint8Array =>
  encodeFrame(toBinary(ToRadioSchema, create(ToRadioSchema, { content })));

/** Asks for everything that the firmware knows. @param nonce comes back at the end of it */
export const wantConfig = (nonce: number): Uint8Array => frame({ case: "wantConfigId", value: nonce });

/** A number for {@link wantConfig} that means nothing else, and fits into five bytes. */
export function newNonce(random: () => number): number {
  const nonce = 1 + Math.floor(random() * 0xffff_fffe);
  return nonce === WITHOUT_NODES || nonce === NODES_ONLY ? nonce + 2 : nonce;
}

/** Answered by the state of the queue. */
export const heartbeat = (): Uint8Array => frame({ case: "heartbeat", value: {} });

export const disconnect = (): Uint8Array => frame({ case: "disconnect", value: true });

export interface PacketToSend {
  id: number;
  /** A node's number, or {@link BROADCAST}. */
  to: number;
  payload: Uint8Array;
  priority: Priority;
  wantAck: boolean;
}

/** A packet for the air, on the port that is free for private use. */
export const sendPacket = ({ id, to, payload, priority, wantAck }: PacketToSend): Uint8Array =>
  packet({
    id,
    to,
    wantAck,
    priority: PACKET_PRIORITIES[priority],
    content: { case: "decoded", value: { port: Port.PRIVATE, payload } },
  });

/** What is asked of the radio itself. */
export type AdminRequest =
  | { case: "beginEdit" | "commitEdit"; value: true }
  | { case: "setConfig"; value: Config };

/** @param self the radio's own number: what is for itself does not go on the air */
export const admin = (id: number, self: number, request: AdminRequest): Uint8Array =>
  packet({
    id,
    to: self,
    content: {
      case: "decoded",
      value: {
        port: Port.ADMIN,
        payload: toBinary(AdminMessageSchema, create(AdminMessageSchema, { content: request })),
      },
    },
  });

const packet = (value: MessageInitShape<typeof MeshPacketSchema>): Uint8Array =>
  frame({ case: "packet", value });
