import type { Server } from "bun";
import type { Logger } from "../../host/log.ts";
import { type LeaseAppOptions, leaseApp } from "./lease-app.ts";

export interface LeaseServerOptions extends LeaseAppOptions {
  /** Where requesters reach the box; not where its guests do. Port 0: any that is free. */
  listen: readonly { address: string; port: number }[];
  log: Logger;
}

/** An exchange in which nothing passes for so long is cut off; events have a beat of 20 s. */
const IDLE_TIMEOUT_S = 60;

/** Serves {@link leaseApp} to the network. */
export class LeaseServer {
  private servers: Server<undefined>[] = [];

  constructor(private readonly options: LeaseServerOptions) {}

  /** @throws when an address cannot be listened on; on none then */
  start(): void {
    if (this.servers.length > 0) return;
    const app = leaseApp(this.options);
    try {
      for (const { address, port } of this.options.listen) {
        const server = Bun.serve({
          ...{ hostname: address, port, development: false, idleTimeout: IDLE_TIMEOUT_S },
          fetch: (request, self) => app.fetch(request, { address: self.requestIP(request)?.address ?? "" }),
        });
        this.servers.push(server);
      }
    } catch (error) {
      this.closeAll();
      throw error;
    }
    this.options.log.info(`requests for virtual machines at ${this.ports.join(", ")}`);
  }

  async stop(): Promise<void> {
    this.closeAll();
  }

  /** In the order of `listen`. */
  get ports(): number[] {
    return this.servers.map(({ port }) => port ?? 0);
  }

  private closeAll(): void {
    for (const server of this.servers) void server.stop(true);
    this.servers = [];
  }
}
