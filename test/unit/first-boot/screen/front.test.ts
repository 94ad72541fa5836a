import { expect, test } from "bun:test";
import { frontOf } from "../../../../src/first-boot/screen/front.ts";
import type { BoxStatus } from "../../../../src/portal/index.ts";

const STATUS: BoxStatus = {
  name: "Harbour",
  version: "0.0.0",
  mode: "device",
  uptimeSeconds: 60,
  config: { file: "/boot/omerta/omerta.toml", problems: [{ key: "box.nme", allowed: "unknown key" }] },
  parts: [
    { name: "gateway", state: "failed", detail: "nft: not permitted" },
    { name: "console", state: "running", detail: "" },
  ],
  guests: [],
  guestsByState: { new: 4, shown: 1, consented: 0, released: 2, expired: 9 },
  wifi: {
    enabled: true,
    country: "DE",
    present: 1,
    notes: [],
    radios: [
      {
        phy: "phy0",
        path: "x",
        channel: "6",
        band: "2.4GHz",
        interfaces: [
          { name: "ap0", role: "open", network: "Harbour", state: "up", stations: 2, why: "" },
          { name: "mesh0", role: "mesh", network: "omerta", state: "up", stations: 0, why: "" },
        ],
      },
    ],
  },
  lora: { address: "39f7f4", cases: [], texts: [] },
  mesh: { networks: [], peers: [] },
  messages: undefined,
  journal: [],
};
const OPERATOR = {
  claimCode: "70K1-M9QX",
  signIn: true,
  resetAsked: false,
  consoleUrls: ["http://127.0.0.1:8090/", "http://10.0.0.5:8090/"],
};

test("what a box shows in front of it is made of its status, and of what happened before it ran", () => {
  expect(frontOf(STATUS, OPERATOR, ["The data partition was repaired."])).toEqual({
    name: "Harbour",
    version: "0.0.0",
    uptimeSeconds: 60,
    onAir: ["Harbour"],
    notOnAir: "",
    guests: 3,
    callsForHelp: 0,
    // Nobody before the box can open an address of its own.
    consoleUrls: ["http://10.0.0.5:8090/"],
    claimCode: "70K1-M9QX",
    resetAsked: false,
    configFile: "/boot/omerta/omerta.toml",
    configProblems: ["box.nme: unknown key"],
    troubles: ["The data partition was repaired.", "gateway: nft: not permitted"],
  });
});

test("that no network is on the air is said with its reason", () => {
  const wifi = STATUS.wifi;
  if (wifi === undefined) throw new Error("no radios");
  const why = (changed: Partial<typeof wifi>) =>
    frontOf({ ...STATUS, wifi: { ...wifi, radios: [], ...changed } }, OPERATOR, []).notOnAir;
  expect(why({ present: 0 })).toBe("no Wi-Fi radio is there");
  expect(why({ enabled: false })).toBe("the configuration says wifi.enabled = false");
  expect(why({ notes: ["phy0 cannot be an access point"] })).toBe("phy0 cannot be an access point");
});
