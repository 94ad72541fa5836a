import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { HTTPException } from "hono/http-exception";
import { stream } from "hono/streaming";
import { z } from "zod";
import { systemTimers, type Timers } from "../../host/timers.ts";
import { MAX_LINK_CHARS, ROLES } from "../../identity/index.ts";
import { MAX_CONTROL_BYTES } from "../paths/paths-interface.ts";
import { MAX_PURPOSE } from "../tunnels/tunnel-messages.ts";
import { checked } from "./checked.ts";
import { ledApi } from "./led-api.ts";
import { type MeshControl, MeshError } from "./mesh-control.ts";

/** Where other programs on the box find the mesh. */
export const MESH_SOCKET = "mesh.sock";

/** Longest gossip, as the engine takes it. */
const MAX_PUBLISH_BYTES = 32_768;
const MAX_BODY_BYTES = 1_048_576;
const MAX_STREAM_FRAME_BYTES = 16_384;
/** Messages that wait for a slow listener; beyond, the oldest go. */
const MAX_WAITING = 256;

const network = z.string().max(80).default("");
const peer = z.string().min(1).max(80);
/** Programs' channels are kept apart from the box's own. */
const channel = z.string().regex(/^[a-z0-9-]{1,14}$/, "1 to 14 of a-z, 0-9 and '-'");
const base64 = (maxBytes: number) =>
  z
    .base64()
    .max(Math.ceil(maxBytes / 3) * 4)
    .transform((text) => Buffer.from(text, "base64"))
    .refine((bytes) => bytes.length <= maxBytes, `at most ${maxBytes} bytes`);

/** "10.66.0.1/24", "fd00::1/64". */
const ipNetwork = z.union([z.cidrv4(), z.cidrv6()]);

const requests = {
  found: z.strictObject({ name: z.string().trim().min(1).max(60) }),
  join: z.strictObject({ link: z.string().min(1).max(MAX_LINK_CHARS) }),
  invite: z.strictObject({
    role: z.enum(ROLES).default("box"),
    once: z.boolean().default(false),
    hours: z.number().min(0).max(87_600).default(168),
  }),
  revoke: z
    .strictObject({
      peer: peer.optional(),
      invite: z.string().min(1).max(MAX_LINK_CHARS).optional(),
      keep: z.boolean().default(false),
      why: z.string().max(200).default(""),
    })
    .refine((who) => (who.peer === undefined) !== (who.invite === undefined), "either peer or invite"),
  send: z.strictObject({
    network,
    peer,
    channel,
    body: base64(MAX_CONTROL_BYTES),
    urgency: z.enum(["sos", "control", "message"]).default("message"),
    timeoutMs: z.int().min(100).max(600_000).default(15_000),
  }),
  publish: z.strictObject({ network, topic: channel, body: base64(MAX_PUBLISH_BYTES) }),
  listen: z
    .strictObject({ network, channel: channel.optional(), topic: channel.optional() })
    .refine((what) => (what.channel === undefined) !== (what.topic === undefined), "either channel or topic"),
  stream: z.strictObject({
    network,
    peer,
    protocol: z.enum(["lease"]),
    frame: base64(MAX_STREAM_FRAME_BYTES),
  }),
  trace: z.strictObject({ network, peer }),
  peers: z.strictObject({ network: z.string().max(80).optional() }),
  tunnel: z.strictObject({
    network,
    peer,
    purpose: z.string().max(MAX_PURPOSE).default(""),
    device: z.strictObject({
      netns: z
        .string()
        .regex(/^[A-Za-z0-9._-]{1,64}$/, "the name of a network namespace (ip-netns(8))")
        .optional(),
      addresses: z.array(ipNetwork).min(1).max(8),
      allowedIps: z.array(ipNetwork).min(1).max(64),
      mtu: z.int().min(576).max(9_000).optional(),
    }),
    lifetimeS: z.int().min(1).max(31_536_000).optional(),
  }),
  keys: z.strictObject({ passphrase: z.string().max(1_000) }),
  importKeys: z.strictObject({ passphrase: z.string().max(1_000), file: base64(MAX_BODY_BYTES / 2) }),
};

/** What a tunnel's request asks for, without the fields that were left out. */
function tunnelRequest({ lifetimeS, device, ...rest }: z.output<typeof requests.tunnel>) {
  const { netns, mtu, ...wish } = device;
  return {
    ...rest,
    device: { ...wish, ...(netns === undefined ? {} : { netns }), ...(mtu === undefined ? {} : { mtu }) },
    ...(lifetimeS === undefined ? {} : { lifetimeMs: lifetimeS * 1_000 }),
  };
}

const prefixed = (name: string): string => `x-${name}`;

/**
 * The requests of the mesh's Unix socket: HTTP/1.1 with JSON, bodies in base64. Errors are `{error}` with status 400
 * (the request), 404 (no such network or peer) or 502 (the mesh could not).
 */
