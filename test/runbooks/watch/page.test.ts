import axe from "axe-core";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { serveWatch } from "../../../runbooks/watch/server.ts";
import { openBrowser } from "../../support/browser.ts";
import type { Fault } from "../network/network-model.ts";
import { seenNetwork } from "../seen-network.ts";
import { type Watched, watched } from "./watched.ts";

// A watch as its reader has it before them, while things happen.
let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(async () => {
  await browser?.close();
});

const cut: Fault[] = [{ kind: "cut", from: 2, to: 3 }];
const killed: Fault[] = [{ kind: "kill", party: 4 }];
const lost = { reason: "OUTPUTS_MISSING  party 1 has no outputs", evidence: null };
const soon = { timeout: 20_000, interval: 100 };

/** A watch of short intervals and a page that is open on it, with all that it should not have complained of. */
async function opened(
  options: BrowserContextOptions & { before?: (run: Watched) => Promise<void> } = {},
): Promise<
  AsyncDisposable & { run: Watched; page: Page; wrongs: string[]; end(): Promise<void>; again(): Promise<void> }
> {
  const { before, ...browsing } = options;
  const run = await watched({ intervalMs: 4_000 });
  await before?.(run);
  let server = await serveWatch(run.watch, 0);
  const { address } = server;
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...browsing });
  const page = await context.newPage();
  const wrongs: string[] = [];
  page.on("console", (message) => wrongs.push(message.text()));
  page.on("pageerror", (error) => wrongs.push(error.message));
  page.on("request", (asked) => {
    if (!asked.url().startsWith(address) && !asked.url().startsWith("data:")) wrongs.push(`asked for ${asked.url()}`);
  });
  await page.goto(address);
  return {
    ...{ run, page, wrongs },
    end: async () => await server[Symbol.asyncDispose](),
    async again() {
      server = await serveWatch(run.watch, Number(new URL(address).port));
    },
    async [Symbol.asyncDispose]() {
      await context.close();
      await server[Symbol.asyncDispose]();
      await run[Symbol.asyncDispose]();
    },
  };
}

const clean = async (run: Watched) => await run.round(seenNetwork(4));
const cell = (page: Page, from: number, to: number, matrix = "#links") =>
  page.locator(`${matrix} tbody tr:nth-child(${from}) td:nth-child(${to + 1})`);
const headline = async (page: Page) => (await page.locator("h1").innerText()).replace(/^(OK|FAIL|UNKNOWN)\s*/, "$1 ");
const shows = async (page: Page, words: RegExp) =>
  await expect.poll(async () => await headline(page), soon).toMatch(words);

test("a link goes down and comes back while the page is open: matrix, verdict, title and history follow, what was chosen stays", async () => {
  await using all = await opened({ before: clean });
  const { run, page, wrongs } = all;
  await shows(page, /^OK All 12 links are up/);
  await page.selectOption("#party", { label: "2 party-2" });
  await cell(page, 2, 3, "#narrowed").click();
  await cell(page, 2, 3, "#narrowed").focus();
  await page.evaluate("scrollTo(0, 300)");
  const top = await page.evaluate("scrollY");
  await page.evaluate("document.getElementById('links').dataset.mine = 'kept'");

  await run.round(seenNetwork(4, cut));
  await shows(page, /^FAIL 1 of 12 links is down/);
  expect(await cell(page, 2, 3, "#narrowed").innerText()).toMatch(/^DOWN\s+one way$/);
  expect(await page.locator("#detail").innerText()).toContain("TIMED_OUT");
  expect(await page.title()).toMatch(/^FAIL: network DEVNET/);
  expect(await page.locator("#findings").innerText()).toContain("LINK_DOWN");
  const row = page.locator("#history table", { hasText: "Links that were not up" }).locator("tbody tr");
  expect((await row.innerText()).replaceAll(/\s+/g, " ")).toMatch(
    /^DOWN 2→3 2026-11-20 19:00:04Z still \d+ s TIMED_OUT$/,
  );
  expect(await page.locator("#watch-news").textContent()).toMatch(/^FAIL: 1 of 12 links is down/);
  // The button of a finding that came later works as well.
  expect(await page.getByRole("button", { name: "links of party 2" }).isVisible()).toBe(true);

  await run.round(seenNetwork(4));
  await shows(page, /^OK All 12 links are up/);
  expect(await cell(page, 2, 3, "#narrowed").innerText()).toBe("ok");
  expect((await row.innerText()).replaceAll(/\s+/g, " ")).toBe(
    "DOWN 2→3 2026-11-20 19:00:04Z 2026-11-20 19:00:08Z 4 s TIMED_OUT",
  );
  // Nothing was loaded anew: the table is the same one, chosen, focused and scrolled as it was.
  expect(await page.evaluate("document.getElementById('links').dataset.mine")).toBe("kept");
  expect(await page.locator("#party").inputValue()).toBe("1");
  expect(await page.evaluate("document.activeElement.getAttribute('aria-label')")).toBe(
    "from party 2 to party 3: ok; back: ok",
  );
  expect(Math.abs(Number(await page.evaluate("scrollY")) - Number(top))).toBeLessThan(250);
  expect(wrongs).toEqual([]);
});

test("a filter of what is not up fills and empties by itself", async () => {
  await using all = await opened({ before: clean });
  const { run, page } = all;
  await page.selectOption("#state", "not");
  expect(await page.locator("#said").innerText()).toContain("none fits");
  await run.round(seenNetwork(4, cut));
  await expect.poll(async () => await page.locator("#said").innerText(), soon).toBe("1 of 12 links shown");
  await run.round(seenNetwork(4, killed));
  await expect.poll(async () => await page.locator("#said").innerText(), soon).toBe("6 of 12 links shown");
  await run.round(seenNetwork(4));
  await expect.poll(async () => await page.locator("#said").innerText(), soon).toContain("none fits");
});

