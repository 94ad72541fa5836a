import { dlopen } from "bun:ffi";
import { Database } from "bun:sqlite";

// What a box asks of Bun, so that it meets every instruction that a Cortex-A53 may not have: the compiler's atomics, SQLite,
// calls into C, cryptography, WebAssembly, threads, HTTP. Prints one line at its end.

const shared = new Int32Array(new SharedArrayBuffer(64));
const wide = new BigInt64Array(shared.buffer);
/** Often enough that all of Bun's compilers have had it. */
const ROUNDS = 300_000;
let sum = 0;
for (let n = 0; n < ROUNDS; n++) {
  Atomics.add(shared, 0, 1);
  Atomics.sub(wide, 4, 1n);
  Atomics.or(shared, 2, n);
  Atomics.xor(shared, 3, n);
  Atomics.exchange(shared, 4, n);
  sum += Atomics.compareExchange(shared, 5, n, n + 1) & 1;
}

const worker = new Worker(
  URL.createObjectURL(
    new Blob([
      "self.onmessage = ({ data }) => { for (let n = 0; n < 50000; n++) Atomics.add(data, 6, 1); postMessage('done'); }",
    ]),
  ),
);
await new Promise<void>((resolve) => {
  worker.onmessage = () => resolve();
  worker.postMessage(shared);
});
worker.terminate();

const database = new Database(":memory:");
database.run("create table t (n integer, text text)");
const insert = database.prepare("insert into t values (?, ?)");
database.transaction(() => {
  for (let n = 0; n < 1_000; n++) insert.run(n, `row ${n}`);
})();
const rows = database.query<{ total: number }, []>("select sum(n) as total from t").get()?.total;

const libc = dlopen("libc.so.6", { getpid: { args: [], returns: "int" } });
const isSameProcess = libc.symbols.getpid() === process.pid;

// The types do not tell that this algorithm makes two keys (Web Cryptography, 33.3.3).
const pair = (await crypto.subtle.generateKey({ name: "Ed25519" }, true, [
  "sign",
  "verify",
])) as unknown as Record<"privateKey" | "publicKey", CryptoKey>;
const message = new TextEncoder().encode("from one box to another");
const signature = await crypto.subtle.sign("Ed25519", pair.privateKey, message);
const isSigned = await crypto.subtle.verify("Ed25519", pair.publicKey, signature, message);
const hash = new Bun.CryptoHasher("sha256").update(message).digest("hex").slice(0, 8);

// (module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))
const code = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 97, 100, 100, 0, 0,
  10, 9, 1, 7, 0, 32, 0, 32, 1, 106, 11,
];
const { add } = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(code))).exports;
let added = 0;
if (typeof add === "function") for (let n = 0; n < 100_000; n++) added = add(added, 1);

const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("answered") });
const answer = await (await fetch(server.url)).text();
await server.stop(true);

const facts = {
  architecture: process.arch,
  atomics: [shared[0], shared[6]],
  sum,
  rows,
  isSameProcess,
  isSigned,
  hash,
  added,
  answer,
};
console.log(JSON.stringify(facts));
