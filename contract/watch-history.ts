import { z } from "zod";

const Time = z.iso.datetime();
const VerdictWord = z.enum(["OK", "FAIL", "UNKNOWN"]);

/** What a link can be beside up. */
export const linkStates = ["down", "unknown"] as const;

/** What is followed of a party; null where it was never known. */
export const PartyFacts = z.strictObject({
  /** What its stack runs, with the beginning of its digest. */
  release: z.string().nullable(),
  /** Of the manifest that it was built from. */
  manifestDigest: z.string().nullable(),
  /** Since when its peers are shown the certificate that they are shown: a core makes a new one when it boots, and when the old one runs out. */
  certificateFrom: z.string().nullable(),
  /** The core's pod. */
  pod: z.string().nullable(),
});
export type PartyFacts = z.infer<typeof PartyFacts>;

const VerdictSpan = z.strictObject({
  since: Time,
  until: Time,
  verdict: VerdictWord,
  /** The round could not be run, so that nothing was looked at. */
  lost: z.boolean(),
  /** As it was said when it began. */
  words: z.string(),
});
const LinkSpan = z.strictObject({
  from: z.int(),
  to: z.int(),
  state: z.enum(linkStates),
  /** Code of the failure, or why it could not be told, when it began. */
  why: z.string(),
  since: Time,
  until: Time,
});
export const PartyChange = z.strictObject({
  at: Time,
  party: z.int(),
  what: z.enum(["release", "manifestDigest", "certificateFrom", "pod"]),
  before: z.string(),
  after: z.string(),
});
export type PartyChange = z.infer<typeof PartyChange>;
const Note = z.strictObject({ at: Time, text: z.string() });
const Watched = z.strictObject({ since: Time, until: Time });

/** `GET /history.json`: which link was down when, as far as it is kept. */
export const WatchHistory = z.strictObject({
  schema: z.literal("quorate/watch/v1"),
  network: z.string(),
  environment: z.string(),
  stage: z.enum(["link", "network"]),
  intervalSeconds: z.number(),
  /** When this watch began; what is from before was read from its file. */
  startedAt: Time,
  /** Rounds of this watch: by verdict, and those that could not be run. */
  rounds: z.strictObject({ ok: z.int(), fail: z.int(), unknown: z.int(), lost: z.int() }),
  lastRound: z
    .strictObject({ at: Time, durationMs: z.number(), verdict: VerdictWord, lost: z.boolean(), words: z.string() })
    .nullable(),
  /** What is known begins and ends here; null where nothing was looked at yet. */
  since: Time.nullable(),
  until: Time.nullable(),
  watchedSeconds: z.number(),
  /** Between two watches, or while this one could not look. */
  notWatched: z.array(Watched),
  verdicts: z.array(VerdictSpan.extend({ ongoing: z.boolean() })),
  /** Links that were not up. While a round could not be run, no link is told of here: see `verdicts`. */
  links: z.array(LinkSpan.extend({ ongoing: z.boolean() })),
  changes: z.array(PartyChange),
  notes: z.array(Note),
  /** Why the history is not on the disk; null where it is. */
  unwritten: z.string().nullable(),
});
export type WatchHistory = z.infer<typeof WatchHistory>;

/** A link's key in a line: `2>3`. */
const LinkKey = z.string().regex(/^\d+>\d+$/);
const LinkValue = z.tuple([z.enum(linkStates), z.string()]);

export const historySchema = "quorate/watch-history/v1";

/** One line of the file that a watch keeps. Only what changed is written, and now and then that it goes on. */
export const HistoryLine = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("history"), schema: z.literal(historySchema), network: z.string() }),
  /** All that was kept when the file was written anew. */
  z.strictObject({
    kind: z.literal("kept"),
    until: Time,
    watched: z.array(Watched),
    verdicts: z.array(VerdictSpan),
    links: z.array(LinkSpan),
    changes: z.array(PartyChange),
    notes: z.array(Note),
    now: z.strictObject({
      isWatching: z.boolean(),
      gapMs: z.number(),
      links: z.record(LinkKey, LinkValue),
      facts: z.record(z.string().regex(/^\d+$/), PartyFacts),
    }),
  }),
  /** A watch begins: from the last look of the one before to its first, nobody looked. */
  z.strictObject({ kind: z.literal("start"), at: Time, by: z.string(), gapMs: z.number() }),
  /** A round that found something else than the one before. Links that are not named are as they were; null: up. */
  z.strictObject({
    kind: z.literal("round"),
    at: Time,
    until: Time,
    verdict: VerdictWord,
    words: z.string(),
    links: z.record(LinkKey, LinkValue.nullable()),
    facts: z.record(z.string().regex(/^\d+$/), PartyFacts),
    /** Its evidence. */
    run: z.string().nullable(),
  }),
  /** A round that could not be run. */
  z.strictObject({ kind: z.literal("lost"), at: Time, until: Time, words: z.string() }),
  /** Rounds up to here found what the one before them had found. */
  z.strictObject({ kind: z.literal("alive"), until: Time }),
  /** The clock was set back: what was told of times that are still to come is left out. */
  z.strictObject({ kind: z.literal("clock"), at: Time, text: z.string() }),
]);
export type HistoryLine = z.infer<typeof HistoryLine>;
