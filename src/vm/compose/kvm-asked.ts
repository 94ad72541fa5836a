import type { Logger } from "../../host/log.ts";
import type { LeaseStoreOptions } from "../leases/index.ts";
import type { KvmVerdict } from "../libvirt/index.ts";

export interface KvmAskedOptions {
  /** Runs a guest with KVM. */
  probe(): Promise<KvmVerdict>;
  bootClock: LeaseStoreOptions["bootClock"];
  log: Pick<Logger, "info">;
}

/** So long after the start of a machine its processor's module is waited for. */
const COMES_WITHIN_MS = 5 * 60_000;
/** QEMU is much to read for a small board, and it may have been too slow at a busy start. */
const ASKED_AGAIN_AFTER_MS = 5 * 60_000;

/** Whether guests of this box can have the processor itself: asked once it can be known, and then seldom. */
export class KvmAsked {
  private verdict: { works: boolean; atMs: number } | undefined;

  constructor(private readonly options: KvmAskedOptions) {}

  /**
   * @param mayCome the processor runs guests, and the kernel has not loaded what that takes
   * @returns "wait": it may still load it, and what is started with emulation keeps that
   */
  async how(mayCome: boolean): Promise<"wait" | "kvm" | "emulation"> {
    const { probe, bootClock, log } = this.options;
    const nowMs = bootClock.nowMs();
    if (mayCome && nowMs < COMES_WITHIN_MS) return "wait";
    const isOld = this.verdict?.works === false && nowMs - this.verdict.atMs >= ASKED_AGAIN_AFTER_MS;
    if (!this.verdict || isOld) {
      const verdict = await probe();
      if (!verdict.works) log.info(`virtual machines are emulated: ${verdict.reason}`);
      this.verdict = { works: verdict.works, atMs: nowMs };
    }
    return this.verdict.works ? "kvm" : "emulation";
  }
}
