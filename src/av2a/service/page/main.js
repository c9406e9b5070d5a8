/** Starts the page: signs in, listens to the server, and shows all videos or one. */

import { listen, request, signIn } from "./api.js";
import { $, el, say, stageWords } from "./dom.js";
import { Home } from "./home.js";
import { Watch } from "./watch.js";

const KEYS = [
  ["Space", "play and pause"], ["← →", "one segment back, forth; with Shift ten"], ["+ −", "zoom; 0 shows all"], [", .", "pan"], ["↑ ↓", "the event before, after"],
  ["Enter", "loop the selected event"], ["N", "new event at the playhead"], ["[ ]", "set its start, its end to the playhead"], ["1 2 3", "make it heard, seen, both"],
  ["C, X", "confirm, reject it"], ["Delete", "delete it"], ["Ctrl Z, Ctrl Shift Z", "undo, redo"], ["O", "open the scores of its label"], ["Esc", "select nothing"],
  ["Wheel", "zoom at the pointer; with Shift pan; with Alt scroll"], ["Alt + drag", "an edge without snapping"], ["↑ ↓ ← →", "in Review: right, wrong, back, skip"], ["?", "this list"],
];

/** What the server told: kept here, shown by both views. */
export const state = { videos: new Map(), jobs: new Map(), backbone: {}, formats: [], lists: [], suggestions: [], settings: {} };

let home, watch;

function route() {
  const [, kind, id, seconds] = /^#\/(video)\/([0-9a-f]+)(?:@([\d.]+))?/.exec(location.hash) ?? [];
  const video = kind && state.videos.get(id);
  if (kind && !video) {
    say("this video is not there any more", "alarm");
    location.hash = "#/";
    return;
  }
  $("home").hidden = !!video;
  $("watch").hidden = !video;
  $("title").textContent = video ? video.name : "All videos";
  document.title = video ? `${video.name} · av2a` : "av2a";
  if (video) watch.open(video, seconds === undefined ? null : Number(seconds));
  else {
    watch.close();
    home.show();
  }
}

function took(snapshot) {
  Object.assign(state, snapshot, {
    videos: new Map(snapshot.videos.map((video) => [video.id, video])),
    jobs: new Map(snapshot.jobs.map((job) => [job.video, job])),
  });
  $("suggestions").replaceChildren(...state.suggestions.map((label) => el("option", { value: label })));
  $("limit").textContent = `Up to ${(state.largest_upload_bytes / 1e9).toLocaleString("en")} GB each.`;
  home.formats();
  watch.formats();
  refresh();
  // What happened while this page was hidden.
  const video = watch.video && state.videos.get(watch.video.id);
  if (video) watch.heard(video);
}

function refresh() {
  showModels();
  const jobs = [...state.jobs.values()], running = jobs.find((job) => job.stage !== "waiting") ?? jobs[0];
  $("busy").textContent = running ? `${state.videos.get(running.video)?.name ?? ""}: ${stageWords(running)}${jobs.length > 1 ? ` · ${jobs.length - 1} waiting` : ""}` : "";
  home.show();
  watch.refresh();
}

function showModels() {
  const { name, state: at, message, note, done, total, can_fetch, megabytes } = state.backbone;
  $("models").title = note ?? "";
  $("models").textContent = at === "ready" ? `models: ${name}` : at === "loading" ? `loading ${name}` : "no models";
  const banner = $("missing");
  banner.hidden = at === "ready" || (at === "loading" && !total);
  if (banner.hidden) return;
  if (at === "loading") {
    banner.replaceChildren(el("p", {}, `Getting ${name}: ${message}, ${Math.round(done / 1e6)} of ${Math.round(total / 1e6)} MB`), el("progress", { value: done, max: total, "aria-label": "Download" }));
    return;
  }
  const load = (body) => request("POST", "/api/backbone", body).catch((refusal) => say(refusal.message, "alarm"));
  const size = megabytes ? ` (about ${megabytes} MB)` : "", details = message.charAt(0).toUpperCase() + message.slice(1);
  banner.replaceChildren(
    el("p", {}, el("strong", {}, `The models “${name}” are not ready.`), " Until they are, only the demo scene can be looked at, with the built-in models."),
    ...(can_fetch === false ? [] : [el("button", { type: "button", class: "main", onclick: () => load({ name }) }, `Get ${name}${size}`)]),
    el("button", { type: "button", onclick: async () => (await load({ name: "mini" }), home.demo()) }, "Show the demo scene"),
    el("details", {}, el("summary", {}, "How to get them"), el("p", {}, details)),
  );
}

function keys(event) {
  if (event.defaultPrevented || event.target.closest("dialog")) return;
  const typing = event.target.matches("textarea, select, input:not([type='checkbox'], [type='range'])");
  if (event.key === "?" && !typing) return openHelp();
  if (!$("watch").hidden) watch.key(event, typing);
}

function openHelp() {
  if (!$("help").open) $("help").showModal();
}

async function start() {
  $("keys").replaceChildren(...KEYS.flatMap(([key, words]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, words)]));
  $("help-open").addEventListener("click", openHelp);
  home = new Home(state);
  watch = new Watch(state);
  window.av2a = { state, watch, took }; // For tests and the curious.
  if (!(await signIn())) {
    $("signin").hidden = false;
    return;
  }
  took(await request("GET", "/api/state"));
  addEventListener("hashchange", route);
  if (state.demo && location.hash.length < 2) history.replaceState(null, "", `#/video/${state.demo}`);
  document.addEventListener("keydown", keys);
  route();
  listen({
    state: (snapshot) => took(snapshot),
    video: (video) => {
      state.videos.set(video.id, video);
      if (!["waiting", "working"].includes(video.state)) state.jobs.delete(video.id);
      else if (!state.jobs.has(video.id)) state.jobs.set(video.id, { video: video.id, stage: "waiting" });
      refresh();
      watch.heard(video);
    },
    removed: (id) => {
      state.videos.delete(id);
      state.jobs.delete(id);
      refresh();
    },
    job: (job) => {
      state.jobs.set(job.video, job);
      refresh();
    },
    backbone: (backbone) => {
      state.backbone = backbone;
      refresh();
      if (backbone.state === "ready") watch.modelsReady();
    },
    lists: (lists) => {
      state.lists = lists;
      watch.field.lists();
    },
    playable: (progress) => watch.playableProgress(progress),
    note: (words) => say(words, "alarm"),
    lost: () => ($("busy").textContent = "the server does not answer"),
    found: () => refresh(),
  });
}

start().catch((fault) => say(fault.message, "alarm"));
