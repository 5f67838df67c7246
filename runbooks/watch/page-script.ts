/**
 * What keeps a served page up to date: it asks for the next round, puts only what is new in its place, and says how old it is. It runs in the
 * reader's browser. What it is given was escaped by who made it.
 */
export const liveScript = `
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const watch = byId("watch"), state = byId("watch-state"), age = byId("watch-age"), news = byId("watch-news");
  const given = watch.dataset;
  let boot = given.boot, round = Number(given.round), interval = Number(given.interval);
  let isLost = watch.classList.contains("lost"), title = document.title, headline = null;
  // By both clocks: one can be set back, the other stands still while the machine sleeps.
  const now = () => ({ wall: Date.now(), run: performance.now() });
  const since = (then) => Math.max(0, Date.now() - then.wall, performance.now() - then.run) / 1000;
  let seen = given.age === "" ? null : { age: Number(given.age), at: now() };
  let answered = now();
  const last = {};

  const words = (seconds) => {
    const whole = Math.round(seconds);
    if (whole < 120) return whole + " s";
    const minutes = Math.round(whole / 60);
    if (minutes < 120) return minutes + " min";
    return Math.floor(minutes / 60) < 48 ? Math.floor(minutes / 60) + " h " + (minutes % 60) + " min" : Math.floor(minutes / 1440) + " days";
  };
  const put = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };
  const silentAfter = Math.max(8, Math.min(interval, 15));
  let wasStale = null;
  /** How old all of this is, in words, and for all to see where it is too old. */
  function tell() {
    const old = seen === null ? null : seen.age + since(seen.at);
    const silent = since(answered) > silentAfter;
    const isStale = silent || (old !== null && old > 3 * interval);
    const kind = isStale ? "stale" : isLost ? "lost" : "fresh";
    if (!watch.classList.contains(kind)) watch.className = "watch " + kind;
    put(state, silent ? "OLD: the watch does not answer." : isStale ? "OLD: rounds have stopped." : isLost ? "Could not look." : "Watched.");
    put(age, old === null
      ? silent ? "Nothing was looked at." : "Nothing was looked at yet; the first round is under way."
      : "What is shown was looked at " + words(old) + " ago" + (isStale ? ", and may be otherwise by now." : "; it looks every " + words(interval) + "."));
    if (wasStale !== null && wasStale !== isStale) news.textContent = isStale ? state.textContent : "Up to date again. " + (headline || "");
    wasStale = isStale;
    const name = (isStale ? "OLD: " : "") + title;
    if (document.title !== name) document.title = name;
  }

  /** Makes one element be as another, and leaves alone what is so already: focus, scroll and selection stay where they are. */
  function morph(old, fresh) {
    if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) return void old.replaceWith(fresh);
    if (old.nodeType !== 1) {
      if (old.data !== fresh.data) old.data = fresh.data;
      return;
    }
    if (old.isEqualNode(fresh)) return;
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    morphChildren(old, fresh);
  }
  function morphChildren(old, fresh) {
    const [before, after] = [[...old.childNodes], [...fresh.childNodes]];
    for (let i = 0; i < after.length; i++) if (i < before.length) morph(before[i], after[i]); else old.append(after[i]);
    for (const gone of before.slice(after.length)) gone.remove();
  }
  // A channel's message comes at once, in a page that is hidden as well, and lets whoever scrolls or types go first.
  const breathe = () => new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = resolve;
    port2.postMessage(0);
  });

  async function apply(answer) {
    ({ boot, round } = answer);
    interval = answer.intervalSeconds;
    isLost = answer.isLost;
    title = answer.title;
    seen = answer.ageSeconds === null ? null : { age: answer.ageSeconds, at: now() };
    answered = now();
    const isNews = headline !== null && headline !== answer.headline;
    headline = answer.headline;
    tell();
    // The matrix first: nobody is to read of a link in words and see it otherwise.
    if (answer.data !== null) document.dispatchEvent(new CustomEvent("quorate:report", { detail: answer }));
    for (const [name, html] of Object.entries(answer.parts)) {
      const part = document.querySelector('[data-part="' + name + '"]');
      if (part === null || last[name] === html) continue;
      last[name] = html;
      const made = document.createElement("template");
      made.innerHTML = html;
      for (const button of made.content.querySelectorAll("button[data-party]")) button.hidden = false;
      morphChildren(part, made.content);
      await breathe();
    }
    if (isNews) news.textContent = answer.headline;
    document.documentElement.dataset.round = round;
  }

  let asking = false;
  async function ask() {
    if (asking) return;
    asking = true;
    try {
      const answer = await fetch("/live.json?boot=" + boot + "&round=" + round, { cache: "no-store", signal: AbortSignal.timeout(5000) });
      if (answer.status === 200) {
        const found = await answer.json();
        // Other parties, or the first ones: that is another page.
        if (found.layout !== given.layout) return void location.reload();
        await apply(found);
      }
      if (answer.ok) answered = now();
    } catch (failure) {
      if (!(failure instanceof TypeError || failure instanceof DOMException)) throw failure;
    } finally {
      asking = false;
      tell();
    }
  }
  headline = document.querySelector("h1 .word").textContent + ": " + document.querySelector("h1").lastChild.textContent;
  tell();
  setInterval(tell, 1000);
  setInterval(ask, Math.max(1000, Math.min(3000, interval * 250)));
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) void ask();
  });
})();
`;
