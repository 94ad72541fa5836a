import { afterAll, beforeAll, expect, test } from "bun:test";
import { describeNeeding, LAB_NEEDS } from "../needs.ts";
import { type LabBox, startBox } from "./box.ts";
import { Guest } from "./guest.ts";
import { Lab } from "./lab.ts";
import { type Phone, Swarm } from "./swarm.ts";

const PHONES = 250;
const WITHIN_MS = 10_000;

describeNeeding(LAB_NEEDS, "A bus arrives", () => {
  const lab = new Lab("bus");
  let box: LabBox;
  let swarm: Swarm;

  beforeAll(async () => {
    await lab.open();
    box = await startBox(lab, "box");
    swarm = new Swarm(lab, box.host, box.bridge);
    await swarm.addPhones(PHONES);
  }, 120_000);
  afterAll(async () => {
    swarm.close();
    await lab.close();
  }, 60_000);

  test("250 phones join within 10 s: DHCP, probe, page, consent; all are served", async () => {
    const startedMs = performance.now();
    const toPortalMs: number[] = [];
    const toReleaseMs: number[] = [];
    const arrive = async (phone: Phone, index: number) => {
      await Bun.sleep((index * WITHIN_MS) / PHONES);
      const joinedMs = performance.now();
      await phone.dhcp({ tries: 10 });
      const guest = new Guest(phone);
      const probe = await guest.get("connectivitycheck.gstatic.com", "/generate_204");
      expect([probe.status, probe.headers.get("location")]).toEqual([302, "http://omerta.internal/"]);
      const { page, token } = await guest.firstPage();
      toPortalMs.push(performance.now() - joinedMs);
      expect(page.body).toContain("I understand, connect me");
      expect((await guest.post("/agree", { token, lang: "en" })).status).toBe(303);
      toReleaseMs.push(performance.now() - joinedMs);
      expect((await guest.get("connectivitycheck.gstatic.com", "/generate_204")).status).toBe(204);
    };
    await Promise.all(swarm.phones.map(arrive));
    const status = await box.status();
    console.log(`      ${PHONES} phones in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
    console.log(`      from joining to the portal's page: ${percentiles(toPortalMs)}`);
    console.log(`      from joining to being let through: ${percentiles(toReleaseMs)}`);
    expect(status.guestsByState.released).toBe(PHONES);
    expect(toPortalMs.length).toBe(PHONES);
  }, 120_000);
});

function percentiles(samples: readonly number[]): string {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (share: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms`;
}
