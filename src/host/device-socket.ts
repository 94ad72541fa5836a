import { dlopen, FFIType } from "bun:ffi";
import { existsSync } from "node:fs";
import { isIP } from "node:net";
import { systemTimers, type Timers } from "./timers.ts";

/** linux/socket.h, asm-generic/socket.h, poll.h: the same numbers on arm64 and x86-64. */
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const SO_BINDTODEVICE = 25;
const MSG_NOSIGNAL = 0x4000;
const POLLIN = 0x1;
const POLLOUT = 0x4;
const POLLERR = 0x8;
const POLLHUP = 0x10;

const LOOK_EVERY_MS = 20;
const MAX_PIECE = 4_096;
/** Whoever floods the socket holds up nothing but this request. */
const MAX_PIECES_PER_LOOK = 32;

function openLibc() {
  const { i32, u32, u64, i64, ptr: pointer } = FFIType;
  return dlopen("libc.so.6", {
    socket: { args: [i32, i32, i32], returns: i32 },
    setsockopt: { args: [i32, i32, i32, pointer, u32], returns: i32 },
    getsockopt: { args: [i32, i32, i32, pointer, pointer], returns: i32 },
    connect: { args: [i32, pointer, u32], returns: i32 },
    send: { args: [i32, pointer, u64, i32], returns: i64 },
    recv: { args: [i32, pointer, u64, i32], returns: i64 },
    poll: { args: [pointer, u64, i32], returns: i32 },
    inet_pton: { args: [i32, pointer, pointer], returns: i32 },
    close: { args: [i32], returns: i32 },
  }).symbols;
}

let opened: ReturnType<typeof openLibc> | undefined;
const libc = () => {
  opened ??= openLibc();
  return opened;
};

export interface DeviceRequest {
  /** The interface by which it leaves, whatever the routes say. */
  device: string;
  protocol: "tcp" | "udp";
  /** Without zone. */
  address: string;
  port: number;
  payload: Uint8Array;
  timeoutMs: number;
  /** Whether this is all of the answer; asked after each piece. By TCP the end of the connection is one too. */
  isWhole(answer: Uint8Array): boolean;
  /** An answer that is longer is cut. */
  maxBytes: number;
  timers?: Timers;
}

/** Why nothing came back. */
export type DeviceFailure = "unreachable" | "refused" | "timeout";

/** This machine does not let the box send by an interface of its choice. */
export class DeviceSocketError extends Error {
  override readonly name = "DeviceSocketError";
}

/**
 * Whether requests by an interface can be made at all; one that is not there is no reason to doubt it.
 * @throws {DeviceSocketError} where sockets cannot be bound to it
 */
export function tryDevice(device: string): void {
  const socket = libc().socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) throw new DeviceSocketError("no socket can be opened");
  try {
    if (!bindTo(socket, device) && existsSync(`/sys/class/net/${device}`))
      throw new DeviceSocketError(`no socket can be bound to ${device}`);
  } finally {
    libc().close(socket);
  }
}

function bindTo(socket: number, device: string): boolean {
  const name = Buffer.from(`${device}\0`);
  return libc().setsockopt(socket, SOL_SOCKET, SO_BINDTODEVICE, name, name.length) === 0;
}

/**
 * Sends one request by one interface and waits for the answer. Neither `fetch` nor node:net can bind a socket to an
 * interface (socket(7), SO_BINDTODEVICE), and a source address alone does not decide by what a packet leaves; so the
 * system calls are made here, on a socket that never blocks and is looked at every 20 ms. Needs CAP_NET_RAW before
 * Linux 5.7.
 */
export async function askByDevice(request: DeviceRequest): Promise<Uint8Array | DeviceFailure> {
  const { device, protocol, address, port, payload, timeoutMs, timers = systemTimers } = request;
  const family = isIP(address) === 6 ? AF_INET6 : AF_INET;
  const type = (protocol === "tcp" ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const socket = libc().socket(family, type, 0);
  if (socket < 0) return "unreachable";
  try {
    if (!bindTo(socket, device)) return "unreachable";
    const to = socketAddress(family, address, port);
    // It fails at once where there is no route, and "in progress" else: which of them, poll(2) tells.
    libc().connect(socket, to, to.length);
    return await converse(socket, request, payload, timers.monotonicMs() + timeoutMs, timers);
  } finally {
    libc().close(socket);
  }
}

async function converse(
  socket: number,
  { isWhole, maxBytes, protocol }: DeviceRequest,
  payload: Uint8Array,
  untilMs: number,
  timers: Timers,
): Promise<Uint8Array | DeviceFailure> {
  let answer = new Uint8Array();
  let sent = 0;
  let pieces = 0;
  const piece = new Uint8Array(MAX_PIECE);
  for (;;) {
    const events = eventsOf(socket, sent < payload.length ? POLLOUT : POLLIN);
    const failed = events & (POLLERR | POLLHUP);
    if (failed !== 0 && (events & POLLIN) === 0) {
      if (sent > 0 && answer.length > 0) return answer;
      return errorOf(socket) === ECONNREFUSED ? "refused" : "unreachable";
    }
    if ((events & POLLOUT) !== 0 && sent < payload.length) {
      const rest = payload.subarray(sent);
      const count = Number(libc().send(socket, rest, rest.length, MSG_NOSIGNAL));
      if (count < 0) return errorOf(socket) === ECONNREFUSED ? "refused" : "unreachable";
      sent += count;
      continue;
    }
    if ((events & POLLIN) !== 0 && pieces < MAX_PIECES_PER_LOOK) {
      pieces += 1;
      const count = Number(libc().recv(socket, piece, piece.length, 0));
      // A datagram of nothing is no end.
      if (count === 0 && protocol === "udp") continue;
      // The end, or an error that came with the last bytes.
      if (count <= 0) return answer.length > 0 ? answer : "unreachable";
      answer = Buffer.concat([protocol === "udp" ? new Uint8Array() : answer, piece.subarray(0, count)]);
      if (answer.length >= maxBytes) return answer.subarray(0, maxBytes);
      if (isWhole(answer)) return answer;
      continue;
    }
    if (timers.monotonicMs() >= untilMs) return "timeout";
    pieces = 0;
    await new Promise<void>((resolve) => void timers.after(LOOK_EVERY_MS, resolve));
  }
}

const ECONNREFUSED = 111;

/** struct pollfd: the descriptor, what is asked for, what came of it. */
function eventsOf(socket: number, wanted: number): number {
  const entry = new Uint8Array(8);
  const view = new DataView(entry.buffer);
  view.setInt32(0, socket, true);
  view.setInt16(4, wanted, true);
  libc().poll(entry, 1, 0);
  return view.getInt16(6, true);
}

function errorOf(socket: number): number {
  const error = new Int32Array(1);
  const length = new Uint32Array([4]);
  libc().getsockopt(socket, SOL_SOCKET, SO_ERROR, error, length);
  return error[0] ?? 0;
}

/** struct sockaddr_in, 16 bytes, or struct sockaddr_in6, 28 bytes. */
function socketAddress(family: number, address: string, port: number): Uint8Array {
  const bytes = new Uint8Array(family === AF_INET6 ? 28 : 16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, family, true);
  view.setUint16(2, port);
  const host = bytes.subarray(family === AF_INET6 ? 8 : 4);
  if (libc().inet_pton(family, Buffer.from(`${address}\0`), host) !== 1)
    throw new TypeError(`${address} is no address`);
  return bytes;
}
