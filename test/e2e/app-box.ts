import type { Bundle } from "../../src/messages/bundle/bundle.ts";
import { decodeBundle } from "../../src/messages/bundle/bundle-codec.ts";
import { appRoutes } from "../../src/portal/app-routes.ts";
import { buildAppScript } from "../../src/portal/app-script.ts";
import { deskAppApi } from "../../src/portal/desk-app-api.ts";
import { capturedLog } from "../unit/captured-log.ts";
import { messagesBox } from "../unit/messages/messages-box.ts";
import { FACTS } from "../unit/portal/facts.ts";

const script = buildAppScript();

/** Who of several on one machine asks, as a number: each has a device of their own. */
export const PERSON_HEADER = "x-person";

/** A box's messages and the page for them, over plain HTTP on this machine, with no gateway before it. */
export async function startAppBox(folder: string) {
  const box = messagesBox(folder);
  box.memberships.found("Harbour");
  await box.part.start();
  /** What pages have handed over. */
  const submitted: Bundle[] = [];
  const submit = box.guests.submit.bind(box.guests);
  box.guests.submit = (writer, encoded) => {
    submitted.push(decodeBundle(encoded));
    return submit(writer, encoded);
  };
  const desk = deskAppApi(
    box.guests,
    async (address) => ({
      station: `02:00:00:00:00:${address.split(".")[3]?.padStart(2, "0")}`,
      agreed: true,
    }),
    capturedLog().log,
  );
  let isAway = false;
  const app = appRoutes(
    () => ({ ...FACTS, messages: true }),
    () => script,
    async (path, init) => {
      if (isAway) throw new Error("the daemon is away");
      return desk.fetch(new Request(`http://desk${path.replace(/^\/app/, "")}`, init));
    },
    () => performance.now(),
    async (address) => address,
  );
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 10,
    fetch: (request) => {
      const address = `127.0.0.${request.headers.get(PERSON_HEADER) ?? "1"}`;
      return app.fetch(request, { address, secure: false });
    },
  });
  return {
    ...box,
    submitted,
    url: `http://127.0.0.1:${server.port}/app`,
    /** The daemon does not answer. */
    away(next: boolean) {
      isAway = next;
    },
    async stop() {
      await server.stop(true);
      await box.part.stop();
    },
  };
}