test("a round that could not be run: UNKNOWN in words, what is below loses its colours, and gets them back", async () => {
  await using all = await opened({ before: clean });
  const { run, page, wrongs } = all;
  await run.round(lost);
  await shows(page, /^UNKNOWN The last round could not be run/);
  expect(await page.locator(".verdict").innerText()).toContain("OUTPUTS_MISSING");
  expect(await page.locator("#watch-state").innerText()).toBe("Could not look.");
  expect(await page.evaluate("getComputedStyle(document.querySelector('main')).filter")).toBe("grayscale(1)");
  await clean(run);
  await shows(page, /^OK /);
  expect(await page.evaluate("getComputedStyle(document.querySelector('main')).filter")).toBe("none");
  expect(wrongs).toEqual([]);
});

test("when rounds stop, or the watch is gone, the page says how old it is and looks it, until it is told better", async () => {
  await using all = await opened({ before: clean });
  const { run, page } = all;
  expect(await page.locator("#watch-age").innerText()).toMatch(
    /^What is shown was looked at \d+ s ago; it looks every 4 s\.$/,
  );
  // The watch answers, and has nothing new: its own clock went on.
  await expect.poll(async () => await page.locator("#watch-state").innerText(), soon).toBe("OLD: rounds have stopped.");
  expect(await page.title()).toMatch(/^OLD: /);
  expect(await page.evaluate("getComputedStyle(document.querySelector('.word')).textDecorationLine")).toBe(
    "line-through",
  );
  await clean(run);
  await expect.poll(async () => await page.locator("#watch-state").innerText(), soon).toBe("Watched.");
  await all.end();
  await expect
    .poll(async () => await page.locator("#watch-state").innerText(), soon)
    .toBe("OLD: the watch does not answer.");
  expect(await page.locator("#watch-age").innerText()).toMatch(/\d+ s ago, and may be otherwise by now\.$/);
  expect(await page.locator("#watch-news").textContent()).toContain("does not answer");
  expect(await page.evaluate("getComputedStyle(document.querySelector('main')).filter")).toBe("grayscale(1)");
  await all.again();
  await run.round(seenNetwork(4, cut));
  await shows(page, /^FAIL /);
  await expect.poll(async () => await page.locator("#watch-state").innerText(), soon).toBe("Watched.");
}, 120_000);

test("opened before the first round, it becomes the report by itself", async () => {
  await using all = await opened();
  const { run, page, wrongs } = all;
  expect(await headline(page)).toBe("UNKNOWN No round yet");
  await clean(run);
  await shows(page, /^OK All 12 links are up/);
  expect(await cell(page, 1, 2).innerText()).toBe("ok");
  expect(wrongs).toEqual([]);
});

test("without scripts it can be read, says how old it is, and is read anew by itself", async () => {
  await using all = await opened({ before: clean, javaScriptEnabled: false });
  const { run, page } = all;
  expect(await page.locator("#watch").innerText()).toMatch(
    /Looked at 2026-11-20 19:00:00Z, 0 s before this page was made; it looks every 4 s\.\s+It is read anew every 5 s\./,
  );
  await run.round(seenNetwork(4, cut));
  await shows(page, /^FAIL /);
  expect(await page.locator("#history").innerText()).toContain("2→3");
});

test.each(["light", "dark"] as const)(
  "a reader who needs assistance meets nothing serious (%s)",
  async (colorScheme) => {
    await using all = await opened({
      colorScheme,
      async before(run) {
        await run.round(seenNetwork(7));
        await run.round(seenNetwork(7, cut));
        await run.round(seenNetwork(7, [...cut, { kind: "unauthorized", party: 1 }]));
      },
    });
    const { run, page } = all;
    const serious = async () => {
      const found = (await page.evaluate(`${axe.source}; axe.run(document, { resultTypes: ["violations"] })`)) as {
        violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[];
      };
      return found.violations
        .filter(({ impact }) => impact === "serious" || impact === "critical")
        .flatMap(({ id, nodes }) =>
          nodes.slice(0, 3).map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`),
        );
    };
    expect(await serious()).toEqual([]);
    await run.round(lost);
    await shows(page, /^UNKNOWN /);
    expect(await serious()).toEqual([]);
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")).toBe(0);
  },
);

test("of a hundred parties a round is taken in without holding up who scrolls", async () => {
  await using all = await opened({ before: async (run) => await run.round(seenNetwork(100)) });
  const { run, page, wrongs } = all;
  await page.locator("#said").waitFor();
  // How long the page was busy at a time.
  await page.evaluate(`globalThis.longest = 0;
    new PerformanceObserver((list) => { for (const { duration } of list.getEntries()) longest = Math.max(longest, duration); })
      .observe({ type: "longtask" });`);
  await page.evaluate("longest = 0");
  await run.round(
    seenNetwork(100, [
      { kind: "kill", party: 40 },
      { kind: "cut", from: 62, to: 17 },
    ]),
  );
  await shows(page, /^FAIL 100 of 9900 links are down/);
  expect(await cell(page, 62, 17).innerText()).toBe("X");
  const longest = Number(await page.evaluate("longest"));
  // Only to be no freeze, on machines that do other things too.
  expect(longest).toBeLessThan(1_500);
  expect(wrongs).toEqual([]);
}, 120_000);
