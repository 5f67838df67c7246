import axe from "axe-core";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ValidateReport } from "../../contract/validate-report.ts";
import { renderValidateHtml } from "../../runbooks/report-html.ts";
import { openBrowser } from "../support/browser.ts";
import type { Fault } from "./network/network-model.ts";
import { poisoned, seenNetwork } from "./seen-network.ts";

// The page as a reader has it before them, in a browser. One browser for all of it.
let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(async () => {
  await browser?.close();
});

const phone = { width: 390, height: 844 };
const desk = { width: 1280, height: 900 };
const oneWay: Fault[] = [{ kind: "cut", from: 2, to: 3 }];
const mixed: Fault[] = [...oneWay, { kind: "kill", party: 4 }, { kind: "unauthorized", party: 1 }];

/** A page with the report open, and whatever it should not have done: asked for something, complained, overstepped its policy. */
async function read(report: ValidateReport, options: BrowserContextOptions = {}) {
  const context = await browser.newContext({ viewport: desk, ...options });
  const page = await context.newPage();
  const wrongs: string[] = [];
  page.on("request", (request) => wrongs.push(`asked for ${request.url()}`));
  page.on("console", (message) => wrongs.push(message.text()));
  page.on("pageerror", (error) => wrongs.push(error.message));
  page.on("dialog", (dialog) => {
    wrongs.push(`said ${dialog.message()}`);
    void dialog.dismiss();
  });
  await page.setContent(renderValidateHtml(report));
  return { page, wrongs, [Symbol.asyncDispose]: async () => await context.close() };
}

const cell = (page: Page, from: number, to: number) =>
  page.locator(`#links tbody tr:nth-child(${from}) td:nth-child(${to + 1})`);
/** A cell of the matrix that a filter made, by its place in there. */
const fitting = (page: Page, row: number, column: number) =>
  page.locator(`#narrowed tbody tr:nth-child(${row}) td:nth-child(${column + 1})`);
const shownRows = async (page: Page) => await page.locator(".matrix tbody tr:visible th").allInnerTexts();
/** What the browser makes of an element: an expression over `it`. */
const look = async (page: Page, selector: string, expression: string): Promise<unknown> =>
  await page.evaluate(
    `(() => { const it = document.querySelector(${JSON.stringify(selector)}); return ${expression}; })()`,
  );
const sideways = "document.documentElement.scrollWidth - document.documentElement.clientWidth";

interface Violation {
  id: string;
  impact: string;
  nodes: { html: string; failureSummary: string }[];
}
async function violations(page: Page, within = "document"): Promise<string[]> {
  await page.evaluate(axe.source);
  const found = (await page.evaluate(`axe.run(${within}, { resultTypes: ["violations"] })`)) as {
    violations: Violation[];
  };
  return found.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) =>
      nodes.slice(0, 3).map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`),
    );
}

const looks = [
  ["light", desk],
  ["dark", desk],
  ["light", phone],
  ["dark", phone],
] as const;

test.each([4, 13, 100])(
  "of %d parties, by day, by night, on a desk and on a phone: nothing is cut off, fetched or complained of, and what is down stands out",
  async (n) => {
    await using opened = await read(seenNetwork(n, n === 4 ? oneWay : mixed));
    const { page, wrongs } = opened;
    const paint = async (from: number, to: number) =>
      await look(
        page,
        `#links tbody tr:nth-child(${from}) td:nth-child(${to + 1})`,
        "getComputedStyle(it).backgroundColor",
      );
    expect(await page.locator("h1").innerText()).toMatch(/^FAIL\s*\d+ of \d+ links (is|are) down$/);
    expect(await page.locator("header").innerText()).toContain("DEVNET");
    expect(await cell(page, 2, 3).innerText()).toMatch(/^(DOWN\s+one way|X)$/);
    expect(await cell(page, 3, 2).innerText()).toBe("ok");
    const papers = new Set<unknown>();
    for (const [colorScheme, viewport] of looks) {
      const where = `${colorScheme}, ${viewport.width}`;
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize(viewport);
      expect(await page.getByText("while the way back works: 2→3.").isVisible(), where).toBe(true);
      expect(await page.evaluate(sideways), where).toBe(0);
      expect(await paint(2, 3), where).not.toBe(await paint(3, 2));
      const { width = 0, height = 0 } = (await cell(page, 2, 3).boundingBox()) ?? {};
      expect(Math.min(width, height), where).toBeGreaterThan(8);
      papers.add(await look(page, "body", "getComputedStyle(it).backgroundColor"));
    }
    expect(papers.size).toBe(2);
    expect(wrongs).toEqual([]);
  },
);

