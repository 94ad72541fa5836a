import { afterAll, beforeAll, expect, test } from "bun:test";
import { PROBE_FAMILIES } from "../../src/gateway/index.ts";
import { describeNeeding, LAB_NEEDS } from "../needs.ts";
import { type LabBox, startBox } from "./box.ts";
import { lookUp } from "./dns.ts";
import { Guest } from "./guest.ts";
import { Lab, until } from "./lab.ts";
import { type PhoneResponse, Swarm } from "./swarm.ts";

/** What an answer means to the family that asked, by its own published rule: not by how we made it. */
function verdict(
  family: string,
  { status, headers, body }: PhoneResponse,
): "online" | "portal" | "no internet" {
  const is204 = status === 204;
  const redirects = status >= 300 && status < 400 && headers.get("location") !== null;
  const online: Record<string, boolean> = {
    apple: status === 200 && body === "<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>",
    android: is204,
    samsung: is204,
    windows: status === 200 && (body === "Microsoft Connect Test" || body === "Microsoft NCSI"),
    edge: is204,
    firefox:
      status === 200 &&
      (body === "success\n" ||
        body ===
          '<meta http-equiv="refresh" content="0;url=https://support.mozilla.org/kb/captive-portal"/>'),
    chrome: is204,
    networkmanager: status === 200 && body.startsWith("NetworkManager is online"),
    ubuntu: is204 && headers.get("x-networkmanager-status") === "online",
    kindle: status === 200 && body.includes("81ce4465-7167-4dcb-835b-dcc9e44c112a"),
  };
  if (online[family]) return "online";
  // Android counts a 200 without a body as a failure, not as a portal (NetworkMonitor.java).
  return redirects || (status === 200 && body.length > 4) ? "portal" : "no internet";
}

const FAMILIES = [
  "apple",
  "android",
  "samsung",
  "windows",
  "edge",
  "firefox",
  "chrome",
  "networkmanager",
  "ubuntu",
  "kindle",
];

