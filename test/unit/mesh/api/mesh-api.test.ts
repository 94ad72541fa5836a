import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { meshApi } from "../../../../src/mesh/api/mesh-api.ts";
import { MeshError } from "../../../../src/mesh/api/mesh-control.ts";
import { FakeControl, NETWORK } from "./fake-control.ts";

function api() {
  const mesh = new FakeControl();
  const app = meshApi(mesh);
  const ask = async (method: string, path: string, body?: unknown) => {
    const response = await app.request(path, {
      method,
      ...(body === undefined
        ? {}
        : {
            headers: { "content-type": "application/json" },
            body: typeof body === "string" ? body : JSON.stringify(body),
          }),
    });
    return { status: response.status, answer: (await response.json()) as { error?: string } };
  };
  return { mesh, ask };
}

const device = { addresses: ["10.66.0.1/24"], allowedIps: ["10.66.0.0/24", "fd00::/64"] };
const hello = Buffer.from("hello").toString("base64");

describe("a request to the mesh", () => {
  test.each([
    ["GET", "/v1/networks", undefined, ["networks"], [NETWORK]],
    ["POST", "/v1/networks", { name: " Harbour " }, ["found", "Harbour"], NETWORK],
    ["POST", "/v1/join", { link: "omerta://x" }, ["join", "omerta://x"], NETWORK],
    ["DELETE", "/v1/networks/Harbour%20West", undefined, ["leave", "Harbour West"], {}],
    [
      "POST",
      "/v1/networks/-/invites",
      {},
      ["invite", "-", { role: "box", once: false, hours: 168 }],
      { link: "omerta://invite/link", bootstrap: 2, id: "0a1b2c3d4e5f" },
    ],
    ["GET", "/v1/networks/-/invites", undefined, ["invites", "-"], []],
    [
      "POST",
      "/v1/networks/x/revocations",
      { invite: "0a1b", why: "leaked" },
      ["revokeInvite", "x", "0a1b", { keep: false, why: "leaked" }],
      { id: "0a1b2c3d4e5f", putOut: 2 },
    ],
    [
      "POST",
      "/v1/networks/-/revocations",
      { invite: `omerta://invite/${"x".repeat(4_900)}`, keep: true },
      ["revokeInvite", "-", `omerta://invite/${"x".repeat(4_900)}`, { keep: true, why: "" }],
      { id: "0a1b2c3d4e5f", putOut: 0 },
    ],
    [
      "POST",
      "/v1/networks/x/revocations",
      { peer: "mill" },
      ["revoke", "x", "mill", ""],
      { inviteClosed: true },
    ],
    ["POST", "/v1/networks/x/shared-key", undefined, ["rotate", "x"], {}],
    [
      "POST",
      "/v1/keys/export",
      { passphrase: "long enough" },
      ["exportKeys", "long enough"],
      { file: Buffer.from("an age file").toString("base64") },
    ],
    [
      "POST",
      "/v1/keys/import",
      { passphrase: "long enough", file: hello },
      ["importKeys", "hello", "long enough"],
      { networks: ["Harbour"] },
    ],
    ["GET", "/v1/peers", undefined, ["peers", undefined], []],
    ["GET", "/v1/peers?network=x", undefined, ["peers", "x"], []],
    ["GET", "/v1/trace?peer=mill", undefined, ["trace", "", "mill"], []],
    ["GET", "/v1/tunnels", undefined, ["tunnels"], []],
    [
      "POST",
      "/v1/tunnels/welcome",
      { purpose: "lease", device, lifetimeS: 60 },
      ["welcomeTunnel", { network: "", purpose: "lease", device, lifetimeMs: 60_000 }],
      { id: "welcome" },
    ],
    [
      "POST",
      "/v1/tunnels/welcome",
      { purpose: "lease", device: { ...device, netns: "vm", mtu: 1_400 }, peer: "mill" },
      [
        "welcomeTunnel",
        { network: "", peer: "mill", purpose: "lease", device: { ...device, netns: "vm", mtu: 1_400 } },
      ],
      { id: "welcome" },
    ],
    ["DELETE", "/v1/tunnels/t1?network=x", undefined, ["closeTunnel", "x", "t1"], {}],
    [
      "POST",
      "/v1/send",
      { peer: "mill", channel: "weather", body: hello },
      [
        "send",
        {
          network: "",
          peer: "mill",
          channel: "x-weather",
          body: Buffer.from("hello"),
          options: { urgency: "message", timeoutMs: 15_000 },
        },
      ],
      { peer: "12D3KooWfar", tookMs: 12.5 },
    ],
    ["POST", "/v1/publish", { topic: "news", body: hello }, ["publish", "", "x-news", "hello"], {}],
  ])("is handed on with what was left out filled in: %s %s", async (method, path, body, asked, answer) => {
    const { mesh, ask } = api();
    expect(await ask(method, path, body)).toEqual({ status: 200, answer: answer as never });
    expect(mesh.asked).toEqual([asked]);
  });

  test.each([
    ["POST", "/v1/networks", "name", { name: "" }],
    ["POST", "/v1/networks", "name", { name: "x".repeat(61) }],
    ["POST", "/v1/networks", "name", {}],
    ["POST", "/v1/networks", "nmae", { name: "a", nmae: "b" }],
    ["POST", "/v1/networks", "request", "[]"],
    ["POST", "/v1/networks", "request", "null"],
    ["POST", "/v1/join", "link", { link: "x".repeat(5_001) }],
    ["POST", "/v1/networks/x/invites", "role", { role: "king" }],
    ["POST", "/v1/networks/x/invites", "hours", { hours: -1 }],
    ["POST", "/v1/networks/x/invites", "hours", { hours: 87_601 }],
    ["POST", "/v1/networks/x/invites", "once", { once: "yes" }],
    ["POST", "/v1/networks/x/revocations", "either peer or invite", { why: "lost" }],
    ["POST", "/v1/networks/x/revocations", "either peer or invite", { peer: "mill", invite: "0a1b" }],
    ["POST", "/v1/networks/x/revocations", "peer", { peer: "" }],
    ["POST", "/v1/networks/x/revocations", "invite", { invite: "x".repeat(5_001) }],
    ["POST", "/v1/networks/x/revocations", "keep", { invite: "0a1b", keep: 1 }],
    ["POST", "/v1/networks/x/revocations", "why", { peer: "mill", why: "x".repeat(201) }],
    ["POST", "/v1/keys/export", "passphrase", {}],
    ["POST", "/v1/keys/import", "file", { passphrase: "p", file: "no base64!" }],
    ["POST", "/v1/send", "channel", { peer: "mill", channel: "Weather", body: "" }],
    ["POST", "/v1/send", "channel", { peer: "mill", channel: "x".repeat(15), body: "" }],
    ["POST", "/v1/send", "peer", { peer: "", channel: "w", body: "" }],
    ["POST", "/v1/send", "peer", { peer: "x".repeat(81), channel: "w", body: "" }],
    ["POST", "/v1/send", "body", { peer: "mill", channel: "w", body: "%" }],
    [
      "POST",
      "/v1/send",
      "body",
      { peer: "mill", channel: "w", body: Buffer.alloc(1_001).toString("base64") },
    ],
    ["POST", "/v1/send", "urgency", { peer: "mill", channel: "w", body: "", urgency: "now" }],
    ["POST", "/v1/send", "timeoutMs", { peer: "mill", channel: "w", body: "", timeoutMs: 99 }],
    ["POST", "/v1/send", "timeoutMs", { peer: "mill", channel: "w", body: "", timeoutMs: 1e9 }],
    ["POST", "/v1/publish", "topic", { topic: "", body: "" }],
    ["POST", "/v1/publish", "body", { topic: "n", body: Buffer.alloc(32_769).toString("base64") }],
    ["GET", "/v1/peers?nework=x", "nework", undefined],
    ["GET", "/v1/trace", "peer", undefined],
    ["GET", "/v1/listen", "either channel or topic", undefined],
    ["GET", "/v1/listen?channel=a&topic=b", "either channel or topic", undefined],
    ["GET", "/v1/listen?topic=A", "topic", undefined],
    ["POST", "/v1/tunnels", "peer", { device }],
    ["POST", "/v1/tunnels", "device", { peer: "mill" }],
    ["POST", "/v1/tunnels", "device.netns", { peer: "mill", device: { ...device, netns: "../etc" } }],
    ["POST", "/v1/tunnels", "device.mtu", { peer: "mill", device: { ...device, mtu: 100 } }],
    ["POST", "/v1/tunnels", "device.addresses", { peer: "mill", device: { ...device, addresses: [] } }],
    [
      "POST",
      "/v1/tunnels",
      "device.addresses.0",
      { peer: "mill", device: { ...device, addresses: ["10.66.0.1"] } },
    ],
    [
      "POST",
      "/v1/tunnels",
      "device.allowedIps.0",
      { peer: "mill", device: { ...device, allowedIps: ["0.0.0.0/33"] } },
    ],
    ["POST", "/v1/tunnels", "lifetimeS", { peer: "mill", device, lifetimeS: 0 }],
    ["POST", "/v1/tunnels/welcome", "device.allowedIps", { device: { addresses: ["10.66.0.1/24"] } }],
    ["DELETE", "/v1/tunnels/t1?other=x", "other", undefined],
  ])("is refused by the name of what is wrong: %s %s: %s", async (method, path, field, body) => {
    const { mesh, ask } = api();
    const { status, answer } = await ask(method, path, body);
    expect(status).toBe(400);
    expect(answer.error).toContain(field);
    expect(mesh.asked).toEqual([]);
  });

  test("names all that is wrong with it", async () => {
    const { answer } = await api().ask("POST", "/v1/send", {
      peer: "",
      channel: "W",
      body: "%",
      urgency: "now",
    });
    for (const field of ["peer: ", "channel: ", "body: ", "urgency: "]) expect(answer.error).toContain(field);
  });

  test("that is no JSON, too long, or none that there is, is told so in JSON", async () => {
    const { ask } = api();
    expect(await ask("POST", "/v1/join", "{")).toMatchObject({
      status: 400,
      answer: { error: "Malformed JSON in request body" },
    });
    expect(await ask("POST", "/v1/join", " ".repeat(1_048_577))).toMatchObject({
      status: 413,
      answer: { error: "the request is too long" },
    });
    expect(await ask("GET", "/v1/nothing")).toEqual({
      status: 404,
      answer: { error: "GET /v1/nothing: there is no such request" },
    });
    expect((await ask("PUT", "/v1/join", {})).status).toBe(404);
  });

  test.each([
    [404, new MeshError("peer: nobody", "unknown")],
    [400, new MeshError("role: not yours")],
    [502, new MeshError("no answer", "failed")],
    [502, new Error("what nobody foresaw")],
  ])("that the mesh cannot meet has a status for what it is: %d", async (status, failure) => {
    const { mesh, ask } = api();
    mesh.failure = failure;
    for (const [method, path, body] of [
      ["GET", "/v1/networks", undefined],
      ["POST", "/v1/networks/x/shared-key", undefined],
      ["POST", "/v1/send", { peer: "mill", channel: "w", body: "" }],
      ["GET", "/v1/listen?topic=a", undefined],
    ] as const)
      expect(await ask(method, path, body)).toEqual({ status, answer: { error: failure.message } });
  });

  test("of whatever kind is answered in JSON with a status, never by a crash", async () => {
    const { ask } = api();
    const paths = fc.constantFrom(
      ...["networks", "join", "networks/a/invites", "networks/a/revocations", "keys/export", "keys/import"],
      ...["send", "publish", "tunnels", "tunnels/welcome"],
    );
    const fields = fc.dictionary(
      fc.constantFrom(
        "name",
        "link",
        "peer",
        "channel",
        "topic",
        "body",
        "device",
        "hours",
        "role",
        "file",
        "passphrase",
        "__proto__",
      ),
      fc.oneof(
        fc.jsonValue(),
        fc.base64String(),
        fc.string(),
        fc.constant({ addresses: ["::1/128"], allowedIps: ["::/0"] }),
      ),
    );
    await fc.assert(
      fc.asyncProperty(
        paths,
        fc.oneof(
          fields.map((all) => JSON.stringify(all)),
          fc.json(),
          fc.string(),
        ),
        async (path, body) => {
          const { status, answer } = await ask("POST", `/v1/${path}`, body);
          expect([200, 400, 502]).toContain(status);
          if (status !== 200) expect(typeof answer.error).toBe("string");
        },
      ),
      { numRuns: 300 },
    );
  });
});
