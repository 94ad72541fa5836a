import type { BenchContext } from "./bench.ts";
import { consentToFirstPacket, listenIn } from "./first-packet.ts";
import { type BenchRow, benchRow } from "./report.ts";
import { median } from "./samples.ts";
import type { Pair, Stand } from "./stand.ts";

const CONSENTS = 10;

/** How long a phone waits after consent until it is online. */
export async function consentRows(context: BenchContext, pair: Pair<Stand>): Promise<BenchRow[]> {
  const times: Pair<number[]> = { ours: [], reference: [] };
  const close = [listenIn(pair.ours.world), listenIn(pair.reference.world)];
  for (let index = 0; index < CONSENTS; index++) {
    for (const side of ["ours", "reference"] as const) {
      const { subject, phones } = pair[side];
      const phone = phones[index];
      if (phone !== undefined) times[side].push(await consentToFirstPacket(subject, phone));
    }
  }
  for (const end of close) end();
  context.progress(
    `consent to first packet: ${times.ours.map(Math.round)} beside ${times.reference.map(Math.round)} ms`,
  );
  return [
    benchRow({
      name: "consent to first packet, median",
      unit: "ms",
      ours: median(times.ours),
      reference: median(times.reference),
      referenceName: pair.reference.subject.name,
      goal: { of: "ratio", below: 1 },
    }),
  ];
}
