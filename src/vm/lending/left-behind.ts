import type { Logger } from "../../host/log.ts";
import { NAME_PREFIXES } from "../guest-link.ts";
import type { LeaseStore } from "../leases/index.ts";
import { LentMachine, type MachineGround } from "./lent-machine.ts";

/**
 * Takes away what an earlier daemon lent: no machine outlives it. What cannot be taken away is logged, keeps its row, and is
 * for the next time.
 */
export async function endWhatIsLeft(
  ground: MachineGround,
  store: Pick<LeaseStore, "recover" | "end">,
  log: Logger,
): Promise<void> {
  const attempt = (what: string, part: () => Promise<unknown>) =>
    part().catch((error: unknown) => log.error({ error }, `${what} stays`));
  // Also of leases that no row names any more.
  await attempt("a machine", async () => {
    const names = (await ground.libvirt.list()).map(({ name }) => name);
    for (const name of names.filter((one) => one.startsWith(NAME_PREFIXES.domain)))
      await attempt(name, () => ground.libvirt.destroy(name));
  });
  const tearDown = async (id: string) => void (await new LentMachine(id, ground).tearDown());
  const unreadable = (id: string, error: unknown) => log.error({ error }, `lease ${id} stays`);
  for (const { state, awayMs } of await store.recover(tearDown, unreadable))
    await attempt(`lease ${state.id}`, async () => {
      await tearDown(state.id);
      const { outcome = "swept", why } = state;
      const usedMs = state.usedMs + awayMs;
      await store.end({ ...state, outcome, why: why || "the box was restarted", usedMs });
    });
  await attempt("an egress", () => ground.egress.sweep([]));
  await attempt("a disk", () => ground.overlays.sweep(new Set()));
}
