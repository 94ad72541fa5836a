import { beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkCertificate } from "../../../src/gateway/index.ts";
import { run } from "../../../src/host/run.ts";
import { describeNeeding } from "../../needs.ts";
import { scratchFolders } from "../scratch.ts";

const scratch = scratchFolders();

const HOST = "box.example";
const NOW = Date.UTC(2026, 6, 1);
const DAY = 86_400_000;

describeNeeding(["program:openssl"], "the check of the operator's certificate", () => {
  let folder = "";
  const files = (name: string) => ({
    certificate: join(folder, `${name}.pem`),
    key: join(folder, `${name}.key`),
  });

  const make = async (name: string, names: string, days: number) => {
    const { certificate, key } = files(name);
    await run([
      "openssl",
      "req",
      "-x509",
      ...["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
      ...["-subj", "/CN=test", "-addext", `subjectAltName=${names}`, "-days", String(days)],
      ...["-keyout", key, "-out", certificate],
    ]);
  };

  beforeAll(async () => {
    folder = scratch();
    await make("good", `DNS:${HOST}`, 3_650);
    await make("wildcard", "DNS:*.box.example", 3_650);
    await make("other", "DNS:other.example", 3_650);
  });

  test("finds nothing to check where nothing is configured", () => {
    expect(checkCertificate({ host: "", certificate: "", key: "" }, NOW)).toBeUndefined();
  });

  test("accepts one that is for the host and has its key", () => {
    const { certificate, key } = files("good");
    expect(checkCertificate({ host: HOST, ...files("good") }, Date.now())).toEqual({
      host: HOST,
      certificateFile: certificate,
      keyFile: key,
    });
  });

  test("accepts a wildcard for a name below it, and not for its own", () => {
    expect(checkCertificate({ host: "portal.box.example", ...files("wildcard") }, Date.now())).toBeObject();
    expect(checkCertificate({ host: HOST, ...files("wildcard") }, Date.now())).toBeString();
  });

  test.each(["host", "certificate", "key"] as const)("names %s where it alone is missing", (missing) => {
    const answer = checkCertificate({ host: HOST, ...files("good"), [missing]: "" }, NOW);
    expect(answer).toBe(`gateway.tls.${missing} is needed beside the others`);
  });

  test("refuses one for another host, and says so", () => {
    expect(checkCertificate({ host: HOST, ...files("other") }, NOW)).toBe(
      "gateway.tls.host: the certificate is not for box.example",
    );
  });

  test("refuses a key that belongs to another certificate", () => {
    const answer = checkCertificate(
      { host: HOST, certificate: files("good").certificate, key: files("other").key },
      NOW,
    );
    expect(answer).toEndWith("does not belong to the certificate");
  });

  test("says which file cannot be read", () => {
    const { certificate, key } = files("good");
    expect(checkCertificate({ host: HOST, certificate: "/no/such.pem", key }, NOW)).toStartWith(
      "gateway.tls.certificate: /no/such.pem: ENOENT",
    );
    expect(checkCertificate({ host: HOST, certificate, key: "/no/such.key" }, NOW)).toStartWith(
      "gateway.tls.key: /no/such.key: ENOENT",
    );
  });

  test("refuses files that hold something else", () => {
    const nonsense = join(folder, "nonsense.pem");
    writeFileSync(nonsense, "this is no certificate");
    const { certificate, key } = files("good");
    expect(checkCertificate({ host: HOST, certificate: nonsense, key }, NOW)).toStartWith(
      "gateway.tls.certificate: ",
    );
    expect(checkCertificate({ host: HOST, certificate, key: nonsense }, NOW)).toStartWith(
      "gateway.tls.key: ",
    );
    expect(checkCertificate({ host: HOST, certificate: key, key: certificate }, NOW)).toBeString();
  });

  test("refuses one that is over, but only when the clock can be believed", async () => {
    await make("short", `DNS:${HOST}`, 1);
    const tls = { host: HOST, ...files("short") };
    expect(checkCertificate(tls, Date.now())).toBeObject();
    expect(checkCertificate(tls, Date.now() + 3 * DAY)).toContain("valid until");
    // A board without a battery clock begins in 1970, or at the date of its image.
    expect(checkCertificate(tls, 0)).toBeObject();
  });

  test("accepts one that the box takes for not yet valid: its clock lags more often than a certificate is early", () => {
    expect(checkCertificate({ host: HOST, ...files("good") }, Date.now() - 30 * DAY)).toBeObject();
  });
});
