import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { TextBytesError, textOfBytes } from "../../../src/config/config-bytes.ts";
import { configOfImager } from "../../../src/config/imager-files.ts";
import { loadConfig, parseConfig } from "../../../src/config/index.ts";
import { nearName } from "../../../src/config/near-name.ts";
import { scratchFolders } from "../scratch.ts";

const scratch = scratchFolders();
const TEXT = '[box]\r\nname = "Räuberhöhle 水"\r\n';
const utf16be = (text: string) => Buffer.from(text, "utf16le").swap16();

const WRITTEN: [string, Uint8Array][] = [
  ["UTF-8 with CRLF", Buffer.from(TEXT)],
  ["UTF-8 with a mark", Buffer.from(`\uFEFF${TEXT}`)],
  ["UTF-16 of Notepad", Buffer.from(`\uFEFF${TEXT}`, "utf16le")],
  ["UTF-16 the other way round", utf16be(`\uFEFF${TEXT}`)],
];

describe("a configuration file as an editor wrote it", () => {
  test.each(WRITTEN)("is read: %s", (_, bytes) => {
    const file = join(scratch(), "omerta.toml");
    writeFileSync(file, bytes);
    const { config, problems, good } = loadConfig(file);
    expect([problems, config.box.name, good]).toEqual([[], "Räuberhöhle 水", TEXT]);
    // The person's own file stays as it is.
    expect(readFileSync(file).equals(Buffer.from(bytes))).toBe(true);
  });

  test("is read in UTF-16 without a mark as long as its first lines are ASCII", () => {
    const plain = `# This box stands in the market square, beside the well.\r\n${TEXT}`;
    expect(textOfBytes(Buffer.from(plain, "utf16le"))).toBe(plain);
    expect(textOfBytes(utf16be(plain))).toBe(plain);
  });

  test("is explained, with the line, when its letters are of an old encoding", () => {
    const file = join(scratch(), "omerta.toml");
    writeFileSync(file, Buffer.from('[box]\nname = "Caf\xe9"\n', "latin1"));
    const { problems, config } = loadConfig(file);
    expect(config.box.name).toBe("Omerta Box");
    expect(problems[0]?.allowed).toContain("line 2: letters in an old encoding");
    expect(problems[0]?.allowed).toContain('"UTF-8"');
  });

  test("of any bytes becomes a text or an error in words, and any text comes back", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          expect(typeof textOfBytes(bytes)).toBe("string");
        } catch (error) {
          expect(error).toBeInstanceOf(TextBytesError);
        }
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 50 }), (text) => {
        expect(textOfBytes(Buffer.from(`\uFEFF${text}`, "utf16le"))).toBe(text);
        expect(textOfBytes(Buffer.from(`\uFEFF${text}`))).toBe(text);
      }),
    );
  });
});

describe("a configuration file under another name", () => {
  test.each([
    ["omerta.toml.txt"],
    ["OMERTA.TOM"],
    ["Omerta.toml"],
    ["omerta.txt"],
    ["omerta (1).toml"],
    ["omerta(2).toml"],
    ["omerta-3.toml"],
    ["omerta (1).toml.txt"],
    ["omerta"],
  ])("is taken for what it means: %s", (name) => {
    const folder = scratch();
    writeFileSync(join(folder, name), TEXT);
    const loaded = loadConfig(join(folder, "omerta.toml"));
    expect([loaded.config.box.name, loaded.file]).toEqual(["Räuberhöhle 水", join(folder, name)]);
  });

  test("gives way to the right one, and of several downloads the last is taken", () => {
    expect(nearName("omerta.toml", ["omerta.toml.txt", "omerta.toml"])).toBe("omerta.toml");
    expect(nearName("omerta.toml", ["omerta (1).toml", "omerta (10).toml", "omerta (9).toml"])).toBe(
      "omerta (10).toml",
    );
  });

  test.each([
    ["omerta-setup.html"],
    ["omerta-problems.txt"],
    ["._omerta.toml"],
    ["omerta.example.toml"],
    ["omerta.last-good.toml"],
    ["omerta.toml.bak"],
    ["omerta (1).html"],
    ["claim.txt"],
  ])("is not anything that lies beside it: %s", (name) => {
    expect(nearName("omerta.toml", [name])).toBeUndefined();
  });
});

describe("what Raspberry Pi Imager has left on the card", () => {
  const USER_DATA = `#cloud-config
manage_resolv_conf: false
hostname: market-square
manage_etc_hosts: true
packages:
- avahi-daemon
users:
- name: pi
  passwd: "$5$abc$def"
`;
  const NETWORK = `network:
  version: 2
  ethernets:
    eth0:
      dhcp4: true
  wifis:
    wlan0:
      dhcp4: true
      regulatory-domain: "DE"
      access-points:
        "Library":
          password: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
      optional: true
`;
  const SCRIPT = `#!/bin/bash
set +e
CURRENT_HOSTNAME=\`cat /etc/hostname | tr -d " \\t\\n\\r"\`
if [ -f /usr/lib/raspberrypi-sys-mods/imager_custom ]; then
   /usr/lib/raspberrypi-sys-mods/imager_custom set_hostname market-square
   /usr/lib/raspberrypi-sys-mods/imager_custom set_wlan 'Library' '0123456789abcdef' 'DE'
fi
`;
  const cardWith = (files: Record<string, string>) => {
    const folder = scratch();
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    return loadConfig(join(folder, "omerta.toml"));
  };

  test.each([[{ "user-data": USER_DATA, "network-config": NETWORK }], [{ "firstrun.sh": SCRIPT }]])(
    "gives the box its name and its country: %p",
    (files) => {
      const { config, problems, file } = cardWith(files);
      expect([config.box.name, config.wifi.country, problems]).toEqual(["market-square", "DE", []]);
      expect(file).toEndWith("settings of Raspberry Pi Imager");
    },
  );

  test("counts for nothing beside an omerta.toml, or where nothing was chosen", () => {
    expect(cardWith({ "user-data": USER_DATA, "omerta.toml": TEXT }).config.box.name).toBe("Räuberhöhle 水");
    const { file, config } = cardWith({ "user-data": "#cloud-config\nhostname: raspberrypi\n" });
    expect([file, config.box.name]).toEqual([undefined, "Omerta Box"]);
  });

  test("is read without harm whatever it holds", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
        const made = configOfImager((name) =>
          name === "firstrun.sh" ? `set_hostname ${text}` : `hostname: ${text}`,
        );
        if (made !== undefined) parseConfig(made);
      }),
    );
  });
});
