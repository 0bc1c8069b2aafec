"use strict";
// A scenario's page: watch what the exact plan does, play in its place, and change its settings.
// Needs unpack.js, player.js, sections.js and process.js.

const ARROWS = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "left", ArrowRight: "right", " ": "stay" };
const PAD = { up: "▲", left: "◀", stay: "•", right: "▶", down: "▼" };
const LINE = 40;

// For each tick in which something else happens than in that before, the sentences on it: as narration.py does.
function captionsOf(frames, sentences) {
  const seen = new Set(), found = [];
  let before = "";
  frames.forEach((frame, tick) => {
    const names = (frame.events || []).map((name) => name.replace(/^ended: /, "ended:"));
    const news = names.filter((name) => !seen.has(name)), fresh = news.length > 0;
    const said = [...new Set((fresh ? news : names).map((name) => sentences[name] || words(name) + "."))];
    if (names.length && (fresh || names.join() !== before)) found.push([tick, said.join(" "), fresh]);
    names.forEach((name) => seen.add(name));
    before = names.join();
  });
  return found;
}

const total = (frames, of) => frames.reduce((sum, frame) => sum + (of(frame) || 0), 0);

// ------------------------------------------------------------------ play

class Play {
  constructor(site, root) {
    this.site = site; this.root = root; this.moves = []; this.seed = 0; this.hints = false;
    this.process = site.process;
    const world = site.worlds[0].stage, agent = this.process.agent;
    this.views = site.worlds[0];
    this.stage = { ...world, agents: [world.agents[agent]], weights: [world.weights[agent]] };
    this.body = world.bodies.findIndex((body) => body.agent && body.name === world.agents[agent].name);
    this.score = make("p", { class: "score", role: "status" });
    this.ending = make("div", { class: "ending", role: "status" });
    const brief = make("dl", { class: "brief" }, ...site.brief.flatMap(([head, text]) => [make("dt", {}, head), make("dd", {}, text)]));
    const player = make("div", {});
    root.append(make("details", matchMedia("(max-width: 560px)").matches ? {} : { open: "" }, make("summary", {}, "Who you are, and what you want"), brief), this.score, this.ending, player);
    const buttons = this.buttons(), hinted = this.process.arrays.values;
    this.player = new Player({ episodes: [this.episode()], stages: [this.stage], look: "Your move: the arrow keys or the buttons. Every move can be taken back.", does: "You did ", thoughtless: hinted ? "Tick “hints” to see what the exact plan would do here." : "What the exact plan would do here is not kept on this page." }, player);
    this.player.legend.before(buttons);
    this.player.button.hidden = true; // it plays nothing but what was played
    this.player.board.addEventListener("click", (event) => this.tap(event));
    root.addEventListener("keydown", (event) => this.key(event), true);
    this.player.onshow = () => site.remember();
    this.show();
  }

  buttons() {
    const { actions } = this.process, pad = make("div", { class: "pad" }), rest = [];
    this.keys = {};
    this.press = actions.map((name, action) => {
      const key = PAD[name] ? Object.keys(ARROWS).find((each) => ARROWS[each] === name) : [...name.toLowerCase(), ..."abcdefgijklmoqxyz"].find((letter) => /[a-z]/.test(letter) && !"rhu".includes(letter) && !(letter in this.keys));
      if (key) this.keys[key] = action;
      const button = make("button", { type: "button", onclick: () => this.do(action) }, PAD[name] || words(name) + (key ? " (" + key.toUpperCase() + ")" : ""));
      if (PAD[name]) { button.setAttribute("aria-label", name); button.className = name; pad.append(button); } else rest.push(button);
      return button;
    });
    this.back = make("button", { type: "button", onclick: () => this.undo() }, "Undo");
    const again = make("button", { type: "button", onclick: () => this.restart(this.seed) }, "Again");
    const other = this.process.chancy ? make("button", { type: "button", onclick: () => this.restart(this.seed + 1) }, "Other luck") : null;
    const hints = make("input", { type: "checkbox", onchange: () => { this.hints = hints.checked; this.show(); } });
    const label = this.process.arrays.values ? make("label", {}, hints, " hints") : null;
    return make("div", { class: "actions" }, pad.children.length ? pad : null, ...rest, this.back, again, other, label);
  }

