import { dlopen, FFIType } from "bun:ffi";
import { connect, type Socket } from "node:net";

const { i32, u32, ptr } = FFIType;
const AF_INET = 2;
const SOCK_STREAM = 1;
/** `struct sockaddr_in`: family, port, address, eight bytes of nothing. */
const SOCKADDR_BYTES = 16;

const libc = dlopen("libc.so.6", {
  socket: { args: [i32, i32, i32], returns: i32 },
  bind: { args: [i32, ptr, u32], returns: i32 },
  listen: { args: [i32, i32], returns: i32 },
  getsockname: { args: [i32, ptr, ptr], returns: i32 },
  close: { args: [i32], returns: i32 },
});

/**
 * A TCP port of loopback that never answers: somebody listens who takes nobody on, and the queue is full, so that the
 * kernel drops what comes.
 */
export class BlackHole {
  private readonly fd = libc.symbols.socket(AF_INET, SOCK_STREAM, 0);
  private readonly queued: Socket[] = [];

  async open(): Promise<number> {
    const address = Buffer.alloc(SOCKADDR_BYTES);
    address.writeUInt16LE(AF_INET, 0);
    address.set([127, 0, 0, 1], 4);
    if (libc.symbols.bind(this.fd, address, SOCKADDR_BYTES) !== 0) throw new Error("bind failed");
    if (libc.symbols.listen(this.fd, 0) !== 0) throw new Error("listen failed");
    libc.symbols.getsockname(this.fd, address, Uint32Array.of(SOCKADDR_BYTES));
    const port = address.readUInt16BE(2);
    for (let i = 0; i < 4; i += 1) this.queued.push(connect(port, "127.0.0.1").on("error", () => {}));
    await Bun.sleep(50);
    return port;
  }

  close(): void {
    for (const socket of this.queued) socket.destroy();
    libc.symbols.close(this.fd);
  }
}
