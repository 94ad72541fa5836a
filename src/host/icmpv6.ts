import { dlopen, FFIType, ptr } from "bun:ffi";
import { readFileSync } from "node:fs";

/** linux/socket.h, netinet/in.h: the same numbers on arm64 and x86-64. */
const AF_INET6 = 10;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const IPPROTO_ICMPV6 = 58;
const IPPROTO_IPV6 = 41;
const IPV6_MULTICAST_HOPS = 18;

function openLibc() {
  return dlopen("libc.so.6", {
    socket: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
    setsockopt: {
      args: [FFIType.i32, FFIType.i32, FFIType.i32, FFIType.ptr, FFIType.u32],
      returns: FFIType.i32,
    },
    sendto: {
      args: [FFIType.i32, FFIType.ptr, FFIType.u64, FFIType.i32, FFIType.ptr, FFIType.u32],
      returns: FFIType.i64,
    },
    close: { args: [FFIType.i32], returns: FFIType.i32 },
  }).symbols;
}

let libc: ReturnType<typeof openLibc> | undefined;

/**
 * Sends one ICMPv6 message to every node on a link (ff02::1) with hop limit 255, as neighbour discovery demands
 * (RFC 4861 section 6.1.2). The kernel fills in the checksum (RFC 3542 section 3.1). Needs CAP_NET_RAW.
 */
export function sendToAllNodes(device: string, message: Uint8Array): void {
  libc ??= openLibc();
  const scope = Number(readFileSync(`/sys/class/net/${device}/ifindex`, "utf8"));
  const socket = libc.socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
  if (socket < 0) throw new Error(`${device}: no raw ICMPv6 socket`);
  try {
    const hops = new Int32Array([255]);
    if (libc.setsockopt(socket, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, ptr(hops), 4) < 0) {
      throw new Error(`${device}: the hop limit cannot be set`);
    }
    const destination = allNodes(scope);
    const sent = libc.sendto(socket, ptr(message), message.length, 0, ptr(destination), destination.length);
    if (Number(sent) !== message.length) throw new Error(`${device}: the message was not sent`);
  } finally {
    libc.close(socket);
  }
}

/** struct sockaddr_in6 for ff02::1 on a link, 28 bytes. */
function allNodes(scope: number): Uint8Array {
  const address = new DataView(new ArrayBuffer(28));
  address.setUint16(0, AF_INET6, true);
  address.setUint16(8, 0xff02);
  address.setUint8(23, 1);
  address.setUint32(24, scope, true);
  return new Uint8Array(address.buffer);
}