  key(event) {
    if (["SELECT", "INPUT", "TEXTAREA"].includes(event.target.tagName) || event.ctrlKey || event.metaKey || event.altKey) return;
    const onButton = ["BUTTON", "SUMMARY"].includes(event.target.tagName), name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (onButton && (name === " " || name === "Enter")) return;
    const act = name in this.keys ? () => this.do(this.keys[name]) : name === "Backspace" || name === "u" ? () => this.undo() : name === "r" ? () => this.restart(this.seed) : null;
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  // A tap on the cell beside the player's piece goes there.
  tap(event) {
    const board = this.player.drawing, box = this.player.board.getBoundingClientRect(), here = this.frames[this.frames.length - 1].cells[this.body];
    if (this.body < 0 || !board.onBoard(here)) return;
    const column = Math.floor((event.clientX - box.left - board.left) / board.side) - (here % this.stage.width);
    const row = Math.floor((event.clientY - box.top) / board.side) - Math.floor(here / this.stage.width);
    const name = Math.abs(row) + Math.abs(column) > 1 ? null : row < 0 ? "up" : row > 0 ? "down" : column < 0 ? "left" : column > 0 ? "right" : "stay";
    const action = this.process.actions.indexOf(name);
    if (action >= 0) this.do(action);
  }

  // ---------------------------------------------------------------- the game

  get over() { return this.process.over(this.states[this.states.length - 1], this.moves.length); }

  // Played anew from its moves: what chance does in a tick depends on the seed alone, so that undoing changes nothing.
  replay() {
    const { process } = this;
    this.states = [process.begin(this.seed)];
    const came = [], kept = [];
    for (const action of this.moves) {
      const state = this.states[this.states.length - 1];
      if (process.over(state, kept.length) !== null || !process.available(state)[action]) break;
      const outcome = process.does(state, action, this.seed, kept.length);
      this.states.push(outcome.next);
      came.push(process.paid(outcome.pay));
      kept.push(action);
    }
    this.moves = kept;
    this.frames = this.states.map((state, tick) => {
      const frame = this.drawn(state);
      if (this.hints && process.over(state, tick) === null) frame.thoughts = [this.thought(state, tick)];
      if (tick === kept.length) return frame;
      const end = tick === kept.length - 1 && process.arrays.end[this.states[tick + 1]];
      return { ...frame, chosen: [kept[tick]], executed: [kept[tick]], ...came[tick], events: [...came[tick].events, ...(end ? ["ended: " + process.reasons[end - 1]] : [])] };
    });
  }

  // Places of a life may look alike; states of an episode are drawn by their own number.
  drawn(state) {
    const view = this.process.arrays.view;
    return this.views.frame(view ? view[state] : state);
  }

  thought(state, tick) {
    const cell = (each) => (this.body < 0 ? -1 : this.drawn(each).cells[this.body]);
    const line = this.process.line(state, tick, LINE).map(([action, next]) => [action, cell(next)]);
    return { q: this.process.worth(state, tick), available: this.process.available(state), weights: this.process.weights, decided: [], uncertainty: [], line };
  }

  episode() {
    this.replay();
    return { label: "your game", agent: "you", stage: this.site.stage, seed: this.seed, episode: 0, world: 0, frames: this.frames, captions: captionsOf(this.frames, this.site.sentences) };
  }

  do(action) {
    if (this.over !== null || !this.process.available(this.states[this.states.length - 1])[action]) return;
    this.moves = [...this.moves, action];
    this.show();
  }
  undo() { this.moves = this.moves.slice(0, -1); this.show(); }
  restart(seed) { this.moves = []; this.seed = seed; this.show(); }

  show(at) {
    const hidden = words(this.stage.hidden || "performance"), mean = this.process.chancy ? " on average" : "";
    const episode = this.episode();
    this.player.exchange([episode], at === undefined ? this.frames.length - 1 : at);
    const paid = total(this.frames, (frame) => frame.paid), designers = total(this.frames, (frame) => frame.performance), over = this.over;
    const can = this.process.available(this.states[this.states.length - 1]);
    this.press.forEach((button, action) => { button.disabled = over !== null || !can[action]; });
    this.back.disabled = !this.moves.length;
    this.score.textContent = "Tick " + this.moves.length + (this.process.steps ? " of " + this.process.steps : "") + ": what you value came to " + number(paid) + "; hidden " + hidden + " " + number(designers) + ".";
    const [robot, its] = this.process.robot.map((value) => number(+value.toPrecision(6)));
    this.ending.replaceChildren(...(over === null ? [] : [make("strong", {}, "The end: " + words(over) + ". "),
      "You " + number(paid) + ", exact robot " + robot + mean + ". What the designers hold of it, which counts for neither (" + hidden + "): you " + number(designers) + ", exact robot " + its + mean + "."]));
    this.site.remember();
  }
}

// ------------------------------------------------------------------ what if

class WhatIf {
  constructor(site, root) {
    this.site = site; this.data = site.data.whatIf; this.preset = null;
    this.at = this.data.axes.map((axis) => axis.own);
    this.said = make("div", { role: "status" });
    const player = make("div", {});
    root.append(make("p", {}, "Everything else as the file has it, the exact plan is made anew for what you set. All of it was worked out beforehand."), this.sliders(), this.said, player);
    this.player = new Player({ ...this.episodes(), look: "The start.", thoughtless: "What it thinks is shown under “Watch”." }, player);
    this.player.onshow = () => site.remember();
    this.show(0);
  }

