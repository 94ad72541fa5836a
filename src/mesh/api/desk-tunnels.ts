import { leasePurpose } from "../tunnels/kept-end.ts";
import type { DeskNaming } from "./desk-naming.ts";
import type { MeshDeskOptions } from "./desk-network.ts";
import { messageOf, refused } from "./desk-refusal.ts";
import {
  type LedRequest,
  type MeshControl,
  MeshError,
  type TunnelRequest,
  type TunnelView,
} from "./mesh-control.ts";

const TUNNEL_TIMEOUT_MS = 20_000;

type TunnelControl = Pick<MeshControl, "tunnels" | "openTunnel" | "welcomeTunnel" | "closeTunnel">;

/** The tunnels of all networks. */
export class DeskTunnels implements TunnelControl {
  constructor(
    private readonly options: Pick<MeshDeskOptions, "memberships" | "network" | "told">,
    private readonly naming: DeskNaming,
  ) {}

  tunnels(): TunnelView[] {
    return this.options.memberships
      .list()
      .flatMap(({ id }) =>
        (this.options.network(id)?.tunnels?.status() ?? []).map((tunnel) => ({ ...tunnel, network: id })),
      );
  }

  async openTunnel({ network: name, peer, purpose, device, lifetimeMs }: TunnelRequest): Promise<TunnelView> {
    const { network, tunnels } = this.tunnelsOf(name);
    const id = this.naming.peerIn(network, peer);
    const options = { purpose, device, ...(lifetimeMs === undefined ? {} : { lifetimeMs }) };
    try {
      // Introduced over the control channel, which has to be there first.
      await network.reachNow(id);
      const status = await tunnels.open(id, options, TUNNEL_TIMEOUT_MS);
      this.options.told("tunnel-opened", id, { network: network.membership.name, purpose });
      return { ...status, network: network.membership.id };
    } catch (error) {
      throw new MeshError(messageOf(error), "failed");
    }
  }

  welcomeTunnel({ network: name, peer, ...rest }: Parameters<MeshControl["welcomeTunnel"]>[0]): string {
    const { network, tunnels } = this.tunnelsOf(name);
    const { purpose, device, lifetimeMs } = rest;
    return refused(() =>
      tunnels.welcome({
        purpose,
        device,
        ...(peer === undefined ? {} : { peer: this.naming.peerIn(network, peer) }),
        ...(lifetimeMs === undefined ? {} : { lifetimeMs }),
      }),
    );
  }

  async lead(
    { network: name, peer, lease, end }: LedRequest,
    over: AbortSignal,
  ): Promise<{ over: Promise<string> }> {
    const { network, tunnels } = this.tunnelsOf(name);
    const id = this.naming.peerIn(network, peer);
    try {
      await network.reachNow(id);
      const tunnel = await tunnels.lead(id, end, leasePurpose(lease));
      const close = () => void tunnels.close(tunnel.id, "its requester has let it go").catch(() => undefined);
      if (over.aborted) close();
      over.addEventListener("abort", close);
      const ended = tunnel.ended().finally(() => over.removeEventListener("abort", close));
      return { over: ended };
    } catch (error) {
      throw new MeshError(messageOf(error), "failed");
    }
  }

  async closeTunnel(name: string, id: string): Promise<void> {
    await this.tunnelsOf(name).tunnels.close(id);
  }

  private tunnelsOf(name: string) {
    const network = this.naming.running(this.naming.membership(name));
    const { tunnels } = network;
    if (!tunnels) throw new MeshError("this box runs without the rights that tunnels need", "failed");
    return { network, tunnels };
  }
}
