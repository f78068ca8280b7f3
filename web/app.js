// The live page: asks /api once, then follows /api/events/stream and asks again for what changed.
"use strict";

const STATES = ["waiting", "ready", "launched", "running", "succeeded", "reused", "skipped", "held",
  "failed", "timed-out", "lost", "cancelled", "expired"];
const FEED_MAX = 200;
const ASK_MS = 400; // at most one question of a kind in this time

const page = {
  selected: decodeURIComponent(location.hash.slice(1)), // name of the run that is shown
  runs: [], status: null, detail: null, seq: 0, feed: [],
};

const byId = (id) => document.getElementById(id);

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

async function ask(path) {
  const answer = await fetch("/api/" + path, { headers: { Accept: "application/json" } });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error ? body.error.text : answer.statusText);
  return body;
}

// Calls fn at once, but not more often than every ASK_MS: then a little later.
function throttled(fn) {
  let timer = null;
  let last = 0;
  const call = () => { timer = null; last = Date.now(); fn().catch(() => {}); };
  return () => {
    const wait = last + ASK_MS - Date.now();
    if (timer) return;
    if (wait <= 0) call();
    else timer = setTimeout(call, wait);
  };
}

// ---------------------------------------------------------------- times
const ms = (value) => !value ? 0 : typeof value === "number" ? value / 1e6 : Date.parse(value);
const two = (n) => String(n).padStart(2, "0");
function clock(time, seconds = true) {
  const d = new Date(time);
  return two(d.getUTCHours()) + ":" + two(d.getUTCMinutes()) + (seconds ? ":" + two(d.getUTCSeconds()) : "");
}
function day(time) { return new Date(time).toISOString().slice(0, 10); }
function span(t) {
  if (t < 1000) return Math.round(t) + " ms";
  if (t < 100000) return (t / 1000).toFixed(1) + " s";
  if (t < 7200000) return Math.floor(t / 60000) + " min " + two(Math.floor(t / 1000) % 60) + " s";
  return Math.floor(t / 3600000) + " h " + two(Math.floor(t / 60000) % 60) + " min";
}
function size(n) {
  if (n < 1000) return n + " B";
  if (n < 1e6) return (n / 1e3).toFixed(1) + " kB";
  return n < 1e9 ? (n / 1e6).toFixed(1) + " MB" : (n / 1e9).toFixed(2) + " GB";
}

// ---------------------------------------------------------------- the list of runs
function drawRuns() {
  const list = byId("runs");
  list.replaceChildren(...page.runs.map((run) => {
    const item = element("li");
    const button = element("button");
    const meter = element("div", "meter");
    const total = STATES.reduce((sum, s) => sum + ((run.counts || {})[s] || 0), 0) || 1;
    button.style.borderLeftColor = `var(--${run.state})`;
    button.setAttribute("aria-current", String(run.run === page.selected));
    const name = element("div", "name");
    const parts = run.run.split("/");
    name.append(parts[0] + "/", element("wbr"), parts.slice(1).join("/"));
    button.append(name);
    button.append(element("div", "quiet", run.state + " · " + day(ms(run.created)) + " " +
      clock(ms(run.created), false) + (run.degraded && run.degraded.length ? " · degraded" : "")));
    for (const state of ["succeeded", "reused", "skipped", "running", "failed", "timed-out", "cancelled"]) {
      const part = element("i", "s-" + state);
      part.style.width = 100 * ((run.counts || {})[state] || 0) / total + "%";
      meter.append(part);
    }
    button.append(meter);
    button.addEventListener("click", () => select(run.run));
    item.append(button);
    return item;
  }));
  byId("empty").hidden = page.runs.length > 0;
  byId("run").hidden = page.runs.length === 0;
}

function select(name) {
  page.selected = name;
  page.detail = null;
  page.status = null;
  history.replaceState(null, "", "#" + encodeURIComponent(name));
  drawRuns();
  drawDetail();
  askStatus();
}

// ---------------------------------------------------------------- one run
function groups(status) {
  const found = new Map();
  for (const instance of status.stages || []) {
    if (!found.has(instance.stage)) found.set(instance.stage, []);
    found.get(instance.stage).push(instance);
  }
  return found;
}

