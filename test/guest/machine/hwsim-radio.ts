// Adds or removes one radio of mac80211_hwsim while the others stay. Runs inside a machine, in the radio's namespace:
//   bun hwsim-radio.ts add|remove NAME
// and prints the time at which it is done, in milliseconds since 1970.
// Numbers are those of linux/netlink.h, linux/genetlink.h and drivers/net/wireless/mac80211_hwsim.h.
import { dlopen, ptr } from "bun:ffi";

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NETLINK_GENERIC = 16;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLMSG_ERROR = 2;
const GENL_ID_CTRL = 16;
const CTRL_CMD_GETFAMILY = 3;
const CTRL_ATTR_FAMILY_ID = 1;
const CTRL_ATTR_FAMILY_NAME = 2;
const HWSIM_COMMANDS = { add: 4, remove: 5 } as const;
const HWSIM_ATTR_RADIO_NAME = 17;
const HEADERS_BYTES = 20;

const libc = dlopen("libc.so.6", {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  send: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
  recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
}).symbols;
const socket = libc.socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);

/** Asks the kernel with one string as the argument. @returns its answer @throws {Error} with its number of an error */
function ask(family: number, command: number, attribute: number, text: string): Buffer {
  const value = Buffer.from(`${text}\0`);
  const request = Buffer.alloc(HEADERS_BYTES + 4 + Math.ceil(value.length / 4) * 4);
  request.writeUInt32LE(request.length, 0);
  request.writeUInt16LE(family, 4);
  request.writeUInt16LE(NLM_F_REQUEST | NLM_F_ACK, 6);
  request.writeUInt8(command, 16);
  request.writeUInt8(1, 17);
  request.writeUInt16LE(4 + value.length, HEADERS_BYTES);
  request.writeUInt16LE(attribute, HEADERS_BYTES + 2);
  value.copy(request, HEADERS_BYTES + 4);
  libc.send(socket, ptr(request), request.length, 0);
  let answer = Buffer.alloc(0);
  for (;;) {
    const buffer = Buffer.alloc(65_536);
    const received = buffer.subarray(0, Number(libc.recv(socket, ptr(buffer), buffer.length, 0)));
    if (received.readUInt16LE(4) !== NLMSG_ERROR) {
      answer = received;
      continue;
    }
    const error = -received.readInt32LE(16);
    // Adding says the new radio's number, as if that were an error.
    if (error > 0) throw new Error(`the kernel refuses: error ${error}`);
    return answer;
  }
}

function familyId(name: string): number {
  const answer = ask(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, name);
  for (let at = HEADERS_BYTES; at + 4 <= answer.length; ) {
    const length = answer.readUInt16LE(at);
    if (answer.readUInt16LE(at + 2) === CTRL_ATTR_FAMILY_ID) return answer.readUInt16LE(at + 4);
    at += Math.ceil(Math.max(length, 4) / 4) * 4;
  }
  throw new Error(`the kernel does not know ${name}`);
}

const [what = "", name = ""] = process.argv.slice(2);
if (what !== "add" && what !== "remove") throw new Error("usage: hwsim-radio.ts add|remove NAME");
ask(familyId("MAC80211_HWSIM"), HWSIM_COMMANDS[what], HWSIM_ATTR_RADIO_NAME, name);
console.log(Date.now());