test.each([
  ["light", 13],
  ["dark", 13],
] as const)("a reader who needs assistance meets nothing serious (%s)", async (colorScheme, n) => {
  await using opened = await read(seenNetwork(n, mixed), { colorScheme });
  const { page } = opened;
  await page.selectOption("#party", { index: 3 });
  await fitting(page, 2, 3).click();
  expect(await violations(page)).toEqual([]);
  // As it is opened, on a phone.
  await using plain = await read(seenNetwork(4, oneWay), { colorScheme, viewport: phone });
  expect(await violations(plain.page)).toEqual([]);
});

test("without scripts all of it can be read, and nothing is offered that would not work", async () => {
  await using opened = await read(seenNetwork(13, mixed), { javaScriptEnabled: false });
  const { page } = opened;
  expect(await page.locator("h1").innerText()).toContain("links are down");
  for (const id of ["findings", "matrix", "notup", "parties", "latency", "evidence"])
    expect(await page.locator(`#${id}`).isVisible(), id).toBe(true);
  expect(await cell(page, 2, 3).innerText()).toContain("DOWN");
  expect(await cell(page, 1, 2).innerText()).toBe("?");
  expect(await page.locator("#notup tr", { hasText: "one way" }).innerText()).toMatch(
    /2→3\s+TIMED_OUT +no TCP connection/,
  );
  expect(await page.locator("form, #detail, button").filter({ visible: true }).count()).toBe(0);
});

test("by keyboard alone: to the matrix, along it, to a link that is down, and what is known of both its directions", async () => {
  await using opened = await read(seenNetwork(4, oneWay));
  const { page } = opened;
  const focused = async () =>
    await page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText");
  const stops: unknown[] = [];
  for (let i = 0; i < 30; i++) {
    await page.keyboard.press("Tab");
    stops.push(await focused());
    if (String(stops.at(-1)).startsWith("from party")) break;
  }
  expect(stops[0]).toBe("to the matrix");
  expect(stops.slice(-3)).toEqual(["show all", "Matrix of links", "from party 1 to party 2: ok; back: ok"]);
  for (const key of ["ArrowDown", "ArrowRight"]) await page.keyboard.press(key);
  expect(await focused()).toBe("from party 2 to party 3: DOWN one way; back: ok");
  await page.keyboard.press("Enter");
  const panel = page.getByRole("region", { name: "The chosen link" });
  expect(await panel.innerText()).toMatch(
    /2 → 3\s+DOWN, one way[\s\S]*TIMED_OUT {2}no TCP connection to 127\.1\.2\.3[\s\S]*3 → 2\s+up[\s\S]*TLS 2\.3/,
  );
  // Where one was, one still is.
  expect(await focused()).toContain("from party 2 to party 3");
  await page.keyboard.press("Escape");
  expect(await panel.innerText()).toContain("Choose a cell");
  for (const key of ["End", "PageDown", "ArrowDown", "ArrowRight"]) await page.keyboard.press(key);
  expect(await focused()).toBe("· party 4 itself");
  await page.keyboard.press("Tab");
  expect(await focused()).not.toContain("party 4 itself");
});

test("a table says which row and column a cell belongs to", async () => {
  await using opened = await read(seenNetwork(4, oneWay));
  const { page } = opened;
  const matrix = page.getByRole("grid", { name: "Links between the parties: rows from, columns to" });
  expect(await matrix.getByRole("columnheader").count()).toBe(5);
  expect(await matrix.getByRole("rowheader").allInnerTexts()).toEqual(["1party-1", "2party-2", "3party-3", "4party-4"]);
});