const isDone = (i) => ["succeeded", "reused", "skipped", "expired"].includes(i.state);
const isBad = (i) => ["failed", "timed-out", "lost"].includes(i.state);
const isMarked = (i) => Boolean(i.degraded && i.degraded.length);
const isDelivery = (i) => (i.outputs || []).some((o) => o.output === "receipt");

function drawHead(status) {
  const created = ms(status.created);
  const ended = ms(status.ended);
  const state = byId("run-state");
  byId("run-name").textContent = status.run;
  state.textContent = status.state;
  state.className = "state s-" + status.state;
  byId("run-times").textContent = day(created) + " " + clock(created) + " UTC" +
    (ended ? " to " + clock(ended) + ", took " + span(ended - created) : ", for " + span(Date.now() - created));
  byId("marks").replaceChildren(...(status.degraded || []).map((mark) => {
    const item = element("li");
    item.append(element("b", "", "Degraded: "), mark.cause + (mark.age ? " (age " + mark.age + ")" : ""));
    return item;
  }));
}

function drawTiles(status) {
  const stages = status.stages || [];
  const outputs = stages.flatMap((i) => i.outputs || []);
  const delivered = stages.filter(isDelivery);
  const last = delivered.map((i) => ms(i.ended)).filter(Boolean).sort((a, b) => b - a)[0];
  const tiles = [
    [stages.filter(isDone).length + " / " + stages.length, "instances done"],
    [stages.filter((i) => i.state === "running").length, "running now"],
    [stages.filter(isBad).length, "failed"],
    [outputs.length, "files made, " + size(outputs.reduce((n, o) => n + (o.size || 0), 0))],
    [delivered.length, "deliveries with receipt" + (last ? ", last " + clock(last) : "")],
    [stages.filter(isMarked).length, "degraded"],
  ];
  byId("tiles").replaceChildren(...tiles.filter(([n], at) => at < 2 || n !== 0).map(([n, text]) => {
    const tile = element("div", "tile");
    tile.append(element("b", "", n), element("span", "", text));
    return tile;
  }));
}

function drawLegend(status) {
  const there = STATES.filter((s) => (status.stages || []).some((i) => i.state === s));
  byId("legend").replaceChildren(...there.map((state) => {
    const item = element("li");
    item.append(element("i", "s-" + state), state);
    return item;
  }));
}

// A round step that gives about `count` ticks over `length` ms.
function tickStep(length, count) {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400];
  return 1000 * (steps.find((s) => s * 1000 * count >= length) || 86400);
}

function drawTicks(track, from, until, labelled) {
  const step = tickStep(until - from, 8);
  for (let t = Math.ceil(from / step) * step; t < until; t += step) {
    const tick = element("div", "tick");
    tick.style.left = 100 * (t - from) / (until - from) + "%";
    if (labelled && (t - from) / (until - from) < 0.95) tick.append(element("span", "", clock(t, step < 60000)));
    track.append(tick);
  }
}

// Puts bars into as few lanes as fit, at most `most`; later ones share the last.
function lanes(instances, now, most) {
  const ends = [];
  return instances.filter((i) => i.begun).map((i) => ({ i, a: ms(i.begun), b: ms(i.ended) || now }))
    .sort((x, y) => x.a - y.a).map((bar) => {
      let lane = ends.findIndex((end) => end <= bar.a);
      if (lane < 0) lane = ends.length < most ? ends.length : most - 1;
      ends[lane] = Math.max(ends[lane] || 0, bar.b);
      return { ...bar, lane };
    });
}

function drawTrack(instances, from, until, now) {
  const track = element("div", "track");
  const bars = lanes(instances, now, 5);
  const count = bars.reduce((n, bar) => Math.max(n, bar.lane + 1), 1);
  drawTicks(track, from, until, false);
  for (const bar of bars) {
    const node = element("div", "bar s-" + bar.i.state);
    node.style.left = 100 * (bar.a - from) / (until - from) + "%";
    node.style.width = 100 * (bar.b - bar.a) / (until - from) + "%";
    node.style.top = 12 + 76 * bar.lane / count + "%";
    node.style.height = 76 / count - (count > 1 ? 4 : 0) + "%";
    node.title = label(bar.i) + ": " + clock(bar.a) + " to " + (bar.i.ended ? clock(bar.b) : "now") +
      ", " + span(bar.b - bar.a);
    track.append(node);
  }
  if (now < until - 1) {
    const line = element("div", "now");
    line.style.left = 100 * (now - from) / (until - from) + "%";
    track.append(line);
  }
  return track;
}

