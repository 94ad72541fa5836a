import { chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../src/host/run.ts";
import { type Lab, type LabHost, type LabProcess, until } from "./lab.ts";

/** Each by its own rules: unencrypted; STARTTLS and a password; TLS from the first byte and a password. */
export const MAIL_PORTS = { none: 2525, starttls: 2587, tls: 2465 } as const;
export const MAIL_USER = "box";
export const MAIL_PASSWORD = "a secret";

/**
 * Exim (https://www.exim.org), a real mail server, on a namespace's loopback. It takes mail for example.org and puts it all into
 * one mailbox; `busy.example.org` is told to come later, `closed.example.org` is refused by a rule, others are unknown.
 */
export class MailServer {
  private process: LabProcess | undefined;

  private constructor(
    private readonly host: LabHost,
    private readonly folder: string,
  ) {}

  static async make(lab: Lab, host: LabHost): Promise<MailServer> {
    const folder = join(lab.folder, "mail-server");
    for (const each of ["", "spool", "log", "mail"])
      mkdirSync(join(folder, each), { recursive: true, mode: 0o755 });
    await makeCertificate(join(folder, "key.pem"), join(folder, "cert.pem"));
    const [uid, gid] = await Promise.all(
      ["-u", "-g"].map(async (flag) => Number(await run(["id", flag, "Debian-exim"]))),
    );
    for (const each of ["spool", "log", "mail", "key.pem"]) chownSync(join(folder, each), uid ?? 0, gid ?? 0);
    writeFileSync(join(folder, "exim.conf"), eximConf(folder));
    return new MailServer(host, folder);
  }

  /** PEM: it certifies itself. */
  get certificate(): string {
    return join(this.folder, "cert.pem");
  }

  async start(): Promise<void> {
    const server = this.host.spawn(["exim4", "-bdf", "-C", join(this.folder, "exim.conf")]);
    this.process = server;
    await until("the mail server", async () => (await this.listening()).includes(`:${MAIL_PORTS.tls}`));
  }

  async stop(): Promise<void> {
    await this.process?.stop();
    this.process = undefined;
  }

  /** The mails in the mailbox as they were delivered, the oldest first, each with its headers unfolded. */
  mails(): { headers: Map<string, string>; body: string }[] {
    return readIfThere(join(this.folder, "mail/mailbox"))
      .split(/^From .*\n/m)
      .slice(1)
      .map((mail) => {
        const end = mail.indexOf("\n\n");
        const lines = mail
          .slice(0, end)
          .replace(/\n[ \t]+/g, " ")
          .split("\n");
        const headers = lines.map((line): [string, string] => {
          const colon = line.indexOf(":");
          return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
        });
        return { headers: new Map(headers), body: mail.slice(end + 2) };
      });
  }

  log(): string {
    return readIfThere(join(this.folder, "log/mainlog"));
  }

  private listening(): Promise<string> {
    return this.host.run(["ss", "-tlnH"]);
  }
}

/** A certificate of 127.0.0.1 that certifies itself. */
export async function makeCertificate(key: string, certificate: string): Promise<void> {
  await run([
    ...["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
    ...["-days", "2", "-subj", "/CN=mail.test", "-addext", "subjectAltName=IP:127.0.0.1"],
    ...["-keyout", key, "-out", certificate],
  ]);
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

const eximConf = (folder: string): string => `
primary_hostname = mail.test
local_interfaces = 127.0.0.1
daemon_smtp_ports = ${Object.values(MAIL_PORTS).join(" : ")}
tls_on_connect_ports = ${MAIL_PORTS.tls}
tls_advertise_hosts = \${if eq{$received_port}{${MAIL_PORTS.none}}{}{*}}
tls_certificate = ${folder}/cert.pem
tls_privatekey = ${folder}/key.pem
spool_directory = ${folder}/spool
log_file_path = ${folder}/log/%slog
pid_file_path = ${folder}/spool/exim.pid
# All mail is delivered by Exim's own user: this configuration is none that it would keep root for.
deliver_drop_privilege
keep_environment =
host_lookup =
rfc1413_hosts =
smtp_accept_queue_per_connection = 0
acl_smtp_mail = mail
acl_smtp_rcpt = recipient
acl_smtp_data = accept_all

begin acl
accept_all:
  accept
mail:
  deny condition = \${if eq{$received_port}{${MAIL_PORTS.none}}{no}{yes}}
       ! authenticated = *
       message = 5.7.0 Who are you?
  accept
recipient:
  defer domains = busy.example.org
        message = 4.2.1 Come back later
  deny domains = closed.example.org
       message = 5.7.1 Not from you
  accept domains = example.org
  deny message = 5.1.1 Nobody of that name

begin routers
keep:
  driver = accept
  transport = mailbox

begin transports
mailbox:
  driver = appendfile
  file = ${folder}/mail/mailbox

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = \${if and{{eq{$auth2}{${MAIL_USER}}}{eq{$auth3}{${MAIL_PASSWORD}}}}}
  server_set_id = $auth2
  server_advertise_condition = \${if def:tls_in_cipher}
`;
