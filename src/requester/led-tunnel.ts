import { isIP } from "node:net";
import { z } from "zod";
import type { Logger } from "../host/log.ts";
import { followLines } from "./followed-lines.ts";
import { LeaseAnswerError } from "./lease-answers.ts";
import { MeshSocket } from "./mesh-socket.ts";
import type { LedEnd } from "./vpn-peer.ts";

export interface LedTunnelOptions {
  /** Of the mesh of this machine's box. */
  socket: string;
  network: string;
  /** Peer id of the box that lends, in that network. */
  peer: string;
  lease: string;
  end: LedEnd;
  log: Logger;
}

const endpoint = z.object({
  address: z.string().refine((text) => isIP(text) !== 0),
  port: z.int().min(1).max(65_535),
});
const order = z.union([
  z.object({ led: z.string() }),
  z.object({ order: z.int(), do: z.literal("point"), fresh: z.boolean(), endpoint: endpoint.optional() }),
  z.object({ order: z.int(), do: z.enum(["stir", "look"]) }),
]);
type Order = Extract<z.output<typeof order>, { order: number }>;

/**
 * Has the mesh find the way of a lease's tunnel, for as long as the lease lives: its words are carried out at the VPN, one after
 * the other. A box that can find none, as it runs without the rights for tunnels, is asked again and again; the tunnel then
 * goes straight, where it can.
 * @returns a function that ends it
 */
export function leadTunnel({ socket, network, peer, lease, end, log }: LedTunnelOptions): () => void {
  const mesh = new MeshSocket(socket);
  let led = "";
  let work = Promise.resolve();
  const carryOut = async (what: Order, id: string) => {
    if (what.do === "point") await end.point(what.endpoint, what.fresh);
    const seen = await (what.do === "stir" ? end.stir() : end.look());
    await mesh.post(`/v1/tunnels/led/${id}`, {
      order: what.order,
      ...(seen ? { peer: seen } : {}),
    });
  };
  const about = {
    ...{ network, peer, lease, interface: end.interface },
    ...{ publicKey: end.publicKey, listenPort: end.listenPort, peerKey: end.peerKey },
  };
  return followLines({
    open: async (signal) => {
      const { body } = await mesh.post("/v1/tunnels/led", about, signal);
      if (body === null) throw new LeaseAnswerError("the mesh answers nothing");
      return body;
    },
    line: (text) => {
      const said = order.parse(JSON.parse(text));
      if ("led" in said) led = said.led;
      else {
        const id = led;
        work = work
          .then(() => carryOut(said, id))
          .catch((error) => log.debug({ error }, `lease ${lease}: ${said.do} was not done`));
      }
    },
    what: `the way of lease ${lease}`,
    log,
  });
}
