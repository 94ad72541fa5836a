import { OpenNds } from "../lab/opennds.ts";
import { type Bench, type BenchContext, runBench } from "./bench.ts";
import { BoxSubject } from "./box-subject.ts";
import { consentRows } from "./consent-rows.ts";
import { crowdRows } from "./crowd-rows.ts";
import { levelRows } from "./level-rows.ts";
import { restRows } from "./memory-rows.ts";
import { pacedRows } from "./paced-rows.ts";
import type { BenchRow } from "./report.ts";
import { type Pair, type Stand, stand } from "./stand.ts";
import { staticRows } from "./static-rows.ts";
import type { Subject } from "./subject.ts";

/** The portal of `ours` beside that of `reference`, each in a gateway namespace of its own, in alternating rounds. */
export function portalBench(subjects: Pair<() => Subject>): Bench {
  return {
    name: "portal",
    summary: "portal pages, consent and memory beside openNDS; page rate beside a static file from nginx",
    notes: [
      "closed loop: each phone asks for its next page as soon as one has come; 250 of them share 2 cores with the tool that plays them, so these rows measure the tool too, and the limit of 50 ms is on the paced and the wrk rows.",
      "wrk: a latency runs from the request to the end of its answer, without the handshake before it.",
    ],
    run: async (context) => {
      await using ours = await stand(context, "ours", subjects.ours());
      const rows = await rowsBesideReference(context, ours, subjects.reference());
      return [...rows, ...(await staticRows(context, ours))];
    },
  };
}

/** The reference has stopped when this returns. */
async function rowsBesideReference(
  context: BenchContext,
  ours: Stand,
  subject: Subject,
): Promise<BenchRow[]> {
  await using reference = await stand(context, "reference", subject);
  const pair = { ours, reference };
  return [
    ...(await restRows(pair)),
    ...(await crowdRows(context, pair)),
    ...(await levelRows(context, pair)),
    ...(await pacedRows(context, ours)),
    ...(await consentRows(context, pair)),
  ];
}

export const portal = portalBench({ ours: () => new BoxSubject(), reference: () => new OpenNds() });

if (import.meta.main) await runBench(portal, process.argv.slice(2));