describeNeeding(LAB_NEEDS, "Captive detection", () => {
  const lab = new Lab("fam");
  let honest: LabBox;
  let telling: LabBox;
  let swarms: Map<LabBox, Swarm>;
  /** Agreed before all the others, for one minute. */
  let early: Guest;

  beforeAll(async () => {
    await lab.open();
    telling = await startBox(lab, "a", { config: "[gateway]\nconsent_minutes = 1\n" });
    honest = await startBox(lab, "b", { config: "[gateway.online]\nwithout_uplink = false\n" });
    swarms = new Map([telling, honest].map((box) => [box, new Swarm(lab, box.host, box.bridge)]));
    early = new Guest(await join(telling));
    await early.consent();
  });
  afterAll(() => lab.close());

  const join = async (box: LabBox) => {
    const [phone] = (await swarms.get(box)?.addPhones(1)) ?? [];
    if (!phone) throw new Error("no phone");
    await phone.dhcp();
    return phone;
  };

  /** Every probe of a family, once each, as a set of verdicts. */
  const probeAll = async (guest: Guest, id: string): Promise<string[]> => {
    const family = PROBE_FAMILIES.find((candidate) => candidate.id === id);
    const verdicts = new Set<string>();
    for (const { hosts, paths } of family?.probes ?? []) {
      for (const host of hosts)
        for (const path of paths) verdicts.add(verdict(id, await guest.get(host, path)));
    }
    return [...verdicts];
  };

  test("knows every family that the field has, and no other", () => {
    expect(PROBE_FAMILIES.map((family) => family.id).sort()).toEqual([...FAMILIES].sort());
  });

  test.each(FAMILIES)(
    "%s: portal before consent, online after it, portal again once it has left",
    async (id) => {
      const guest = new Guest(await join(telling));
      expect(await probeAll(guest, id)).toEqual(["portal"]);
      expect((await guest.firstPage()).page.status).toBe(200);
      expect(await probeAll(guest, id)).toEqual(["portal"]);
      expect((await guest.consent()).status).toBe(303);
      expect(await probeAll(guest, id)).toEqual(["online"]);
      expect(await probeAll(guest, id)).toEqual(["online"]);
      await guest.leave();
      expect(await probeAll(guest, id)).toEqual(["portal"]);
    },
  );

  test("what a caught browser opens is a page that leads to the portal", async () => {
    const guest = new Guest(await join(telling));
    for (const [host, path] of [
      ["captive.apple.com", "/hotspot-detect.html"],
      ["connectivitycheck.gstatic.com", "/generate_204"],
      ["www.msftconnecttest.com", "/redirect"],
      ["example.com", "/any/page?with=query"],
    ] as const) {
      expect((await guest.get(host, path)).headers.get("location")).toBe("http://omerta.internal/");
    }
    const samsung = await guest.get("d2uzsrnmmf6tds.cloudfront.net", "/generate_204");
    expect(samsung.status).toBe(200);
    expect(samsung.body).toContain('<meta http-equiv="refresh" content="0;url=http://omerta.internal/"/>');
  });

  test("a phone that comes back under an old lease meets the portal once more where its family needs that", async () => {
    const phone = await join(telling);
    const guest = new Guest(phone);
    await guest.consent();
    for (const id of FAMILIES) expect(await probeAll(guest, id)).toEqual(["online"]);
    await phone.dhcp();
    const rearming = ["android", "chrome", "samsung"];
    await until("the detection to be armed", async () => (await probeAll(guest, "android"))[0] === "portal");
    for (const id of FAMILIES)
      expect([id, await probeAll(guest, id)]).toEqual([id, [rearming.includes(id) ? "portal" : "online"]]);
    // It still is let through, and seeing the page is enough: nothing has to be agreed to again.
    const page = await guest.get("omerta.internal", "/");
    expect(page.body).toContain("You are connected");
    for (const id of FAMILIES) expect(await probeAll(guest, id)).toEqual(["online"]);
  });

  test("a phone that renews its lease in mid-stay is left alone", async () => {
    const phone = await join(telling);
    const guest = new Guest(phone);
    await guest.consent();
    // A renewal is sent from the address to be renewed (RFC 2131 section 4.3.2): udhcpc renews on SIGUSR1.
    const client = phone.spawn([
      "busybox",
      "udhcpc",
      "-f",
      "-i",
      "wlan0",
      "-s",
      "/bin/true",
      "-r",
      phone.address ?? "",
    ]);
    await until("the client to be bound", () => client.output().includes("lease of"));
    await until("the detection to be armed", async () => (await probeAll(guest, "android"))[0] === "portal");
    await guest.get("omerta.internal", "/");
    await Bun.sleep(21_000); // The box remembers for 20 s who has just joined.
    process.kill(client.pid, "SIGUSR1");
    await until("the renewal", () => client.output().split("lease of").length > 2);
    await Bun.sleep(500);
    expect(await probeAll(guest, "android")).toEqual(["online"]);
  }, 60_000);

  test("told to be honest, says after consent that there is no internet, and lets Apple's stay on", async () => {
    const phone = await join(honest);
    const guest = new Guest(phone);
    expect(await probeAll(guest, "android")).toEqual(["portal"]);
    const page = await guest.firstPage();
    expect(page.page.body).toContain("may say that there is no internet");
    await guest.consent();
    for (const id of FAMILIES)
      expect([id, await probeAll(guest, id)]).toEqual([id, [id === "apple" ? "portal" : "no internet"]]);
    expect(await lookUp(phone, "connectivitycheck.gstatic.com", "A", honest.address)).toBe("ENOTFOUND");
    expect(await lookUp(phone, "captive.apple.com", "A", honest.address)).toBe("NOERROR 198.51.100.1");
    expect(await lookUp(phone, "dns.msftncsi.com", "A", honest.address)).not.toBe("NOERROR 131.107.255.255");
  });

  test("gives Windows the address that it wants from DNS, once it has agreed", async () => {
    const phone = await join(telling);
    expect(await lookUp(phone, "dns.msftncsi.com", "A", telling.address)).toBe("NOERROR 198.51.100.1");
    await new Guest(phone).consent();
    expect(await lookUp(phone, "dns.msftncsi.com", "A", telling.address)).toBe("NOERROR 131.107.255.255");
  });

  test("an agreement ends by itself after its time, and every family is caught again", async () => {
    const { mac } = early.phone;
    const hasExpired = async () =>
      (await telling.status()).guests.some((guest) => guest.mac === mac && guest.state === "expired");
    await until("the agreement to end", hasExpired, 70_000);
    for (const id of FAMILIES) expect([id, await probeAll(early, id)]).toEqual([id, ["portal"]]);
  }, 90_000);
});