  sliders() {
    this.inputs = this.data.axes.map((axis, index) => {
      const few = axis.labels.length < 3, out = make("output", {});
      const input = few ? make("select", {}, ...axis.labels.map((label, at) => make("option", { value: at }, label)))
        : make("input", { type: "range", min: 0, max: axis.labels.length - 1, step: 1 });
      input.addEventListener("input", () => { this.preset = null; this.at[index] = Number(input.value); this.show(); });
      const label = make("label", {}, make("span", {}, axis.title), out, input);
      return { input, out, label, axis };
    });
    const presets = this.data.presets.map((preset, index) => make("button", { type: "button", title: preset.said, onclick: () => { this.reset(); this.preset = index; this.show(); } }, words(preset.name)));
    const back = make("button", { type: "button", onclick: () => { this.reset(); this.show(); } }, "As it is");
    return make("div", {}, make("div", { class: "sliders" }, ...this.inputs.map((each) => each.label)), make("div", { class: "presets" }, back, ...presets));
  }

  reset() { this.preset = null; this.at = this.data.axes.map((axis) => axis.own); }

  index(at) { return this.data.axes.reduce((sum, axis, index) => sum * axis.labels.length + at[index], 0); }
  get now() { return this.data.points[this.index(this.data.axes.map((axis) => axis.own))]; }
  get then() { return this.preset === null ? this.data.points[this.index(this.at)] : this.data.presets[this.preset].point; }

  episodes() {
    const { now, then } = this, made = (point, label) => (point.episode === null ? null : this.site.recorded(this.data.episodes[point.episode], label));
    const found = [now.episode === then.episode ? null : made(then, "then"), made(now, "as it is")].filter((each) => each);
    // The weights of an episode are those that were set for it.
    return { episodes: found.map((each, index) => ({ ...each, world: index })), stages: found.map((each) => ({ ...this.site.worlds[each.world].stage, weights: each.weights })) };
  }

  show(at) {
    for (const [index, { input, out, label, axis }] of this.inputs.entries()) {
      input.value = this.at[index];
      out.textContent = axis.labels[this.at[index]];
      if (input.type === "range") input.setAttribute("aria-valuetext", axis.labels[this.at[index]]);
      label.classList.toggle("changed", this.at[index] !== axis.own);
    }
    const { episodes, stages } = this.episodes(), { now, then } = this;
    this.player.run.stages = stages;
    this.player.exchange(episodes, Math.min(at === undefined ? this.player.at : at, episodes[0].frames.length - 1));
    const head = this.preset === null ? null : make("p", {}, make("strong", {}, words(this.data.presets[this.preset].name) + ": "), this.data.presets[this.preset].said);
    const said = then.fault ? make("p", { class: "note" }, "No plan: " + then.fault)
      : now.episode === then.episode ? make("p", {}, this.untouched ? "This is what it does as it is." : "It does the same as it is.") : null;
    const notes = then.notes.map((note) => make("p", { class: "note" }, note[0].toUpperCase() + note.slice(1) + "."));
    this.said.replaceChildren(...[head, said, this.table(), ...notes].filter((each) => each));
    this.site.remember();
  }