const label = (i) => i.stage + (i.key ? " " + i.key : "");

function drawCell(instance, alone) {
  const cell = element("button", "cell s-" + instance.state + (alone ? " one" : "") +
    (isMarked(instance) ? " degraded" : ""));
  const chosen = page.detail && label(page.detail) === label(instance);
  cell.title = label(instance) + ": " + instance.state + (instance.reason ? ": " + instance.reason : "");
  cell.setAttribute("aria-label", cell.title);
  cell.setAttribute("aria-pressed", String(Boolean(chosen)));
  cell.addEventListener("click", () => { page.detail = instance; drawChart(page.status); askDetail(); });
  return cell;
}

// The time that the chart covers: some room after now while the run goes on.
function chartSpan(status, now) {
  const from = ms(status.created);
  const ended = ms(status.ended);
  const end = ended || now;
  return [from, ended ? end + (end - from) * 0.01 + 1 : end + Math.max(2000, (end - from) * 0.08)];
}

function drawHeadTrack(from, until) {
  const track = element("div", "track");
  drawTicks(track, from, until, true);
  return track;
}

function drawChart(status) {
  const now = Date.now();
  const [from, until] = chartSpan(status, now);
  const head = element("div", "row head");
  head.append(element("div", "", "Stage"), element("div", "", "Instances, by lead"), drawHeadTrack(from, until));
  const rows = [head];
  for (const [name, instances] of groups(status)) {
    const row = element("div", "row");
    const title = element("div", "label");
    const cells = element("div", "cells");
    const bold = element("b", "", name);
    bold.title = name;
    title.append(bold, element("span", "", instances.length > 1 ?
      instances.filter(isDone).length + "/" + instances.length : instances[0].state));
    cells.append(...instances.map((i) => drawCell(i, instances.length === 1)));
    row.append(title, cells, drawTrack(instances, from, until, now));
    rows.push(row);
  }
  byId("chart").replaceChildren(...rows);
}

// Time has passed and nothing else: only the bars move, so that the cells keep their focus.
function moveTracks(status) {
  const now = Date.now();
  const [from, until] = chartSpan(status, now);
  const tracks = document.querySelectorAll("#chart .track");
  const all = [...groups(status).values()];
  if (tracks.length !== all.length + 1) return;
  tracks[0].replaceWith(drawHeadTrack(from, until));
  all.forEach((instances, at) => tracks[at + 1].replaceWith(drawTrack(instances, from, until, now)));
}

// ---------------------------------------------------------------- one instance
function drawDetail(why) {
  const box = byId("detail");
  const i = page.detail;
  box.replaceChildren(element("h3", "", "Instance"));
  if (!i) {
    box.append(element("p", "quiet", "Choose a cell above to see why it is in its state and what it made."));
    return;
  }
  const list = element("dl");
  const add = (name, value) => { if (value) list.append(element("dt", "", name), element("dd", "", value)); };
  add("state", i.state);
  add("why", why || i.reason);
  add("attempt", i.attempt ? String(i.attempt) : "");
  add("pool", [i.pool, i.worker].filter(Boolean).join(" at "));
  add("launched", i.launched && clock(ms(i.launched)));
  add("began", i.begun && clock(ms(i.begun)));
  add("ended", i.ended && clock(ms(i.ended)) + (i.begun ? ", took " + span(ms(i.ended) - ms(i.begun)) : ""));
  for (const mark of i.degraded || []) add("degraded", mark.cause + (mark.age ? " (age " + mark.age + ")" : ""));
  box.append(element("h4", "", label(i)), list);
  const files = element("ul", "files");
  for (const o of (i.outputs || []).slice(0, 100)) {
    const item = element("li", "", (o.path || "").split("/").pop() + "  " + (o.size ? size(o.size) : ""));
    item.title = (o.site ? o.site + ": " : "") + o.path + "\nsha256 " + (o.sha256 || "");
    files.append(item);
  }
  if (files.childElementCount) box.append(element("h3", "", "Files"), files);
}

