import { randomBytes } from "node:crypto";
import { Hono } from "hono";
import { stream } from "hono/streaming";
import { z } from "zod";
import type { Timers } from "../../host/timers.ts";
import { checked } from "./checked.ts";
import type { MeshControl } from "./mesh-control.ts";
import { type EndOrder, RemoteEnd } from "./remote-end.ts";

const key = z.string().regex(/^[A-Za-z0-9+/]{43}=$/, "32 bytes in base64");
const port = z.int().min(1).max(65_535);
const count = z.int().min(0);

const requests = {
  lead: z.strictObject({
    network: z.string().max(80).default(""),
    peer: z.string().min(1).max(80),
    lease: z.string().regex(/^[0-9a-f]{32}$/, "32 hexadecimal digits"),
    interface: z.string().min(1).max(15),
    ...{ publicKey: key, listenPort: port, peerKey: key },
  }),
  answer: z.strictObject({
    order: count,
    peer: z
      .strictObject({
        endpoint: z.strictObject({ address: z.union([z.ipv4(), z.ipv6()]), port }).optional(),
        ...{ handshakeAt: count, receivedBytes: count, sentBytes: count },
      })
      .transform(({ endpoint, ...counts }) => ({ ...counts, ...(endpoint ? { endpoint } : {}) }))
      .optional(),
  }),
};

/**
 * The part of the mesh's socket by which a program has the mesh find the way of a tunnel whose interface it has itself, as a
 * requester for its leases: a POST to `/` is answered by lines, `{"led": id}` first, then orders; each is answered by a
 * POST to `/:id`. It ends with the stream, from either side.
 */
export function ledApi(mesh: Pick<MeshControl, "leadTunnel">, timers: Timers) {
  const ends = new Map<string, RemoteEnd>();
  return new Hono()
    .post("/", checked("json", requests.lead), async (c) => {
      const { network, peer, lease, interface: name, ...about } = c.req.valid("json");
      const id = randomBytes(12).toString("hex");
      const over = new AbortController();
      const orders: EndOrder[] = [];
      let wake = () => {};
      const tell = (order: EndOrder) => {
        orders.push(order);
        wake();
      };
      const end = new RemoteEnd({ ...about, name }, tell, timers);
      const led = await mesh.leadTunnel({ network, peer, lease, end }, over.signal);
      ends.set(id, end);
      let isOver = false;
      const finish = () => {
        isOver = true;
        wake();
      };
      void led.over.then(finish);
      c.header("content-type", "application/x-ndjson");
      return stream(c, async (out) => {
        out.onAbort(finish);
        try {
          await out.writeln(JSON.stringify({ led: id }));
          while (!isOver) {
            const order = orders.shift();
            if (order) await out.writeln(JSON.stringify(order));
            else
              await new Promise<void>((resolve) => {
                wake = resolve;
              });
          }
        } finally {
          ends.delete(id);
          // First, as the tunnel's end asks it once more, which would take its time twice over.
          end.leave();
          over.abort();
        }
      });
    })
    .post("/:id", checked("json", requests.answer), (c) => {
      const isAwaited = ends.get(c.req.param("id"))?.take(c.req.valid("json"));
      return isAwaited ? c.json({}) : c.json({ error: "order: nothing like this was ordered" }, 404);
    });
}