  get untouched() { return this.preset === null && this.at.every((at, index) => at === this.data.axes[index].own); }

  table() {
    const [now, then] = [this.now, this.then].map((point) => (point.episode === null ? null : this.data.episodes[point.episode]));
    const hidden = words(this.site.worlds[0].stage.hidden || "performance"), events = [];
    const firsts = (episode) => {
      const found = new Map();
      if (episode) episode.events.forEach((index, tick) => this.data.happens[index].forEach((name) => { if (!found.has(name)) found.set(name, tick); }));
      for (const name of found.keys()) if (!events.includes(name)) events.push(name);
      return found;
    };
    const [a, b] = [firsts(now), firsts(then)], tick = (found, name) => (found.has(name) ? "tick " + found.get(name) : "never");
    const of = (episode, value) => (episode ? value(episode) : "no plan");
    const end = (episode) => (episode.ended ? words(episode.ended) + ", tick " + (episode.views.length - 2) : "time is up");
    const rows = [...events.map((name) => [words(name) + ", first", of(now, () => tick(a, name)), of(then, () => tick(b, name))]),
      ["the end", of(now, end), of(then, end)], ["what it values", of(now, (each) => number(each.paid)), of(then, (each) => number(each.paid))],
      [hidden + " (hidden)", of(now, (each) => number(each.performance)), of(then, (each) => number(each.performance))]];
    const line = ([name, was, is]) => make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, was), make("td", {}, was === is ? is : make("strong", {}, is)));
    return make("table", { class: "compare" }, make("thead", {}, make("tr", {}, ...["", "as it is", "then"].map((name) => (name ? make("th", { scope: "col" }, name) : make("td", {}))))), make("tbody", {}, ...rows.map(line)));
  }
}

// ------------------------------------------------------------------ the page

