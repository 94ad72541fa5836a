import { hasControlByte, Section } from "../hostap-syntax/index.ts";
import { HostapdConfError, problem } from "./hostapd-conf-error.ts";

/** hostapd reads into a buffer of 4096 bytes, with the line's end and a 0. */
const MAX_LINE_BYTES = 4_094;
const MAX_BYTES = 65_536;
export const MAX_BSS = 16;

/**
 * Cuts a file into its sections: the lines up to the first `bss=`, and from each of these to the next.
 * @throws {HostapdConfError} with the line
 */
export function readSections(text: string): [Section, ...Section[]] {
  if (text.length > MAX_BYTES) throw problem("", `more than ${MAX_BYTES} characters`);
  const sections: [Section, ...Section[]] = [new Section(HostapdConfError)];
  let current = sections[0];
  for (const [index, content] of text.split("\n").entries()) {
    const number = index + 1;
    if (content === "" || content.startsWith("#")) continue;
    if (Buffer.byteLength(content) > MAX_LINE_BYTES) throw problem("", "is too long", number);
    if (hasControlByte(content)) throw problem("", "has a control character", number);
    const equals = content.indexOf("=");
    if (equals < 1) throw problem("", "is no key=value", number);
    const line = { key: content.slice(0, equals), value: content.slice(equals + 1), number };
    if (line.key === "bss") {
      if (sections.length === MAX_BSS) throw problem("bss", `more than ${MAX_BSS} networks`, number);
      current = new Section(HostapdConfError);
      sections.push(current);
      current.push({ ...line, key: "interface" });
    } else {
      current.push(line);
    }
  }
  return sections;
}
