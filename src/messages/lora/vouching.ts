import type { LinkAddress } from "../../lora/index.ts";
import { needsOperator } from "../custody/urgency.ts";
import type { LoraContext } from "./context.ts";
import type { Carried } from "./stock.ts";

/** So often certificates go once more for want of which one bundle was refused: there may be another reason for that. */
const MOST_TIMES = 4;
/** Where more than one box may know them, each waits up to so many frames, and is silent when another was heard to send them. */
const OTHERS_FRAMES = 2;
/** Beyond the time that the certificates take, until what was refused may go again: who keeps it says by then that it has it. */
const AGAIN_FRAMES = 2;

/**
 * What is as urgent as only an operator may make it, the answer to a call for help above all, is taken by nobody who does not know
 * its sender's certificates. They are found by comparing, which takes minutes: who was refused sends them at once, as urgently.
 */
export class Vouching {
  private readonly times = new WeakMap<Carried, number>();

  constructor(private readonly context: LoraContext) {}

  /** A neighbour has not taken it. */
  onRefused(carried: Carried, from: LinkAddress): void {
    if (carried.person !== undefined || !needsOperator(carried) || carried.has.has(from)) return;
    const times = this.times.get(carried) ?? 0;
    if (times >= MOST_TIMES) return;
    const certificates = this.certificatesOf(carried);
    // Who has them has another reason.
    if (!certificates || certificates.has.has(from)) return;
    const { stock, asked, neighbourhood, nowMs } = this.context;
    // What waits to go anyway costs nothing more.
    if (certificates.dueMs === undefined && !asked.grantsAgain(from, certificates)) return;
    this.times.set(carried, times + 1);
    certificates.priority = carried.priority;
    certificates.believed.delete(from);
    // What nobody has yet goes until somebody says that it has come, without being asked for.
    certificates.isAskedFor = certificates.has.size > 0;
    const isSole = neighbourhood.listeners().length === 1;
    stock.plan(certificates, nowMs + (isSole ? 0 : this.context.frames(0, OTHERS_FRAMES)));
    if (carried.dueMs === undefined) return;
    const againMs = this.context.airMs(certificates.airBytes) + this.context.frames(AGAIN_FRAMES);
    stock.plan(carried, Math.max(carried.dueMs, nowMs + againMs));
  }

  /** The newest of its sender that are here. */
  private certificatesOf({ id, senderHash }: Carried): Carried | undefined {
    const { stock, options } = this.context;
    const sender = options.custody.get(id)?.bundle.sender;
    let newest: { carried: Carried; order: number } | undefined;
    for (const carried of stock.all()) {
      if (carried.kind !== "credentials" || carried.senderHash !== senderHash) continue;
      const held = options.custody.get(carried.id);
      // Four bytes can be made to be the same.
      if (!held || !sender || Buffer.compare(held.bundle.sender.key, sender.key) !== 0) continue;
      if (!newest || held.order > newest.order) newest = { carried, order: held.order };
    }
    return newest?.carried;
  }
}
