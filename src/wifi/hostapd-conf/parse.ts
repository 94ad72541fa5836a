import { faultText, readRows, type Section, ssidOf } from "../hostap-syntax/index.ts";
import { readAcl } from "./acl-lines.ts";
import { BSS_ROWS, INTERFACE_ROW, SSID_ROW } from "./bss-rows.ts";
import { readSections } from "./file-sections.ts";
import { validateHostapdOptions } from "./generate.ts";
import { problem } from "./hostapd-conf-error.ts";
import { readInterworking } from "./interworking-lines.ts";
import type { BssOptions, HostapdOptions } from "./options.ts";
import { readRadio } from "./radio-reading.ts";
import { readSecurity } from "./security-reading.ts";

/**
 * Reads a file back into the options that give it, whoever wrote it. What these options cannot say is an error, as it
 * would be lost otherwise.
 * @throws {HostapdConfError} with the line, or with the field where it is the lines together that are wrong
 */
export function parseHostapdConf(text: string): HostapdOptions {
  const sections = readSections(text);
  const radio = readRadio(sections[0]);
  const bss = sections.map((section, index) => readBss(section, `bss[${index}]`));
  for (const section of sections) section.end();
  const options = { radio, bss };
  validateHostapdOptions(options);
  return options;
}

function readBss(section: Section, where: string): BssOptions {
  const name = readRows(section, [INTERFACE_ROW], where).interface;
  if (name === undefined) throw problem(`${where}.interface`, "is missing");
  const ssid = readRows(section, [SSID_ROW], where).ssid ?? readPlainSsid(section, where);
  // It follows from the name.
  section.take("utf8_ssid");
  const algorithms = section.take("auth_algs");
  if (algorithms !== undefined && algorithms.value !== "1")
    throw problem("auth_algs", faultText(algorithms.value, "1: shared keys were WEP's"), algorithms.number);
  const security = readSecurity(section, `${where}.security`);
  const acl = readAcl(section, `${where}.acl`);
  const interworking = readInterworking(section, `${where}.interworking`);
  return {
    interface: name,
    ssid,
    security,
    ...readRows(section, BSS_ROWS, where),
    ...(acl === undefined ? {} : { acl }),
    ...(interworking === undefined ? {} : { interworking }),
  };
}

/** `ssid=` is the older way to name a network, as it is, without quotations. */
function readPlainSsid(section: Section, where: string) {
  const line = section.take("ssid");
  if (line === undefined) throw problem(`${where}.ssid`, "is missing");
  return ssidOf(Buffer.from(line.value));
}
