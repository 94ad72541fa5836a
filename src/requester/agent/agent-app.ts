import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { atIntervals } from "../../host/intervals.ts";
import type { Timers } from "../../host/timers.ts";
import { LeaseRequestError } from "../../vm/request/index.ts";
import type { LeaseStep } from "../lease-client.ts";
import {
  type AgentLine,
  type AgentList,
  type AgentWish,
  agentSaving,
  agentWish,
  type LeaseView,
  MAX_ASKED_BYTES,
} from "./agent-wire.ts";
import type { SshAccess } from "./ssh-access.ts";

/** What those who ask an agent reach of it. All of it throws {@link AgentError}. */
export interface AgentDesk {
  list(): Promise<AgentList>;
  /** @throws {LeaseRequestError} @returns the lease's id */
  request(wish: AgentWish): Promise<string>;
  /** The one lease whose id begins so. */
  find(id: string): Promise<LeaseView>;
  /** Tells of the steps so far, and from now on, until the lease is over. @returns a function that ends it */
  follow(id: string, follower: Follower): () => void;
  release(id: string): void;
  /** Has a machine saved, and brought into a file where one is named. @throws {CheckpointWayError} */
  save(id: string, path: string | undefined): Promise<void>;
  access(id: string): SshAccess;
  proxy(id: string, port: number): { address: string; command: readonly string[] | undefined };
  /** Somebody asks for something: until that is called back the agent does not end by itself. */
  busy(): () => void;
}

export interface Follower {
  told(step: LeaseStep, lease: LeaseView): void;
  over(): void;
  /** The lease is to end when nobody holds it any more. */
  isHolder: boolean;
}

/** What an agent was asked for cannot be. */
export class AgentError extends Error {
  override readonly name = "AgentError";
  constructor(
    message: string,
    readonly kind: "wrong" | "unknown" | "failed" = "wrong",
  ) {
    super(message);
  }
}

const STATUS = { wrong: 400, unknown: 404, failed: 503 } as const;
/** So that who has gone without a word is noticed. */
const BEAT_MS = 5_000;

/**
 * What an agent answers on its socket, by HTTP: `GET /v1/leases`; `POST /v1/leases` with a wish and `GET /v1/leases/ID/steps`,
 * answered with a line of JSON for each step and an empty one now and then; `POST /v1/leases/ID/release`; `GET
 * /v1/leases/ID/access` and `…/proxy?port=`. An id may be shortened to the beginning of it.
 */
export function agentApp(desk: AgentDesk, timers: Timers) {
  return new Hono()
    .onError((error, context) => {
      if (error instanceof LeaseRequestError)
        return context.json({ error: error.why, field: error.field }, 400);
      if (error instanceof AgentError) return context.json({ error: error.message }, STATUS[error.kind]);
      return context.json({ error: error.message }, 500);
    })
    .use(
      bodyLimit({
        maxSize: MAX_ASKED_BYTES,
        onError: (context) => context.json({ error: "more than is taken" }, 413),
      }),
    )
    .use(async (_, next) => {
      const done = desk.busy();
      try {
        await next();
      } finally {
        done();
      }
    })
    .get("/v1/leases", async (context) => context.json(await desk.list()))
    .post("/v1/leases", async (context) => {
      const wish = readWish(await context.req.json().catch(() => undefined));
      return stepsOf(
        { desk, timers, isHolder: wish.isHeld },
        await desk.request(wish),
        context.req.raw.signal,
      );
    })
    .get("/v1/leases/:id{[0-9a-f]{1,32}}/steps", async (context) => {
      const { id } = await desk.find(context.req.param("id"));
      const isHolder = context.req.query("held") === "true";
      return stepsOf({ desk, timers, isHolder }, id, context.req.raw.signal);
    })
    .post("/v1/leases/:id{[0-9a-f]{1,32}}/release", async (context) => {
      const { id } = await desk.find(context.req.param("id"));
      desk.release(id);
      return context.json({});
    })
    .post("/v1/leases/:id{[0-9a-f]{1,32}}/checkpoint", async (context) => {
      const { id } = await desk.find(context.req.param("id"));
      const said = agentSaving.safeParse(await context.req.json().catch(() => undefined));
      if (!said.success) throw new AgentError("to: is no path");
      await desk.save(id, said.data.to);
      return context.json({});
    })
    .get("/v1/leases/:id{[0-9a-f]{1,32}}/access", async (context) =>
      context.json(desk.access((await desk.find(context.req.param("id"))).id)),
    )
    .get("/v1/leases/:id{[0-9a-f]{1,32}}/proxy", async (context) => {
      const port = Number(context.req.query("port") ?? 22);
      if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new AgentError("port: is no port");
      return context.json(desk.proxy((await desk.find(context.req.param("id"))).id, port));
    });
}

function readWish(value: unknown): AgentWish {
  const { data, error } = agentWish.safeParse(value);
  if (data !== undefined) return data;
  const [issue] = error.issues;
  throw new AgentError(`${issue?.path.join(".") || "the wish"}: ${issue?.message}`);
}

interface Following {
  desk: AgentDesk;
  timers: Timers;
  isHolder: boolean;
}

function stepsOf({ desk, timers, isHolder }: Following, id: string, gone: AbortSignal): Response {
  const encoder = new TextEncoder();
  let stop = () => {};
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      let isOver = false;
      const told = (step: LeaseStep, lease: LeaseView) => {
        const line: AgentLine = { step, lease };
        if (!isOver) controller.enqueue(encoder.encode(`${JSON.stringify(line)}\n`));
      };
      const stopFollowing = desk.follow(id, { told, over: () => stop(), isHolder });
      const done = desk.busy();
      const beat = () => controller.enqueue(encoder.encode("\n"));
      const stopBeat = atIntervals(BEAT_MS, beat, () => stop(), timers);
      stop = () => {
        if (isOver) return;
        isOver = true;
        void stopBeat();
        stopFollowing();
        done();
        // It is closed already where who reads it has gone.
        try {
          controller.close();
        } catch {}
      };
      gone.addEventListener("abort", () => stop(), { once: true });
    },
    cancel: () => stop(),
  });
  return new Response(body, { headers: { "content-type": "application/x-ndjson" } });
}
