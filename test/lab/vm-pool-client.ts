import { join } from "node:path";
import { Conversation } from "./vm-egress-lab.ts";
import type { PoolBoxOrder } from "./vm-pool-box.ts";

/** An interface in the namespace of a machine that waits. */
export interface WaitingLink {
  name: string;
  up: boolean;
  packets: number;
}

/** The process with the pool. */
export class PoolBox {
  private constructor(private readonly pipe: Conversation) {}

  /** @param enter what goes before its command: the way to the box's namespaces */
  static async start(enter: readonly string[], order: PoolBoxOrder): Promise<PoolBox> {
    const program = join(import.meta.dir, "vm-pool-box.ts");
    const pipe = new Conversation([...enter, process.execPath, program, JSON.stringify(order)]);
    await pipe.next();
    return new PoolBox(pipe);
  }

  async call<T>(call: string, argument?: unknown): Promise<T> {
    const answered = this.pipe.next();
    this.pipe.say(`${JSON.stringify({ call, argument })}\n`);
    const { result, error } = JSON.parse(await answered) as { result: T; error?: string };
    if (error !== undefined) throw new Error(error);
    return result;
  }

  async stock(): Promise<{ machines: number; files: number; fileMiB: number }> {
    const stock = await this.call<{ hasFile: boolean; machines: number; fileMiB: number }[]>("stock");
    const machines = stock.reduce((sum, one) => sum + one.machines, 0);
    return { machines, files: stock.filter((one) => one.hasFile).length, fileMiB: stock[0]?.fileMiB ?? 0 };
  }

  async links(): Promise<WaitingLink[]> {
    interface Link {
      ifname: string;
      flags: string[];
      stats64: { rx: { packets: number }; tx: { packets: number } };
    }
    const seen = await this.call<Link[][]>("links");
    return seen.flat().map(({ ifname, flags, stats64: { rx, tx } }) => ({
      ...{ name: ifname, up: flags.includes("UP"), packets: rx.packets + tx.packets },
    }));
  }

  /** SIGKILL. */
  end(): Promise<void> {
    return this.pipe.end();
  }
}