class Site {
  constructor(data, arrays, root) {
    this.data = data; this.sentences = data.sentences; this.brief = data.brief; this.stage = data.stage; this.quiet = true;
    this.worlds = data.worlds.map((world, index) => new Views(world, arrays, "v" + index + "."));
    this.process = data.play ? new Process(data.play, arrays) : null;
    this.panels = {};
    const names = [["watch", "Watch", () => this.watch()], ["play", "Play", (panel) => this.play(panel)], ["what-if", "What if", (panel) => this.suppose(panel)]];
    this.tabs = names.map(([id, title, fill], index) => {
      const panel = make("div", { role: "tabpanel", id: "panel-" + id, "aria-labelledby": "tab-" + id, tabindex: "-1" }, make("h2", { class: "unseen" }, title));
      const tab = make("button", { type: "button", role: "tab", id: "tab-" + id, "aria-controls": "panel-" + id, onclick: () => this.open(id) }, title);
      tab.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        const next = this.tabs[(index + step + names.length) % names.length];
        this.open(next.id);
        next.tab.focus();
      });
      return { id, tab, panel, fill };
    });
    root.append(make("div", { class: "tabs", role: "tablist", "aria-label": "what to do" }, ...this.tabs.map((each) => each.tab)), ...this.tabs.map((each) => each.panel));
    this.recall();
    window.addEventListener("hashchange", () => this.recall());
    window.addEventListener("beforeprint", () => this.tabs.forEach((each) => this.fill(each)));
  }

  fill({ id, panel, fill }) {
    if (id in this.panels) return;
    this.panels[id] = null; // what is filled asks to be remembered, and is not there yet
    this.panels[id] = fill(panel) || { player: null };
  }

  open(id) {
    if (this.panels[this.now] && this.panels[this.now].player) this.panels[this.now].player.stop();
    this.now = id;
    for (const each of this.tabs) {
      each.panel.hidden = each.id !== id;
      each.tab.setAttribute("aria-selected", each.id === id);
      each.tab.tabIndex = each.id === id ? 0 : -1;
      if (each.id === id) this.fill(each);
    }
    this.remember();
  }

  watch() {
    const panel = this.tabs[0].panel;
    if (this.data.note) panel.append(make("p", { class: "note" }, this.data.note));
    if (!this.data.run.episodes.length) return null;
    const root = make("div", {});
    panel.append(root);
    const player = new Player(this.data.run, root);
    player.onshow = () => this.remember();
    return { player };
  }

  play(panel) {
    if (this.process) return new Play(this, panel);
    panel.append(make("p", { class: "note" }, this.data.unplayed));
    return null;
  }

  suppose(panel) {
    if (this.data.whatIf) return new WhatIf(this, panel);
    panel.append(make("p", { class: "note" }, this.data.unsupposed));
    if (this.data.others.length) return new Choices(this, panel);
    return null;
  }

  // An episode of the grid, as the player takes it.
  recorded(episode, label) {
    if (!episode.frames) {
      const views = this.worlds[episode.world], { pays, happens } = this.data.whatIf, channels = views.stage.channels.length;
      episode.frames = episode.views.map((view, tick) => {
        const frame = views.frame(view);
        if (tick === episode.views.length - 1) return frame;
        const row = pays[episode.pays[tick]], last = tick === episode.views.length - 2 && episode.ended;
        return { ...frame, chosen: episode.chosen[tick], executed: episode.executed[tick], pays: row.slice(0, channels), performance: row[channels],
          events: [...happens[episode.events[tick]], ...(last ? ["ended: " + episode.ended] : [])] };
      });
      episode.captions = captionsOf(episode.frames, this.sentences);
    }
    return { label, agent: "exact", stage: this.stage, seed: 0, episode: 0, world: episode.world, weights: episode.weights, frames: episode.frames, captions: episode.captions };
  }

  // ---------------------------------------------------------------- the address

  remember() {
    if (this.quiet) return;
    const said = new URLSearchParams({ do: this.now }), panel = this.panels[this.now];
    if (panel && panel.player) {
      said.set("tick", panel.player.at);
      if (this.now === "watch" && panel.player.pick.value !== "0") said.set("episode", panel.player.pick.value);
    }
    if (panel instanceof Play) { said.set("moves", panel.moves.join(".")); if (panel.seed) said.set("seed", panel.seed); }
    if (panel instanceof WhatIf) {
      if (panel.preset !== null) said.set("variant", panel.data.presets[panel.preset].name);
      else panel.data.axes.forEach((axis, index) => { if (panel.at[index] !== axis.own) said.set(axis.name, axis.labels[panel.at[index]]); });
    }
    const hash = "#" + said;
    if (hash === location.hash) return;
    try { history.replaceState(null, "", hash); }
    catch { this.quiet = true; } // in the sandboxed frame of a notebook a page has no address to keep anything in
  }

  recall() {
    const said = new URLSearchParams(location.hash.slice(1)), id = this.tabs.some((each) => each.id === said.get("do")) ? said.get("do") : "watch";
    this.quiet = true;
    this.open(id);
    const panel = this.panels[id], tick = said.has("tick") ? Number(said.get("tick")) || 0 : undefined;
    if (panel instanceof Play) {
      panel.seed = Math.abs(Math.trunc(Number(said.get("seed")))) || 0;
      panel.moves = (said.get("moves") || "").split(".").filter((each) => each !== "").map(Number);
      panel.show(tick);
    } else if (panel instanceof WhatIf) {
      panel.reset();
      const preset = panel.data.presets.findIndex((each) => each.name === said.get("variant"));
      if (preset >= 0) panel.preset = preset;
      panel.data.axes.forEach((axis, index) => { const at = axis.labels.indexOf(said.get(axis.name)); if (at >= 0) panel.at[index] = at; });
      panel.show(tick);
    } else if (panel && panel.player) {
      const episode = Number(said.get("episode")) || 0;
      if (episode < panel.player.run.episodes.length && episode >= 0) panel.player.choose(episode, tick);
    }
    this.quiet = false;
  }
}

// Of a world that is too large: other episodes that were recorded.
class Choices {
  constructor(site, root) {
    const player = make("div", {});
    root.append(player);
    this.player = new Player({ ...site.data.run, episodes: site.data.others }, player);
    this.player.onshow = () => site.remember();
  }
}

async function opened() {
  const [data, arrays] = await unpack(document.getElementById("data").textContent);
  const root = document.getElementById("site"), figures = document.getElementById("figures");
  window.site = new Site(data, arrays, root);
  figures.append(...verdictTables(data.run).filter((each) => each));
  document.documentElement.dataset.ready = "yes";
}
opened();
