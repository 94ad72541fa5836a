import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { StatementStore } from "../../src/gateway/index.ts";
import { stationName } from "../../src/gateway/roaming/station-names.ts";
import { decodeInviteLink } from "../../src/identity/index.ts";
import { MESH_SOCKET, type NetworkStatus } from "../../src/mesh/index.ts";
import { describeNeeding, LAB_NEEDS } from "../needs.ts";
import { type LabBox, startBox } from "./box.ts";
import { Guest } from "./guest.ts";
import { Lab, until } from "./lab.ts";
import { flatLan } from "./mesh-shapes.ts";
import { askMesh } from "./mesh-socket.ts";
import { MeshTopology } from "./mesh-topology.ts";
import { type Phone, Swarm } from "./swarm.ts";
import { foundIn, keyNeedle, textNeedle, Wire } from "./wire.ts";

const NEEDS = [...LAB_NEEDS, "program:tcpdump"] as const;
const PROBE = ["captive.apple.com", "/hotspot-detect.html"] as const;

describeNeeding(NEEDS, "A phone that walks from box to box", () => {
  const lab = new Lab("roam");
  let lan: MeshTopology;
  let wire: Wire;
  let link = "";
  /** Two of one network, and one of another on the same wire. */
  let harbour: LabBox;
  let school: LabBox;
  let stranger: LabBox;
  let swarm: Swarm;
  let phone: Phone;
  let guest: Guest;
  /** Where the phone is plugged in now. */
  let at: LabBox;

  const ask = <T>(box: LabBox, path: string, body?: unknown) =>
    askMesh<T>(join(box.runFolder, MESH_SOCKET), path, body);
  const connected = (box: LabBox) =>
    until(
      "the two to be connected",
      async () => (await ask<NetworkStatus[]>(box, "/v1/networks"))[0]?.connected === 1,
      30_000,
    );
  const sessionAt = async (box: LabBox) => (await box.status()).guests.find(({ mac }) => mac === phone.mac);
  const journalAt = async (box: LabBox, kind: string) =>
    (await box.status()).journal.find((entry) => entry.kind === kind && entry.subject === phone.mac);
  const stateAt = async (box: LabBox) => (await sessionAt(box))?.state;

  /** Out of the reach of one box and into another's: the same interface with the same MAC address in another bridge. */
  async function walkTo(box: LabBox): Promise<void> {
    await at.host.run(["ip", "link", "set", "phone0", "nomaster"]);
    await at.host.run(["ip", "link", "set", "phone0", "netns", box.host.name]);
    await phone.run(["ip", "address", "flush", "dev", "wlan0"]);
    await box.host.run(["ip", "link", "set", "phone0", "master", box.bridge, "up"]);
    at = box;
  }

  beforeAll(async () => {
    await lab.open();
    lan = await MeshTopology.build(lab, flatLan(3), "r");
    const start = (index: number, name: string) =>
      startBox(lab, name, {
        host: lan.host(index),
        config: `[box]\nname = "${name}"\n[mesh]\nexclude = ["mgmt"]\n`,
      });
    harbour = await start(0, "Harbour");
    school = await start(1, "School");
    stranger = await start(2, "Stranger");
    wire = await Wire.listen(lan.host(0), "eth0");
    await ask(harbour, "/v1/networks", { name: "Valley" });
    ({ link } = await ask<{ link: string }>(harbour, "/v1/networks/-/invites", { hours: 24 }));
    await ask(school, "/v1/join", { link });
    await ask(stranger, "/v1/networks", { name: "Hills" });
    await connected(harbour);
    await connected(school);
    swarm = new Swarm(lab, harbour.host, harbour.bridge);
    const [first] = await swarm.addPhones(1);
    if (!first) throw new Error("no phone");
    phone = first;
    guest = new Guest(phone);
    at = harbour;
  }, 120_000);
  afterAll(async () => {
    swarm?.close();
    await lab.close();
  }, 30_000);

  test("agrees at one, and is let through at the next without a page", async () => {
    await phone.dhcp();
    expect((await guest.consent("sw")).status).toBe(303);
    const before = phone.address;
    const startedMs = performance.now();
    await walkTo(school);
    const pluggedMs = performance.now();
    const lease = await phone.dhcp();
    const leasedMs = performance.now();
    expect(lease.address).not.toBe(before as string);
    await until("the phone to be let through", async () => (await stateAt(school)) === "released");
    const releasedMs = performance.now();
    console.log(
      `      a phone at the next box: DHCP ${Math.round(leasedMs - pluggedMs)} ms, let through ${Math.round(releasedMs - leasedMs)} ms after that, ${Math.round(releasedMs - startedMs)} ms in all`,
    );
    expect(releasedMs - leasedMs).toBeLessThan(2_000);
    expect(await sessionAt(school)).toMatchObject({ from: "Harbour", language: "sw" });
    expect((await sessionAt(school))?.secondsLeft ?? 0).toBeGreaterThan(86_000);
    expect(await journalAt(school, "guest-came")).toMatchObject({ detail: { from: "Harbour" } });
    // What its own detection asks first is answered as to one who has agreed.
    expect((await guest.get(...PROBE)).status).toBe(200);
    expect(await journalAt(school, "guest-agreed")).toBeUndefined();
  }, 60_000);

  test("is asked by a box of another network, which has learned nothing of it", async () => {
    await Bun.sleep(3_000);
    await walkTo(stranger);
    await phone.dhcp();
    await until("a session", async () => (await stateAt(stranger)) === "new");
    expect((await guest.get(...PROBE)).status).not.toBe(200);
    const store = new StatementStore(join(stranger.stateFolder, "roaming.sqlite"));
    store.open();
    const [network] = await ask<NetworkStatus[]>(stranger, "/v1/networks");
    const [valley] = await ask<NetworkStatus[]>(harbour, "/v1/networks");
    expect(store.of(network?.id ?? "")).toEqual([]);
    expect(store.of(valley?.id ?? "")).toEqual([]);
    store.close();
  }, 60_000);

  test("is known after both boxes have started again, one as after a power cut", async () => {
    await harbour.restart("SIGKILL");
    await school.restart("SIGTERM");
    await connected(school);
    expect(await sessionAt(school)).toMatchObject({ state: "released", from: "Harbour" });
    expect(await sessionAt(harbour)).toMatchObject({ state: "released", from: "" });
    await walkTo(school);
    await phone.dhcp();
    expect((await guest.get(...PROBE)).status).toBe(200);
  }, 90_000);

  test("reads at the first what it has written at the second; its code is that box's alone", async () => {
    const form = await guest.get("omerta.internal", "/write?lang=en");
    const token = /name="token" value="([^"]+)"/.exec(form.body)?.[1] ?? "";
    const text = "The bridge by the mill holds.";
    const sent = await guest.post("/write", { token, lang: "en", room: "", text });
    expect(sent.status).toBe(303);
    const code = new URL(sent.headers.get("location") ?? "", "http://box").searchParams.get("code") ?? "";
    expect(code).toMatch(/^[\d-]{14}$/);
    const mine = async () => (await guest.get("omerta.internal", `/mine?lang=en&code=${code}`)).body;
    expect(await mine()).toContain("Your post");
    await walkTo(harbour);
    await phone.dhcp();
    await until("it to be read there", async () =>
      (await guest.get("omerta.internal", "/square?lang=en")).body.includes(text),
    );
    expect(await mine()).not.toContain("Your post");
    await walkTo(school);
    await phone.dhcp();
    expect((await guest.get(...PROBE)).status).toBe(200);
  }, 60_000);

  test("leaves at the second, and so at the first", async () => {
    const letThrough = new RegExp(`${phone.mac} timeout`);
    expect(await harbour.host.run(["nft", "list", "ruleset"])).toMatch(letThrough);
    const startedMs = performance.now();
    expect((await guest.leave()).status).toBe(200);
    await until("the first box to know", async () => (await stateAt(harbour)) === "expired");
    console.log(`      left everywhere after ${Math.round(performance.now() - startedMs)} ms`);
    expect(await journalAt(harbour, "guest-left-elsewhere")).toMatchObject({ detail: { from: "School" } });
    expect(await harbour.host.run(["nft", "list", "ruleset"])).not.toMatch(letThrough);
    await walkTo(harbour);
    await phone.dhcp();
    expect((await guest.get(...PROBE)).status).not.toBe(200);
  }, 60_000);

  test("has left also for a box that was off when it did", async () => {
    expect((await guest.consent("sw")).status).toBe(303);
    await walkTo(school);
    await phone.dhcp();
    await until("the phone to be let through", async () => (await stateAt(school)) === "released");
    await harbour.stop("SIGKILL");
    expect((await guest.leave()).status).toBe(200);
    await harbour.restart("SIGKILL");
    await until("the first box to learn it", async () => (await stateAt(harbour)) === "expired", 30_000);
  }, 90_000);

  test("nothing of it could be read on the wire", async () => {
    const seen = await wire.stop();
    const [{ self } = { self: undefined }] = await ask<NetworkStatus[]>(harbour, "/v1/networks");
    expect(self).toBeDefined();
    const { sharedKey } = decodeInviteLink(link);
    const bytes = Buffer.from(phone.mac.replaceAll(":", ""), "hex");
    const needles = [
      keyNeedle("the phone's address", bytes),
      textNeedle("the phone's address in words", phone.mac),
      keyNeedle("its name among the boxes", stationName(sharedKey.key, phone.mac)),
      textNeedle("what is signed", "omerta-box roaming"),
    ];
    expect(foundIn(seen, needles)).toEqual([]);
    // The control: frames between the two were seen.
    const own = await harbour.host.run(["cat", "/sys/class/net/eth0/address"]);
    const frame = Buffer.from(own.trim().replaceAll(":", ""), "hex");
    expect(seen.length).toBeGreaterThan(10_000);
    expect(seen.includes(frame)).toBe(true);
  });
});
