import { describe, expect, test } from "bun:test";
import { parseConfig } from "../../../../src/config/index.ts";
import { knownLinks } from "../../../../src/mesh/traffic/known-links.ts";

const GUESTS = ["1:11", "1:12"];
const known = (toml: string) => knownLinks(parseConfig(toml), GUESTS);

describe("the links that are known", () => {
  test("are none where nothing is configured", () => {
    expect(known("")).toEqual([]);
  });

  test("are those of known rate, and every way to the internet", () => {
    expect(
      known(`
        [gateway.uplink]
        allow = true
        interface = "eth0"
        up_kbit = 9000
        [[mesh.traffic.links]]
        interface = "mesh0"
        up_kbit = 2000
        [[mesh.traffic.uplinks]]
        interface = "eth0"
        [[mesh.traffic.uplinks]]
        interface = "wwan0"
      `),
    ).toEqual([
      { name: "mesh0", upKbit: 2000 },
      { name: "eth0", upKbit: 9000, guestClasses: GUESTS },
      { name: "wwan0" },
    ]);
  });

  test("bear guests only where guests may go", () => {
    expect(known('[gateway.uplink]\nallow = false\ninterface = "eth0"\nup_kbit = 9000\n')).toEqual([
      { name: "eth0", upKbit: 9000 },
    ]);
  });

  test("bear guests on each of the uplinks that are named", () => {
    const uplink = (name: string) => `[[mesh.traffic.uplinks]]\ninterface = "${name}"\n`;
    const rate =
      '[gateway.uplink]\nallow = true\n[[mesh.traffic.links]]\ninterface = "wwan0"\nup_kbit = 700\n';
    expect(known(`${rate}${uplink("wwan0")}${uplink("eth0")}`)[0]).toHaveProperty("guestClasses", GUESTS);
    expect(known(`${rate}[[uplinks.links]]\ninterface = "wwan0"\n`)[0]).toHaveProperty(
      "guestClasses",
      GUESTS,
    );
    expect(known(`${rate}${uplink("eth0")}`)[0]).not.toHaveProperty("guestClasses");
  });
});
