import { z } from "zod";
import { type Document, openDocument } from "../store/index.ts";

const schema = z.looseObject({
  starts: z
    .int()
    .min(0)
    .max(2 ** 28),
  /** By network id. */
  ports: z.record(z.string().max(80), z.int().min(1).max(65_535)).default({}),
});

type Data = z.output<typeof schema>;

/**
 * What the mesh knows of itself through restarts: how often the box has started, and which port each network has, so
 * that others find it again where it was, and a router that passes a port on passes it to the same network. What
 * cannot be written holds until the restart.
 */
export class MeshState {
  private data: Data = { starts: 0, ports: {} };
  private document: Document<Data> | undefined;

  constructor(
    private readonly path: string,
    private readonly failed: (error: unknown) => void,
  ) {}

  /** Reads what was kept, and counts one more start. */
  open(): void {
    try {
      this.document = openDocument<Data>(this.path, schema, () => ({ starts: 0, ports: {} }));
      this.data = this.document.data;
    } catch (error) {
      this.failed(error);
    }
    this.update({ ...this.data, starts: Math.min(this.data.starts + 1, 2 ** 28) });
  }

  get starts(): number {
    return this.data.starts;
  }

  /** Which port each network had last. */
  get ports(): ReadonlyMap<string, number> {
    return new Map(Object.entries(this.data.ports));
  }

  /** @param networks those that there are: of others nothing is kept */
  remember(network: string, port: number, networks: readonly string[]): void {
    if (this.data.ports[network] === port) return;
    const kept = Object.entries(this.data.ports).filter(([id]) => networks.includes(id));
    this.update({ ...this.data, ports: { ...Object.fromEntries(kept), [network]: port } });
  }

  private update(data: Data): void {
    this.data = data;
    try {
      this.document?.update((kept) => {
        Object.assign(kept, data);
      });
    } catch (error) {
      this.failed(error);
    }
  }
}
