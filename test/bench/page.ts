import type { CDPSession, Page } from "playwright-core";
import { renderValidateHtml } from "../../runbooks/report-html.ts";
import { seenNetwork } from "../runbooks/seen-network.ts";
import { openBrowser } from "../support/browser.ts";

// The page of a hundred parties in headless Chromium: how long it and the slowest filter keep the page's main thread busy until they are painted, in
// the thread's own time, which a busy machine leaves as it is; and how long that is by the clock.
const report = seenNetwork(100, [
  { kind: "cut", from: 62, to: 17 },
  { kind: "unauthorized", party: 77 },
]);
const page100 = renderValidateHtml(report);
const filters = ["not", "down", "oneway", "unknown", "all"];
const runs = 5;

interface Took {
  thread: number;
  wall: number;
}

/** Seconds from what a reader does until the frame after it is painted. */
async function painted(page: Page, session: CDPSession, does: () => Promise<unknown>): Promise<Took> {
  const busy = async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "TaskDuration")?.value ?? Number.NaN;
  };
  const [before, started] = [await busy(), performance.now()];
  await does();
  await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
  return { wall: (performance.now() - started) / 1000, thread: (await busy()) - before };
}

const browser = await openBrowser();
try {
  const [opened, filtered]: [Took[], Took[]] = [[], []];
  for (let run = 0; run <= runs; run++) {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    const session = await page.context().newCDPSession(page);
    await session.send("Performance.enable", { timeDomain: "threadTicks" });
    const open = await painted(page, session, () => page.setContent(page100));
    const frames: Took[] = [];
    for (const state of filters) frames.push(await painted(page, session, () => page.selectOption("#state", state)));
    const said = await page.locator("#said").innerText();
    if (said !== "9900 of 9900 links shown") throw new Error(`all links should be shown again, found "${said}"`);
    // The first run warms the browser up.
    if (run > 0) {
      opened.push(open);
      filtered.push(frames.reduce((most, one) => (one.thread > most.thread ? one : most)));
    }
    await page.close();
  }
  process.stdout.write(JSON.stringify({ opened, filtered }));
} finally {
  await browser.close();
}