describe("among a hundred parties", () => {
  const report = seenNetwork(100, [
    { kind: "cut", from: 62, to: 17 },
    { kind: "unauthorized", party: 77 },
  ]);

  test("what is not up, of one party, or down one way is left alone in its matrix", async () => {
    await using opened = await read(report);
    const { page, wrongs } = opened;
    const said = page.locator("#said");
    expect(await said.innerText()).toBe("9900 of 9900 links shown");
    await page.selectOption("#state", "not");
    expect(await shownRows(page)).toEqual(["62party-62", "77party-77"]);
    expect(await said.innerText()).toBe("100 of 9900 links shown");
    await page.selectOption("#state", "oneway");
    expect(await shownRows(page)).toEqual(["62party-62"]);
    expect(await page.locator(".matrix thead th:visible").allInnerTexts()).toEqual(["from ↓ to →", "17"]);
    await fitting(page, 1, 1).click();
    expect(await page.locator("#detail").innerText()).toContain("TIMED_OUT");
    // What was chosen stays chosen where it is shown again, and the keyboard goes on from there.
    await page.selectOption("#party", { label: "62 party-62" });
    await page.selectOption("#state", "all");
    expect(await page.locator("#narrowed td.back").getAttribute("class")).toBe("o back");
    await page.locator("#narrowed td.here").focus();
    for (const key of ["ArrowLeft", "ArrowLeft", "End"]) await page.keyboard.press(key);
    expect(await page.evaluate("document.activeElement.getAttribute('aria-label')")).toBe(
      "from party 62 to party 100: ok; back: ok",
    );
    await page.locator("#narrowed tbody tr:nth-child(5) th").click();
    expect(await page.locator("#party").inputValue()).toBe("4");
    await page.getByRole("button", { name: "show all" }).click();
    await expect.poll(async () => await said.innerText(), { timeout: 30_000 }).toBe("9900 of 9900 links shown");
    expect(await page.locator("#links .here, #links .back, #links .lit").count()).toBe(0);
    await page.selectOption("#state", "all");
    await page.selectOption("#party", { label: "62 party-62" });
    expect(await said.innerText()).toBe("198 of 9900 links shown");
    const pair = page.locator("#pairs tr", { hasText: "17 party-17" });
    expect(await pair.innerText()).toMatch(/62 → 17\s+DOWN, one way\s+17 → 62\s+up/);
    await pair.getByRole("button").click();
    expect(await page.locator("#detail").innerText()).toContain("TIMED_OUT");
    await page.selectOption("#state", "unknown");
    await page.selectOption("#party", { label: "17 party-17" });
    expect(await said.innerText()).toBe("1 of 9900 links shown");
    await page.selectOption("#party", { label: "62 party-62" });
    await page.selectOption("#state", "down");
    expect(await said.innerText()).toBe("1 of 9900 links shown");
    await page.getByRole("button", { name: "show all" }).click();
    await expect.poll(async () => await said.innerText(), { timeout: 30_000 }).toBe("9900 of 9900 links shown");
    expect(await shownRows(page)).toHaveLength(100);
    expect(wrongs).toEqual([]);
  });

  test("the headers stay where the matrix is scrolled, and a finding leads to its party's links", async () => {
    await using opened = await read(report, { viewport: phone });
    const { page } = opened;
    await cell(page, 90, 95).scrollIntoViewIfNeeded();
    const inBox = async (part: string) =>
      await look(
        page,
        part,
        "[it, it.closest('.box')].map((one) => one.getBoundingClientRect()).reduce((a, b) => a.top >= b.top - 1 && a.left >= b.left - 1 && a.bottom <= b.bottom + 1 && a.right <= b.right + 1)",
      );
    expect(await inBox("#links tbody tr:nth-child(90) th")).toBe(true);
    expect(await inBox("#links thead th:nth-child(96)")).toBe(true);
    await page.getByRole("button", { name: "links of party 62" }).click();
    expect(await page.locator("#said").innerText()).toBe("2 of 9900 links shown");
    expect(await page.locator("#party").inputValue()).toBe("61");
  });

  test.each(["light", "dark"] as const)(
    "a reader who needs assistance meets nothing serious (%s)",
    async (colorScheme) => {
      await using opened = await read(report, { colorScheme });
      const { page } = opened;
      // Rows that are all alike are left out: of ten thousand cells a check of each takes minutes.
      await page.selectOption("#state", "not");
      await fitting(page, 1, 2).click();
      expect(await violations(page)).toEqual([]);
    },
  );

  test("on paper the matrix is whole, and what needs a hand is gone", async () => {
    await using opened = await read(report);
    const { page } = opened;
    await page.selectOption("#state", "not");
    expect(await cell(page, 1, 2).isVisible()).toBe(false);
    await page.emulateMedia({ media: "print" });
    expect(await cell(page, 1, 2).isVisible()).toBe(true);
    expect(await page.locator("#narrowed").isVisible()).toBe(false);
    expect(await page.locator("form, #detail, nav, button").filter({ visible: true }).count()).toBe(0);
    const cutOff =
      "[...document.querySelectorAll('.box')].filter((box) => getComputedStyle(box).overflow !== 'visible').length";
    expect(await page.evaluate(cutOff)).toBe(0);
    expect((await page.pdf({ preferCSSPageSize: true })).subarray(0, 5).toString()).toBe("%PDF-");
  });
});

test("what peers say of themselves is shown as text, and nothing of it runs", async () => {
  for (const text of ["</script><script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "x".repeat(10_000)]) {
    await using opened = await read(poisoned(seenNetwork(4, mixed), text), { viewport: phone });
    const { page, wrongs } = opened;
    await cell(page, 2, 3).click();
    await page.selectOption("#party", { index: 2 });
    expect(await page.locator("#detail").innerText()).toContain(text.slice(0, 30));
    expect(await page.locator("#findings dd").first().innerText()).toContain(text.slice(0, 30));
    expect(await page.evaluate(sideways)).toBe(0);
    expect(await page.locator("img, script:not(#data):not(:last-of-type)").count()).toBe(0);
    expect(wrongs).toEqual([]);
  }
});