async function askDetail() {
  const i = page.detail;
  drawDetail();
  try {
    const which = i.key ? i.stage + "(" + i.key + ")" : i.stage;
    const why = await ask("why?run=" + encodeURIComponent(page.selected) + "&stage=" + encodeURIComponent(which));
    if (page.detail === i) drawDetail(why.text);
  } catch (error) {
    if (page.detail === i) drawDetail(i.reason);
  }
}

// ---------------------------------------------------------------- the feed
function feedText(event) {
  const what = { "attempt-begun": "began", "attempt-launched": "launched", "output-accepted": "made",
    "output-absent": "absent:", "attempt-ended": "", "attempt-noted": "says", "run-created": "run created",
    "run-ended": "run ended:", "worker-joined": "worker joined:", "worker-left": "worker left:",
    "attempt-degraded": "degraded:", "instance-ended": "", "instance-retry": "will be tried again",
    "cancel-asked": "asked to stop" }[event.type];
  return [event.stage, event.key, what === undefined ? event.type : what, event.state,
    event.output, event.lead !== event.key ? event.lead : "", event.cause, event.text && event.type === "attempt-noted" ? event.text : "",
    event.stage ? "" : event.worker].filter(Boolean).join(" ");
}

function drawFeed() {
  const shown = page.feed.filter((e) => !e.run || e.run === page.selected).slice(-60).reverse();
  byId("feed").replaceChildren(...shown.map((event) => {
    const bad = ["failed", "timed-out", "lost"].includes(event.state);
    const mark = event.cause || event.degraded || event.type === "attempt-degraded";
    const item = element("li", bad ? "bad" : mark ? "mark" : "");
    item.append(element("time", "", clock(ms(event.time))), element("span", "", feedText(event)));
    return item;
  }));
}

// ---------------------------------------------------------------- questions
function drawStatus() {
  const status = page.status;
  if (!status) return;
  if (page.detail) page.detail = (status.stages || []).find((i) => label(i) === label(page.detail)) || null;
  drawHead(status);
  drawTiles(status);
  drawLegend(status);
  drawChart(status);
  drawFeed();
}

const askRuns = throttled(async () => {
  const answer = await ask("runs");
  page.runs = answer.runs || [];
  if (!page.runs.some((run) => run.run === page.selected) && page.runs.length) select(page.runs[0].run);
  drawRuns();
});

const askStatus = throttled(async () => {
  if (!page.selected) return;
  const status = await ask("runs/" + encodeURIComponent(page.selected));
  if (status.run !== page.selected) return;
  page.status = status;
  drawStatus();
});

const askWorkers = throttled(async () => {
  const workers = (await ask("workers")).workers || [];
  byId("workers").textContent = workers.map((w) => w.worker + ": " + (w.pools || [])
    .map((p) => p.pool + " " + p.used + "/" + p.cores).join(", ")).join(" · ") || "no worker";
});

function follow() {
  const link = byId("link");
  const stream = new EventSource("/api/events/stream?from=" + (page.seq + 1));
  stream.onopen = () => { link.textContent = "live"; link.className = "link live"; };
  stream.onerror = () => { link.textContent = "connection lost, trying again"; link.className = "link lost"; };
  stream.onmessage = (message) => {
    const event = JSON.parse(message.data);
    page.feed.push(event);
    if (page.feed.length > FEED_MAX) page.feed.shift();
    askRuns();
    askWorkers();
    if (!event.run || event.run === page.selected) askStatus();
  };
}

async function start() {
  const runs = await ask("runs");
  page.seq = Math.max(0, (runs.seq || 0) - FEED_MAX);
  page.runs = runs.runs || [];
  if (!page.runs.some((run) => run.run === page.selected)) page.selected = page.runs.length ? page.runs[0].run : "";
  drawRuns();
  drawDetail();
  askStatus();
  askWorkers();
  follow();
}

setInterval(() => {
  byId("clock").textContent = day(Date.now()) + " " + clock(Date.now()) + " UTC";
  if (page.status && page.status.state === "running") { drawHead(page.status); moveTracks(page.status); }
}, 1000);

start().catch((error) => {
  byId("link").textContent = "no answer: " + error.message;
  byId("link").className = "link lost";
});
