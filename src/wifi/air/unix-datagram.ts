import { dlopen, FFIType, ptr } from "bun:ffi";

/** bits/socket.h: the same numbers on arm64 and x86-64. */
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
/** sun_path of struct sockaddr_un, its end among it (unix(7)). */
const MAX_PATH_BYTES = 108;
/** hostapd's and wpa_supplicant's answers have 4 KiB at the most (ctrl_iface_unix.c). */
const BUFFER_BYTES = 8_192;

function openLibc() {
  const { i32, u32, u64, i64, ptr: pointer } = FFIType;
  return dlopen("libc.so.6", {
    socket: { args: [i32, i32, i32], returns: i32 },
    bind: { args: [i32, pointer, u32], returns: i32 },
    connect: { args: [i32, pointer, u32], returns: i32 },
    send: { args: [i32, pointer, u64, i32], returns: i64 },
    recv: { args: [i32, pointer, u64, i32], returns: i64 },
    close: { args: [i32], returns: i32 },
  }).symbols;
}

let libc: ReturnType<typeof openLibc> | undefined;

/** A socket cannot be reached, or takes nothing. */
export class UnixDatagramError extends Error {
  override readonly name = "UnixDatagramError";
  constructor(
    readonly path: string,
    readonly call: string,
  ) {
    super(`${path}: ${call} failed`);
  }
}

/**
 * A datagram socket that is connected to another one by its path, which neither Bun nor Node has. It never waits. Its own
 * address is one that the kernel finds (unix(7), autobind), so that a killed process leaves no file.
 */
export class UnixDatagram {
  private readonly buffer = new Uint8Array(BUFFER_BYTES);

  private constructor(
    private readonly path: string,
    private readonly descriptor: number,
  ) {}

  /** @throws {UnixDatagramError} when nobody listens there */
  static connect(path: string): UnixDatagram {
    libc ??= openLibc();
    const bytes = new TextEncoder().encode(path);
    if (bytes.length >= MAX_PATH_BYTES) throw new UnixDatagramError(path, "naming");
    const descriptor = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) throw new UnixDatagramError(path, "socket");
    const family = address(new Uint8Array(0));
    const other = address(bytes);
    for (const [call, failed] of [
      // With the family alone: autobind.
      ["bind", () => libc?.bind(descriptor, ptr(family), 2) !== 0],
      ["connect", () => libc?.connect(descriptor, ptr(other), other.length) !== 0],
    ] as const) {
      if (!failed()) continue;
      libc.close(descriptor);
      throw new UnixDatagramError(path, call);
    }
    return new UnixDatagram(path, descriptor);
  }

  /** @throws {UnixDatagramError} when the other end has gone, or its queue is full */
  send(text: string): void {
    const bytes = new TextEncoder().encode(text);
    const sent = libc?.send(this.descriptor, ptr(bytes), bytes.length, 0);
    if (Number(sent) !== bytes.length) throw new UnixDatagramError(this.path, "send");
  }

  /** What came meanwhile; undefined: nothing. */
  receive(): string | undefined {
    const length = Number(libc?.recv(this.descriptor, ptr(this.buffer), this.buffer.length, 0) ?? -1);
    return length < 0 ? undefined : new TextDecoder().decode(this.buffer.subarray(0, length));
  }

  close(): void {
    libc?.close(this.descriptor);
  }
}

/** struct sockaddr_un. */
function address(path: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(2 + path.length + 1);
  new DataView(bytes.buffer).setUint16(0, AF_UNIX, true);
  bytes.set(path, 2);
  return bytes;
}