export function meshApi(mesh: MeshControl, timers: Timers = systemTimers) {
  return new Hono()
    .use(bodyLimit({ maxSize: MAX_BODY_BYTES }))
    .onError((error, c) => {
      if (error instanceof HTTPException)
        return c.json({ error: error.message || "the request is too long" }, error.status);
      const status =
        error instanceof MeshError ? ({ wrong: 400, unknown: 404, failed: 502 } as const)[error.kind] : 502;
      return c.json({ error: error.message }, status);
    })
    .notFound((c) => c.json({ error: `${c.req.method} ${c.req.path}: there is no such request` }, 404))
    .get("/v1/networks", (c) => c.json(mesh.networks()))
    .post("/v1/networks", checked("json", requests.found), async (c) =>
      c.json(await mesh.found(c.req.valid("json").name)),
    )
    .post("/v1/join", checked("json", requests.join), async (c) =>
      c.json(await mesh.join(c.req.valid("json").link)),
    )
    .delete("/v1/networks/:id", async (c) => {
      await mesh.leave(c.req.param("id"));
      return c.json({});
    })
    .get("/v1/networks/:id/invites", (c) => c.json(mesh.invites(c.req.param("id"))))
    .post("/v1/networks/:id/invites", checked("json", requests.invite), (c) =>
      c.json(mesh.invite(c.req.param("id"), c.req.valid("json"))),
    )
    .post("/v1/networks/:id/revocations", checked("json", requests.revoke), async (c) => {
      const { peer: who = "", invite, keep, why } = c.req.valid("json");
      const id = c.req.param("id");
      if (invite !== undefined) return c.json(await mesh.revokeInvite(id, invite, { keep, why }));
      return c.json(await mesh.revoke(id, who, why));
    })
    .post("/v1/networks/:id/shared-key", async (c) => {
      await mesh.rotate(c.req.param("id"));
      return c.json({});
    })
    .post("/v1/keys/export", checked("json", requests.keys), async (c) => {
      const file = await mesh.exportKeys(c.req.valid("json").passphrase);
      return c.json({ file: Buffer.from(file).toString("base64") });
    })
    .post("/v1/keys/import", checked("json", requests.importKeys), async (c) => {
      const { file, passphrase } = c.req.valid("json");
      return c.json({ networks: await mesh.importKeys(file, passphrase) });
    })
    .get("/v1/peers", checked("query", requests.peers), (c) =>
      c.json(mesh.peers(c.req.valid("query").network)),
    )
    .get("/v1/trace", checked("query", requests.trace), async (c) => {
      const { network: id, peer: who } = c.req.valid("query");
      return c.json(await mesh.trace(id, who));
    })
    .get("/v1/tunnels", (c) => c.json(mesh.tunnels()))
    .post("/v1/tunnels", checked("json", requests.tunnel), async (c) =>
      c.json(await mesh.openTunnel(tunnelRequest(c.req.valid("json")))),
    )
    .post("/v1/tunnels/welcome", checked("json", requests.tunnel.partial({ peer: true })), (c) => {
      const { peer: who, ...rest } = c.req.valid("json");
      const request = tunnelRequest({ ...rest, peer: who ?? "" });
      const { peer: _any, ...anybody } = request;
      return c.json({ id: mesh.welcomeTunnel(who === undefined ? anybody : request) });
    })
    .route("/v1/tunnels/led", ledApi(mesh, timers))
    .delete("/v1/tunnels/:id", checked("query", z.strictObject({ network })), async (c) => {
      await mesh.closeTunnel(c.req.valid("query").network, c.req.param("id"));
      return c.json({});
    })
    .post("/v1/send", checked("json", requests.send), async (c) => {
      const { urgency, timeoutMs, channel: name, ...rest } = c.req.valid("json");
      return c.json(await mesh.send({ ...rest, channel: prefixed(name), options: { urgency, timeoutMs } }));
    })
    .post("/v1/publish", checked("json", requests.publish), async (c) => {
      const { network: id, topic, body } = c.req.valid("json");
      await mesh.publish(id, prefixed(topic), body);
      return c.json({});
    })
    .post("/v1/streams", checked("json", requests.stream), async (c) => {
      const over = new AbortController();
      const frames = await mesh.exchange(c.req.valid("json"), over.signal);
      c.header("content-type", "application/x-ndjson");
      return stream(c, async (out) => {
        out.onAbort(() => over.abort());
        try {
          for await (const frame of frames)
            await out.writeln(JSON.stringify({ frame: Buffer.from(frame).toString("base64") }));
        } catch (error) {
          await out.writeln(
            JSON.stringify({ error: error instanceof Error ? error.message : String(error) }),
          );
        } finally {
          over.abort();
        }
      });
    })
    .get("/v1/listen", checked("query", requests.listen), (c) => {
      const { network: id, channel: name, topic } = c.req.valid("query");
      const waiting: string[] = [];
      let wake: () => void = () => {};
      const what = {
        network: id,
        ...(name === undefined ? {} : { channel: prefixed(name) }),
        ...(topic === undefined ? {} : { topic: prefixed(topic) }),
      };
      const end = mesh.listen(what, ({ from, body }) => {
        waiting.push(JSON.stringify({ from, body: Buffer.from(body).toString("base64") }));
        if (waiting.length > MAX_WAITING) waiting.shift();
        wake();
      });
      c.header("content-type", "application/x-ndjson");
      return stream(c, async (out) => {
        out.onAbort(() => wake());
        try {
          // Whoever listens knows by the first line that nothing is missed from here on.
          await out.writeln(JSON.stringify({ listening: true }));
          while (!out.aborted) {
            const line = waiting.shift();
            if (line !== undefined) await out.writeln(line);
            else
              await new Promise<void>((resolve) => {
                wake = resolve;
              });
          }
        } finally {
          end();
        }
      });
    });
}
