import { dlopen } from "bun:ffi";
import { closeSync, constants, openSync } from "node:fs";
import { inNamespace } from "./network-namespace.ts";

/*
 * Stands in for a hypervisor: opens the TAP of a virtual machine where it is and keeps it open when it is moved, and
 * is its link. The guest's end is a TAP in a namespace, so that a whole system's network is behind it.
 * bun test/lab/vm-tap-guest.ts TAP [GUEST-NETNS GUEST-TAP]
 * Standard input: a line of hexadecimal digits is a frame that the guest sends; "mark TEXT" is answered by "mark TEXT".
 */

const TUNSETIFF = 0x4004_54ca;
const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;
const POLLIN = 1;
const MOST_FRAMES = 64;
const LOOK_AGAIN_MS = 100;

const libc = dlopen("libc.so.6", {
  ioctl: { args: ["i32", "u64", "ptr"], returns: "i32" },
  read: { args: ["i32", "ptr", "u64"], returns: "i64" },
  write: { args: ["i32", "ptr", "u64"], returns: "i64" },
  poll: { args: ["ptr", "u64", "i32"], returns: "i32" },
}).symbols;

function openTap(name: string): number {
  const descriptor = openSync("/dev/net/tun", constants.O_RDWR | constants.O_NONBLOCK);
  // struct ifreq (linux/if.h): the name, then the flags.
  const request = Buffer.alloc(40);
  request.write(name, "latin1");
  request.writeUInt16LE(IFF_TAP | IFF_NO_PI, 16);
  if (libc.ioctl(descriptor, TUNSETIFF, request) < 0) throw new Error(`${name} cannot be opened`);
  return descriptor;
}

const [tap = "", netns, guestTap = "eth0"] = process.argv.slice(2);
const machine = openTap(tap);
let guest: number | undefined;
if (netns !== undefined) {
  const namespace = openSync(netns, "r");
  guest = inNamespace(namespace, () => openTap(guestTap));
  closeSync(namespace);
}

const frame = Buffer.alloc(65_536);
function pump(from: number, to: number | undefined): void {
  for (let frames = 0; frames < MOST_FRAMES; frames += 1) {
    const length = Number(libc.read(from, frame, frame.length));
    if (length <= 0) return;
    if (to !== undefined) libc.write(to, frame, length);
  }
}

/** A frame that finds no place (the machine's link is down) is lost, as on a wire. */
function send(line: string): void {
  if (line.startsWith("mark ")) {
    console.log(line);
    return;
  }
  const bytes = Buffer.from(line, "hex");
  libc.write(machine, bytes, bytes.length);
}

void (async () => {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of Bun.stdin.stream()) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    lines.forEach(send);
  }
  process.exit(0);
})();

const watched = [machine, 0, ...(guest === undefined ? [] : [guest])];
const entries = Buffer.alloc(watched.length * 8);
function round(): void {
  for (const [index, descriptor] of watched.entries()) {
    entries.writeInt32LE(descriptor, index * 8);
    entries.writeInt16LE(POLLIN, index * 8 + 4);
    entries.writeInt16LE(0, index * 8 + 6);
  }
  libc.poll(entries, watched.length, LOOK_AGAIN_MS);
  pump(machine, guest);
  if (guest !== undefined) pump(guest, machine);
  setImmediate(round);
}
console.log("open");
round();
