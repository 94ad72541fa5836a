import { hasControlByte, Section } from "../hostap-syntax/index.ts";
import { uncommented } from "./uncommented.ts";
import { problem, WpaConfError } from "./wpa-conf-error.ts";

export const MAX_NETWORKS = 64;
const MAX_BYTES = 65_536;
/** wpa_supplicant cuts longer lines off: its buffers have 512 bytes, and 2000 within a network. */
const MAX_LINE_BYTES = { global: 510, network: 1_998 } as const;

export interface FileBlocks {
  global: Section;
  networks: Section[];
}

/**
 * Cuts a file into what is global and its networks.
 * @throws {WpaConfError} with the line
 */
export function readBlocks(text: string): FileBlocks {
  if (text.length > MAX_BYTES) throw problem("", `more than ${MAX_BYTES} characters`);
  const global = new Section(WpaConfError);
  const networks: Section[] = [];
  let network: Section | undefined;
  const lines = text.split("\n");
  for (const [index, whole] of lines.entries()) {
    const number = index + 1;
    const most = MAX_LINE_BYTES[network === undefined ? "global" : "network"];
    if (Buffer.byteLength(whole) > most) throw problem("", "is too long", number);
    const content = uncommented(whole);
    if (content === "") continue;
    if (content === "network={" && network === undefined) {
      if (networks.length === MAX_NETWORKS) throw problem("networks", `more than ${MAX_NETWORKS}`, number);
      network = new Section(WpaConfError);
      networks.push(network);
    } else if (content === "}" && network !== undefined) {
      network = undefined;
    } else {
      if (hasControlByte(content)) throw problem("", "has a control character", number);
      const equals = content.indexOf("=");
      if (equals < 1) throw problem("", "is no key=value", number);
      (network ?? global).push({ key: content.slice(0, equals), value: content.slice(equals + 1), number });
    }
  }
  if (network !== undefined) throw problem(`networks[${networks.length - 1}]`, "has no }", lines.length);
  return { global, networks };
}
