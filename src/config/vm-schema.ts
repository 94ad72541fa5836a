import { isIP } from "node:net";
import { z } from "zod";
import { text } from "./fields.ts";

const publicKey = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .meta({ format: "a public key of 64 hexadecimal digits in lower case" });

const refusedWord = text(60).regex(/\S/).meta({ format: "a word, or part of one, of at most 60 characters" });

const kbit = (what: string) =>
  z.int().min(0).max(100_000_000).default(10_000).describe(`${what}, in kbit/s; 0: as much as there is`);

/** Minutes since midnight of `HH:MM-HH:MM`; undefined for what is no span, or has no length. */
export function quietSpan(value: string): { from: number; to: number } | undefined {
  const [, h = "", m = "", untilH = "", untilM = ""] =
    /^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$/.exec(value) ?? [];
  const [from, to] = [Number(h) * 60 + Number(m), Number(untilH) * 60 + Number(untilM)];
  return h === "" || from === to ? undefined : { from, to };
}

const SPAN = 'a span such as "22:00-06:30", or ""';

const limits = z
  .strictObject({
    cpus: z.int().min(1).max(256).default(1).describe("processors"),
    memory_mib: z.int().min(1).max(1_048_576).default(512).describe("memory, in MiB"),
    disk_mib: z.int().min(0).max(16_777_216).default(2_048).describe("disk, in MiB"),
    minutes: z.int().min(1).max(43_200).default(60).describe("time, in minutes"),
    up_kbit: kbit("what it may send"),
    down_kbit: kbit("what it may receive"),
    connections_per_second: z.int().min(1).max(100_000).default(50).describe("new connections in a second"),
  })
  .prefault({})
  .describe("The most that one virtual machine gets. Who asks for more is refused.");

const demo = z
  .strictObject({
    enabled: z
      .boolean()
      .default(false)
      .describe(
        "only one small lease for each requester and each address, for a short time, so that there is one for the next visitor; vm.accept still says for whom. Where vm.limits are less they hold",
      ),
    cpus: z.int().min(1).max(256).default(1).describe("processors"),
    memory_mib: z.int().min(1).max(1_048_576).default(256).describe("memory, in MiB"),
    disk_mib: z.int().min(0).max(16_777_216).default(512).describe("disk, in MiB"),
    minutes: z.int().min(1).max(43_200).default(10).describe("time, in minutes"),
    visitors: z
      .int()
      .min(0)
      .max(100)
      .default(2)
      .describe(
        "how many guests of the portal may try a machine in their browser at a time: with no network and no disk, gone when its page is closed; 0: none",
      ),
  })
  .prefault({})
  .describe("For fairs and classrooms.");

const rank = (usual: number, whom: string) => z.int().min(1).max(99).default(usual).describe(whom);

const priorities = z
  .strictObject({
    members: rank(50, "members of this box's networks"),
    strangers: rank(10, "everybody else"),
  })
  .prefault({})
  .describe(
    "Who goes first: where there is no room, a lease of a higher number ends those of lower ones. The box's own operator has 100.",
  );

const PREFIX = 'an IP network such as "192.0.2.0/24" or "2001:db8::/32", or ""';
const prefix = z
  .string()
  .refine((value) => value === "" || isPrefix(value), { error: PREFIX })
  .meta({ format: PREFIX });

function isPrefix(value: string): boolean {
  const [address = "", length = "", ...rest] = value.split("/");
  const most = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  return (
    rest.length === 0 && !address.includes("%") && /^(0|[1-9]\d{0,2})$/.test(length) && Number(length) <= most
  );
}

const rule = z.strictObject({
  requester: publicKey
    .or(z.literal(""))
    .default("")
    .describe('whose requests, by public key; "": everybody\'s'),
  network: z
    .string()
    .regex(/^([0-9a-f]{16})?$/)
    .default("")
    .meta({ format: 'a network\'s id of 16 hexadecimal digits, or ""' })
    .describe('of members of which network of this box; "": whether members or not'),
  source: prefix.default("").describe('from which addresses; "": from any'),
  reputation_from: z
    .int()
    .min(0)
    .max(100)
    .default(0)
    .describe("of at least this reputation; the unknown have 50"),
  reputation_to: z.int().min(0).max(100).default(100).describe("of at most this reputation"),
  verdict: z.enum(["allow", "ask", "deny"]).default("deny").describe("what becomes of them"),
  priority: z
    .int()
    .min(0)
    .max(99)
    .default(0)
    .describe("who goes first, as in vm.priorities; 0: as it says there"),
});

const punishments = ["log", "cut", "suspend", "destroy"] as const;

const punishment = z
  .strictObject({
    usually: z
      .enum(punishments)
      .default("log")
      .describe(
        "for a packet that tries to pass by the tunnel: it is dropped and written down in any case, and the machine is cut off from everything, suspended, or destroyed",
      ),
    spoofing: z
      .enum(punishments)
      .default("cut")
      .describe("for a packet under another machine's address, of Ethernet or IP"),
    cut_from: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(20)
      .describe("how many such packets within a minute have the machine cut off, whatever stands above"),
    destroy_from: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(200)
      .describe("how many within ten minutes have it destroyed"),
  })
  .prefault({})
  .describe(
    "What a machine brings upon itself that tries another way than its tunnel. Its requester is told.",
  );

