import { mkdirSync, writeFileSync } from "node:fs";
import { run } from "../../src/host/run.ts";
import { type Lab, type LabHost, until } from "../lab/lab.ts";
import { Swarm } from "../lab/swarm.ts";

const BRIDGE = "br-lan";
const ADDRESS = "10.92.0.1";
const PHONE_ADDRESS = "10.92.0.2";

/** An nginx that serves one file. */
export interface StaticServer {
  /** The phone in its bridge. */
  phone: LabHost;
  /** The file's address by number of worker processes. */
  url(workers: number): string;
}

/**
 * Debian's nginx in a gateway namespace with a bridge and one phone, as the subjects have them, serving `page` as a
 * static file: one instance for each number of worker processes.
 * @throws when what it serves is not `page`.
 */
export async function startStaticServer(
  lab: Lab,
  page: string,
  workerCounts: readonly number[],
): Promise<StaticServer> {
  const gateway = await lab.host("ngx");
  await run(["ip", "-n", gateway.name, "-batch", "-"], {
    input: `link add ${BRIDGE} type bridge\naddress add ${ADDRESS}/24 dev ${BRIDGE}\nlink set ${BRIDGE} up\n`,
  });
  const swarm = new Swarm(lab, gateway, BRIDGE);
  const [phone] = await swarm.addPhones(1);
  if (phone === undefined) throw new Error("no phone");
  await phone.configure(PHONE_ADDRESS, 24, ADDRESS);
  for (const workers of workerCounts) {
    const folder = `${lab.folder}/nginx-${workers}`;
    mkdirSync(`${folder}/www`, { recursive: true });
    writeFileSync(`${folder}/www/index.html`, page);
    writeFileSync(`${folder}/nginx.conf`, nginxConf(folder, workers));
    const nginx = gateway.spawn(["nginx", "-e", `${folder}/error.log`, "-c", `${folder}/nginx.conf`]);
    const served = () => phone.request({ address: ADDRESS, port: port(workers) }).catch(() => undefined);
    const response = await until(`nginx: ${nginx.output()}`, served);
    if (response.body !== page)
      throw new Error(`nginx serves ${response.status}: ${response.body.slice(0, 200)}`);
  }
  swarm.close();
  return { phone, url: (workers) => `http://${ADDRESS}:${port(workers)}/` };
}

function port(workers: number): number {
  return 8_000 + workers;
}

function nginxConf(folder: string, workers: number): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  return `
daemon off;
user nobody nogroup;
worker_processes ${workers};
pid ${folder}/nginx.pid;
events { worker_connections 1024; }
http {
  access_log off;
  # Twice as fast here for a page of a few KB as Debian's sendfile with tcp_nopush.
  sendfile off;
  keepalive_timeout 65;
  keepalive_requests 1000000000;
  open_file_cache max=16;
  default_type "text/html; charset=utf-8";
  ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join("\n  ")}
  server {
    listen ${ADDRESS}:${port(workers)} reuseport;
    root ${folder}/www;
  }
}
`;
}