const reserve = z
  .strictObject({
    cpus: z.int().min(0).max(256).default(0).describe("processors"),
    memory_mib: z.int().min(64).max(1_048_576).default(256).describe("memory, in MiB"),
    disk_mib: z.int().min(0).max(16_777_216).default(1_024).describe("room on the medium, in MiB"),
  })
  .prefault({})
  .describe(
    "What the box keeps for itself. Its own work goes first in any case: virtual machines get only the time that is left.",
  );

const pool = z
  .strictObject({
    machines: z
      .int()
      .min(0)
      .max(64)
      .default(1)
      .describe(
        "how many wait of each size that is asked for often; 0: every lease waits for its machine to start",
      ),
    memory_mib: z
      .int()
      .min(0)
      .max(1_048_576)
      .default(512)
      .describe("the most memory that they take, in MiB, with what they are made of"),
  })
  .prefault({})
  .describe(
    "Machines that wait, started and never used, so that a lease begins at once. They give way when the box needs its memory.",
  );

const saved = z
  .strictObject({
    hours: z.int().min(0).max(8_760).default(24).describe("how long they are kept, in hours; 0: none is"),
    medium_mib: z
      .int()
      .min(0)
      .max(16_777_216)
      .default(4_096)
      .describe("the most room that they take on the medium, in MiB"),
    trusted_boxes: z
      .array(publicKey)
      .max(1_000)
      .default([])
      .describe(
        "boxes that are in none of this box's networks and whose saved machines may go on here all the same, by public key",
      ),
  })
  .prefault({})
  .describe(
    "Machines that their requesters have had saved, or that had to make room; sealed for their requester.",
  );

/** Table `[vm]`. */
export const vm = z
  .strictObject({
    enabled: z
      .boolean()
      .default(true)
      .describe("lend what this box does not need itself, as virtual machines, where it can run any"),
    accept: z
      .enum(["members", "all", "ask", "nobody"])
      .default("members")
      .describe(
        "to whom, where no rule says otherwise: members of this box's networks, everybody, whom the operator lets in one by one, or nobody. The operator may always",
      ),
    blocked: z.array(publicKey).max(1_000).default([]).describe("who gets nothing, by public key"),
    leases: z.int().min(0).max(1_000).default(4).describe("virtual machines at a time"),
    leases_per_requester: z
      .int()
      .min(1)
      .max(1_000)
      .default(2)
      .describe("how many of them one requester may have, waiting requests among them"),
    leases_per_source: z
      .int()
      .min(1)
      .max(1_000)
      .default(4)
      .describe("how many may be asked for from one address, whoever asks, waiting requests among them"),
    waiting: z
      .int()
      .min(0)
      .max(1_000)
      .default(8)
      .describe("how many requests may wait for room, or for the operator's word"),
    quiet_hours: z
      .string()
      .refine((value) => value === "" || quietSpan(value) !== undefined, { error: SPAN })
      .default("")
      .meta({ format: SPAN })
      .describe(
        'when nothing is lent, by the box\'s local time, nor anything beforehand that would last into it; "": never',
      ),
    description_chars: z
      .int()
      .min(0)
      .max(500)
      .default(10)
      .describe("how many characters a request must say at least of what it is for"),
    refuse_words: z
      .array(refusedWord)
      .max(200)
      .default([])
      .describe("what a request's description must not have, in capital letters or small"),
    operators_inspect: z
      .boolean()
      .default(false)
      .describe(
        "the operators of this box may look inside: requesters are told, and who does not agree is refused. Whatever stands here, nothing keeps who owns a machine from looking into it",
      ),
    port: z
      .int()
      .min(1_024)
      .max(65_000)
      .default(24_700)
      .describe("where requests are taken, TCP; the tunnels have the hundred UDP ports from it"),
    start_minutes: z
      .int()
      .min(1)
      .max(60)
      .default(6)
      .describe(
        "how long a machine may take until it can be used, in minutes; where the processor cannot run machines itself, and is slow, they need some",
      ),
    libvirt: z
      .string()
      .max(300)
      .regex(/^[a-z+]+:\/\//)
      .default("qemu:///system")
      .meta({ format: 'a connection as libvirt names it, such as "qemu:///system"' })
      .describe("the libvirt that runs the virtual machines, on this machine"),
    images: z
      .string()
      .max(4_096)
      .regex(/^\//)
      .default("/usr/share/omerta-box/images")
      .meta({ format: "an absolute path" })
      .describe("the folder with images for virtual machines, a folder each"),
    processors: z
      .int()
      .min(0)
      .max(1_024)
      .default(0)
      .describe(
        "how many are lent in all; 0: as many as the box has. With more than it has they are shared, which does for what mostly waits",
      ),
    reserve,
    limits,
    priorities,
    punishment,
    pool,
    saved,
    demo,
    rules: z
      .array(rule)
      .max(200)
      .default([])
      .describe(
        "Who is treated otherwise. The first rule counts that fits in everything that it names; the box's own operator needs none.",
      ),
  })
  .prefault({})
  .describe(
    "Virtual machines that this box lends, all their traffic by a tunnel to who asks for them, deleted when they end. A box without libvirt, QEMU or an image lends nothing, and says what it lacks.",
  );

export type VmConfig = z.output<typeof vm>;
