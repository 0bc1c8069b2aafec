"use strict";
// Draws boards and plays episodes, in reports and in the site.
// Text from a scenario or a run only ever becomes text nodes: nothing here writes markup.
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const FASTEST = 40;

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const words = (name) => name.replaceAll("_", " ");

const number = (value) => {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return value === "inf" ? "∞" : value === "-inf" ? "−∞" : value;
  const text = Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-3) ? value.toExponential(2) : String(+value.toPrecision(4));
  return text.replace("-", "−");
};

// ------------------------------------------------------------------ drawing

function fit(canvas, height) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth || 600;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.height = height + "px";
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return [pen, width];
}

const SHAPES = {
  box(pen, [x, y, w, h, fill, radius, outline, line]) {
    pen.beginPath();
    pen.roundRect(x, y, w, h, radius);
    paint(pen, fill);
    if (outline) {
      pen.beginPath();
      pen.roundRect(x + line / 2, y + line / 2, w - line, h - line, radius);
      stroke(pen, outline, line);
    }
  },
  disc(pen, [x, y, radius, fill, outline, line]) {
    pen.beginPath();
    pen.arc(x, y, radius, 0, 2 * Math.PI);
    paint(pen, fill);
    if (outline) stroke(pen, outline, line);
  },
  polygon(pen, [points, fill]) {
    trace(pen, points);
    pen.closePath();
    paint(pen, fill);
  },
  line(pen, [points, colour, width]) {
    trace(pen, points);
    stroke(pen, colour, width);
  },
};
function trace(pen, points) {
  pen.beginPath();
  for (let i = 0; i < points.length; i += 2) pen.lineTo(points[i], points[i + 1]);
}
function paint(pen, fill) {
  if (fill) { pen.fillStyle = fill; pen.fill(); }
}
function stroke(pen, colour, width) {
  pen.strokeStyle = colour; pen.lineWidth = width; pen.lineCap = pen.lineJoin = "round"; pen.stroke();
}

class Board {
  constructor(world, tallest = 560) { this.world = world; this.tallest = tallest; }

  draw(canvas, frames, at, shown) {
    const { height, width } = this.world;
    const wide = canvas.clientWidth || 600;
    const side = Math.floor(Math.min(wide / width, this.tallest / height));
    const [pen] = fit(canvas, side * height);
    this.side = side;
    this.left = Math.floor((wide - side * width) / 2);
    this.pen = pen;
    const frame = frames[at], layout = this.world.layouts[frame.layout];
    this.ground(layout);
    if (shown.worth && frame.worth && frame.worth[0]) this.worth(frame.worth[0], layout, shown.head);
    if (shown.sight && frame.seen) this.sight(frame.seen, shown.worth);
    this.names(layout);
    if (shown.way) this.way(frames, at);
    if (shown.plan && frame.thoughts) frame.thoughts.forEach((thought, agent) => thought && this.plan(frame, agent, thought));
    this.bodies(frames, at);
  }

  corner(cell) { return [this.left + (cell % this.world.width) * this.side, Math.floor(cell / this.world.width) * this.side]; }
  centre(cell) { const [x, y] = this.corner(cell); return [x + this.side / 2, y + this.side / 2]; }
  onBoard(cell) { return cell >= 0 && cell < this.world.width * this.world.height; }
  fill(cell, colour) { const [x, y] = this.corner(cell); this.pen.fillStyle = colour; this.pen.fillRect(x, y, this.side, this.side); }

  ground(layout) {
    const { pen, side } = this, floor = css("--floor"), wall = css("--wall");
    for (let cell = 0; cell < layout.walls.length; cell++) this.fill(cell, layout.walls[cell] === "#" ? wall : floor);
    for (const zone of [...layout.zones].sort((a, b) => b.cells.length - a.cells.length)) {
      pen.globalAlpha = zone.cells.length > 6 ? 0.18 : 0.4;
      zone.cells.forEach((cell) => this.fill(cell, zone.colour));
      pen.globalAlpha = 1;
    }
    pen.strokeStyle = css("--grid"); pen.lineWidth = 1;
    for (let cell = 0; cell < layout.walls.length; cell++) {
      if (layout.walls[cell] === "#") continue;
      const [x, y] = this.corner(cell);
      pen.strokeRect(x + 0.5, y + 0.5, side - 1, side - 1);
    }
  }

  names(layout) {
    const { pen, side } = this;
    pen.textAlign = "center"; pen.textBaseline = "bottom"; pen.fillStyle = css("--ink");
    for (const zone of layout.zones) {
      if (!zone.cells.length) continue;
      const xs = zone.cells.map((cell) => this.centre(cell)[0]), low = Math.max(...zone.cells.map((cell) => this.corner(cell)[1]));
      const room = Math.max(...xs) - Math.min(...xs) + side, name = zone.name.replaceAll("_", " ");
      let size = Math.min(13, side * 0.28);
      pen.font = size + "px system-ui, sans-serif";
      size *= Math.min(1, (room - 4) / pen.measureText(name).width);
      pen.font = size + "px system-ui, sans-serif";
      pen.fillText(name, (Math.min(...xs) + Math.max(...xs)) / 2, low + side - 2);
    }
  }

  worth({ cells, values, weights }, layout, head) {
    const of = (row) => (head < 0 ? row.reduce((sum, value, k) => sum + value * weights[k], 0) : row[head]);
    const scores = values.map(of), low = Math.min(...scores), high = Math.max(...scores), known = new Set(cells);
    const ends = [css("--low"), css("--high")].map((colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)));
    cells.forEach((cell, index) => {
      const share = high > low ? (scores[index] - low) / (high - low) : 0.5;
      this.fill(cell, `rgb(${ends[0].map((part, k) => Math.round(part + (ends[1][k] - part) * share)).join(" ")})`);
    });
    this.pen.strokeStyle = css("--grid"); this.pen.lineWidth = 1;
    for (let cell = 0; cell < layout.walls.length; cell++) {
      if (layout.walls[cell] === "#" || known.has(cell)) continue;
      const [x, y] = this.corner(cell), { side, pen } = this;
      pen.save(); pen.beginPath(); pen.rect(x, y, side, side); pen.clip(); pen.strokeStyle = css("--muted"); pen.globalAlpha = 0.5;
      for (let d = -side; d < side; d += side / 4) { pen.beginPath(); pen.moveTo(x + d, y + side); pen.lineTo(x + d + side, y); pen.stroke(); }
      pen.restore();
    }
    this.range = [low, high];
  }

  sight(seen, onlyEdges) {
    const watchers = this.world.bodies.filter((body) => body.watches);
    seen.forEach((cells, index) => {
      const inside = new Set(cells), colour = watchers[index].colour;
      this.pen.globalAlpha = onlyEdges ? 0 : 0.18;
      cells.forEach((cell) => this.fill(cell, colour));
      this.pen.globalAlpha = 0.8;
      this.pen.strokeStyle = colour; this.pen.lineWidth = 1.5;
      for (const cell of cells) {
        const [x, y] = this.corner(cell), { side, pen } = this;
        const edge = (there, a, b, c, d) => { if (!inside.has(there)) { pen.beginPath(); pen.moveTo(a, b); pen.lineTo(c, d); pen.stroke(); } };
        edge(cell - this.world.width, x, y, x + side, y);
        edge(cell + this.world.width, x, y + side, x + side, y + side);
        edge(cell - 1, x, y, x, y + side);
        edge(cell + 1, x + side, y, x + side, y + side);
      }
      this.pen.globalAlpha = 1;
    });
  }

  way(frames, at) {
    this.world.bodies.forEach((body, index) => {
      if (!body.agent) return;
      for (let t = Math.max(1, at - 11); t <= at; t++) {
        const [from, to] = [frames[t - 1].cells[index], frames[t].cells[index]];
        if (!this.onBoard(from) || !this.onBoard(to) || from === to) continue;
        this.pen.globalAlpha = 0.15 + (0.5 * (t - at + 12)) / 12;
        trace(this.pen, [...this.centre(from), ...this.centre(to)]);
        stroke(this.pen, body.colour, this.side * 0.07);
      }
      this.pen.globalAlpha = 1;
    });
  }

  plan(frame, agent, thought) {
    const name = this.world.agents[agent].name, index = this.world.bodies.findIndex((body) => body.agent && body.name === name);
    if (index < 0) return;
    const body = this.world.bodies[index], cells = [frame.cells[index], ...thought.line.map((step) => step[1])].filter((cell) => this.onBoard(cell));
    const { pen, side } = this;
    pen.setLineDash([side * 0.1, side * 0.14]);
    trace(pen, cells.flatMap((cell) => this.centre(cell)));
    stroke(pen, body.colour, side * 0.06);
    pen.setLineDash([]);
    if (cells.length > 1) { pen.globalAlpha = 0.35; this.figure(body, ...this.centre(cells[cells.length - 1]), side * 0.8); pen.globalAlpha = 1; }
  }

  figure(body, x, y, size, look) {
    this.pen.save();
    this.pen.translate(x, y);
    this.pen.scale(size, size);
    for (const [shape, ...numbers] of look ? body.looks[look] : body.shape) SHAPES[shape](this.pen, numbers);
    this.pen.restore();
  }

  bodies(frames, at) {
    const { cells, carried, looks = {} } = frames[at], crowds = new Map();
    cells.forEach((cell, index) => {
      if (this.onBoard(cell)) crowds.set(cell, [...(crowds.get(cell) || []), index]);
      else if (at && this.onBoard(frames[at - 1].cells[index]) && !carried[index]) this.gone(frames[at - 1].cells[index], index);
    });
    for (const [cell, here] of crowds) {
      const across = Math.ceil(Math.sqrt(here.length)), size = across === 1 ? this.side : (1.15 * this.side) / across;
      here.sort((a, b) => this.world.bodies[a].agent - this.world.bodies[b].agent).forEach((index, place) => {
        const [x, y] = this.centre(cell), apart = (0.9 * this.side) / across;
        this.figure(this.world.bodies[index], x + ((place % across) - (across - 1) / 2) * apart, y + (Math.floor(place / across) - (across - 1) / 2) * apart, size, looks[index]);
      });
    }
  }

  gone(cell, index) {
    const [x, y] = this.centre(cell), reach = 0.3 * this.side;
    this.pen.globalAlpha = 0.3;
    this.figure(this.world.bodies[index], x, y, this.side);
    this.pen.globalAlpha = 1;
    trace(this.pen, [x - reach, y - reach, x + reach, y + reach]); stroke(this.pen, css("--ink"), 2);
    trace(this.pen, [x - reach, y + reach, x + reach, y - reach]); stroke(this.pen, css("--ink"), 2);
  }
}

// A world without a board: a card for each field, with what it means, its value, and where that lies between its bounds.
function fieldCards(world, frame, before) {
  return frame.fields.map(([text, share], index) => {
    const changed = before && before.fields[index] && before.fields[index][0] !== text;
    const card = make("div", { class: changed ? "field changed" : "field" }, make("span", { class: "muted" }, words(world.fields[index])), make("strong", {}, words(text)));
    if (share !== null) {
      const bar = make("i", {});
      bar.style.width = 100 * share + "%";
      card.append(make("span", { class: "share" }, bar));
    }
    return card;
  });
}

// Where everything is, for who cannot see the board.
function whereabouts(world, frame) {
  const said = world.bodies.map((body, index) => {
    const cell = frame.cells[index];
    return cell < world.width * world.height ? words(body.name) + " in row " + Math.floor(cell / world.width) + ", column " + (cell % world.width) : null;
  });
  return "the board: " + said.filter((each) => each).join("; ");
}

function timeline(canvas, frames, at) {
  const [pen, width] = fit(canvas, 34), last = Math.max(frames.length - 1, 1), x = (t) => 8 + ((width - 16) * t) / last;
  pen.fillStyle = css("--hair"); pen.fillRect(8, 15, width - 16, 4);
  pen.fillStyle = css("--accent"); pen.fillRect(8, 15, x(at) - 8, 4);
  frames.forEach((frame, t) => {
    if (!frame.events || !frame.events.length) return;
    pen.fillStyle = frame.events.some((event) => event.startsWith("ended")) ? css("--bad") : css("--ink");
    pen.beginPath(); pen.arc(x(t), 17, 3.2, 0, 2 * Math.PI); pen.fill();
  });
  pen.beginPath(); pen.arc(x(at), 17, 7, 0, 2 * Math.PI);
  paint(pen, css("--accent"));
}

function curves(canvas, frames, at, world) {
  const [pen, width] = fit(canvas, 186), left = 44, right = width - 12, top = 12, bottom = 146;
  const visible = [0], hidden = [0];
  for (const frame of frames) {
    if (!frame.pays) continue;
    const weights = world.weights.reduce((sum, row) => sum.map((value, k) => value + row[k]), world.channels.map(() => 0));
    visible.push(visible[visible.length - 1] + frame.pays.reduce((sum, pay, k) => sum + pay * weights[k], 0));
    hidden.push(hidden[hidden.length - 1] + frame.performance);
  }
  const all = [...visible, ...hidden], low = Math.min(...all), high = Math.max(...all, low + 1);
  const x = (t) => left + ((right - left) * t) / Math.max(visible.length - 1, 1), y = (v) => bottom - ((bottom - top) * (v - low)) / (high - low);
  pen.font = "12px system-ui, sans-serif"; pen.fillStyle = css("--muted"); pen.textBaseline = "middle"; pen.textAlign = "right";
  for (const value of [low, 0, high]) {
    if (value < low || value > high) continue;
    pen.fillText(number(value), left - 6, y(value));
    trace(pen, [left, y(value), right, y(value)]); stroke(pen, css("--hair"), 1);
  }
  const parted = hidden.findIndex((value, t) => t > 0 && (value - hidden[t - 1]) * (visible[t] - visible[t - 1]) < 0);
  if (parted > 0) {
    pen.setLineDash([3, 4]); trace(pen, [x(parted), top, x(parted), bottom]); stroke(pen, css("--bad"), 1.2); pen.setLineDash([]);
    pen.textAlign = x(parted) > width / 2 ? "right" : "left"; pen.fillStyle = css("--bad");
    pen.fillText(" reward and performance come apart in tick " + (parted - 1) + " ", x(parted), top + 4);
  }
  const draw = (line, colour) => { trace(pen, line.flatMap((value, t) => [x(t), y(value)])); stroke(pen, colour, 2); };
  draw(hidden, css("--hidden")); draw(visible, css("--accent"));
  trace(pen, [x(Math.min(at, visible.length - 1)), top, x(Math.min(at, visible.length - 1)), bottom]); stroke(pen, css("--muted"), 1);
  pen.textAlign = "left"; pen.textBaseline = "alphabetic";
  pen.fillStyle = css("--accent"); pen.fillText("weighted reward so far " + number(visible[Math.min(at, visible.length - 1)]), left, 164);
  const wide = pen.measureText("weighted reward so far −00000").width + 24;
  const aside = words(world.hidden || "performance") + " (hidden) so far " + number(hidden[Math.min(at, hidden.length - 1)]);
  const beside = left + wide + pen.measureText(aside).width <= width;
  pen.fillStyle = css("--bad"); pen.fillText(aside, beside ? left + wide : left, beside ? 164 : 180);
}

// ------------------------------------------------------------------ the player

class Player {
  constructor(run, root) {
    this.run = run; this.at = 0; this.speed = 6; this.playing = null; this.onshow = () => {};
    this.shown = { sight: true, plan: true, way: true, worth: false, head: -1 };
    this.board = make("canvas", { class: "board", role: "img", "aria-label": "the board" });
    this.fields = make("div", { class: "fields" });
    this.time = make("canvas", { class: "timeline", role: "slider", tabindex: "0", "aria-label": "tick", "aria-valuemin": "0" });
    this.lines = make("canvas", { class: "curves", role: "img", "aria-label": "weighted reward and hidden performance so far" });
    this.words = make("div", { class: "words" });
    this.caption = make("p", { class: "caption", "aria-live": "polite" });
    this.legend = make("div", { class: "legend" });
    this.clock = make("strong", {});
    this.values = make("div", { class: "box" });
    this.log = make("div", { class: "box log" });
    this.button = make("button", { type: "button", onclick: () => this.toggle() }, "Play");
    root.append(this.controls(), make("div", { class: "player" },
      make("div", {}, this.board, this.fields, this.legend, this.caption, this.words, this.time, this.lines),
      make("div", { class: "side" }, this.values, this.log)));
    const best = (episode) => 4 * (episode.stage === "deploy") + 2 * (episode.agent === "exact") + (episode.label === episode.stage + "-" + episode.agent);
    this.list();
    this.choose(run.episodes.reduce((chosen, episode, index) => (best(episode) > best(run.episodes[chosen]) ? index : chosen), 0));
    for (const canvas of [this.time, this.lines]) {
      canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); this.stop(); this.drag(canvas, event); });
      canvas.addEventListener("pointermove", (event) => event.buttons && this.drag(canvas, event));
    }
    root.addEventListener("keydown", (event) => this.key(event));
    root.tabIndex = -1;
    new ResizeObserver(() => this.draw()).observe(this.board.parentElement);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  controls() {
    const pick = make("select", { "aria-label": "episode", onchange: () => this.choose(Number(pick.value)) });
    this.pick = pick;
    this.head = make("select", { "aria-label": "whose values", onchange: () => { this.shown.head = Number(this.head.value); this.draw(); } });
    const check = (key, text) => {
      const box = make("input", { type: "checkbox", onchange: () => { this.shown[key] = box.checked; this.draw(); } });
      box.checked = this.shown[key];
      this.checks.push(make("label", {}, box, text));
      return this.checks[this.checks.length - 1];
    };
    this.checks = [];
    return make("div", { class: "controls" }, pick, this.button,
      make("button", { type: "button", "aria-label": "one tick back", onclick: () => this.go(this.at - 1) }, "◂"),
      make("button", { type: "button", "aria-label": "one tick on", onclick: () => this.go(this.at + 1) }, "▸"),
      this.clock, check("sight", "what watchers see"), check("plan", "plan"), check("way", "way"), check("worth", "worth of places"), this.head);
  }

  heads() {
    this.head.replaceChildren(make("option", { value: -1 }, "all heads, weighed"), ...this.world.channels.map((name, k) => make("option", { value: k }, name)));
    this.shown.head = -1;
  }

  list() {
    const several = new Set(this.run.episodes.map((episode) => episode.seed + "/" + episode.episode)).size > 1;
    this.pick.replaceChildren(...this.run.episodes.map((episode, index) => {
      const which = several ? ", seed " + episode.seed + ", episode " + episode.episode : "";
      return make("option", { value: index }, episode.label + which);
    }));
    this.pick.hidden = this.run.episodes.length < 2;
  }

  // Other episodes in place of those that were there, the first of them at a tick.
  exchange(episodes, at) {
    this.run.episodes = episodes;
    this.list();
    this.choose(0, at);
  }

  choose(index, at = 0) {
    this.stop();
    this.episode = this.run.episodes[index];
    this.pick.value = index;
    this.world = this.run.stages[this.episode.world];
    this.drawing = new Board(this.world);
    this.frames = this.episode.frames;
    this.board.hidden = !this.world.height;
    this.fields.hidden = !this.board.hidden;
    for (const each of this.checks) each.hidden = this.board.hidden;
    this.heads();
    this.writeLog();
    this.show(at);
  }

  key(event) {
    const keys = { ArrowLeft: () => this.go(this.at - 1), ArrowRight: () => this.go(this.at + 1), Home: () => this.go(0), End: () => this.go(this.frames.length - 1),
      " ": () => this.toggle(), "-": () => { this.speed = Math.max(1, this.speed / 1.5); }, "=": () => { this.speed = Math.min(FASTEST, this.speed * 1.5); } };
    if (!(event.key in keys) || ["SELECT", "INPUT", "BUTTON"].includes(event.target.tagName)) return;
    event.preventDefault();
    keys[event.key]();
  }

  drag(canvas, event) {
    const box = canvas.getBoundingClientRect(), edge = canvas === this.time ? [8, 8] : [44, 12];
    const share = (event.clientX - box.left - edge[0]) / (box.width - edge[0] - edge[1]);
    this.show(Math.round(share * (this.frames.length - 1)));
  }

  go(at) { this.stop(); this.show(at); }
  show(at) { this.at = Math.min(Math.max(at, 0), this.frames.length - 1); this.draw(); }
  toggle() { if (this.playing === null) this.play(); else this.stop(); }
  play() {
    if (this.at >= this.frames.length - 1) this.at = 0;
    this.button.textContent = "Pause";
    const tick = () => {
      if (this.at >= this.frames.length - 1) return this.stop();
      this.show(this.at + 1);
      this.playing = setTimeout(tick, this.wait());
    };
    this.playing = setTimeout(tick, 0);
  }
  // As in the window: what has come about is told where it is seen and can be read, and what only repeats itself is passed over.
  wait() {
    const its = this.episode.captions.find(([tick]) => tick === this.at - 1), beat = 1000 / this.speed;
    if (its && its[2]) return beat + 1200 + 45 * its[1].length;
    if (this.episode.captions.some(([tick, , fresh]) => fresh && tick === this.at)) return beat + 1200;
    if (this.passed() !== null) return beat / 6;
    return its ? Math.max(beat, 45 * its[1].length) : beat;
  }
  // The first of the ticks around the present one that are passed over, or null.
  passed() {
    const news = this.episode.captions.filter((caption) => caption[2]).map(([tick]) => tick), last = this.frames.length - 1;
    const first = Math.max(...news.filter((tick) => tick < this.at)) + 7, end = Math.min(...news.filter((tick) => tick >= this.at), last) - 4;
    return Number.isFinite(first) && first <= this.at && this.at < end ? first : null;
  }
  stop() { clearTimeout(this.playing); this.playing = null; this.button.textContent = "Play"; }

  draw() {
    const frame = this.frames[this.at];
    if (this.world.height) {
      this.drawing.draw(this.board, this.frames, this.at, this.shown);
      this.board.setAttribute("aria-label", whereabouts(this.world, frame));
    } else this.fields.replaceChildren(...fieldCards(this.world, frame, this.frames[this.at - 1]));
    this.clock.textContent = "tick " + this.at + " of " + (this.frames.length - 1);
    this.time.setAttribute("aria-valuemax", this.frames.length - 1);
    this.time.setAttribute("aria-valuenow", this.at);
    this.time.setAttribute("aria-valuetext", [this.clock.textContent, ...(frame.events || []).map(words)].join(", "));
    this.head.hidden = !this.shown.worth;
    this.words.textContent = this.world.height ? frame.words.map(words).join(" · ") : "";
    const passed = this.passed(), told = this.episode.captions.filter(([tick]) => tick < (passed === null ? this.at : passed)), [latest] = told.slice(-1);
    this.caption.textContent = latest ? (latest[0] < 0 ? "At the start: " : "Tick " + latest[0] + ": ") + latest[1] : this.run.look;
    this.scale(frame);
    timeline(this.time, this.frames, this.at);
    curves(this.lines, this.frames, this.at, this.world);
    this.writeValues(frame);
    for (const line of this.log.querySelectorAll("button")) line.classList.toggle("now", Number(line.dataset.from) <= this.at && this.at <= Number(line.dataset.to));
    this.onshow(this.at);
  }

  scale(frame) {
    const worth = this.shown.worth && frame.worth && frame.worth[0];
    this.legend.hidden = !worth;
    if (!worth) return;
    const [low, high] = this.drawing.range;
    this.legend.replaceChildren(make("span", {}, number(low)), make("i", { class: "ramp" }), make("span", {}, number(high)),
      make("span", {}, "what it would be worth to stand there, " + worth.of + "; " + worth.gaps));
  }

  writeLog() {
    this.log.replaceChildren(make("h3", {}, "What happened"));
    const stretches = [];
    this.frames.forEach((frame, t) => {
      const words = (frame.events || []).join(", ").replaceAll("_", " "), last = stretches[stretches.length - 1];
      if (!words) return;
      if (last && last.words === words && last.to === t - 1) last.to = t;
      else stretches.push({ words, from: t, to: t });
    });
    for (const { words, from, to } of stretches) {
      const when = from === to ? "tick " + from : "ticks " + from + " to " + to;
      this.log.append(make("button", { type: "button", "data-from": from, "data-to": to, onclick: () => this.go(from) }, when + ": " + words));
    }
    if (!stretches.length) this.log.append(make("span", { class: "muted" }, "No event in this episode."));
  }

  writeValues(frame) {
    this.values.replaceChildren(make("h3", {}, "What each action loses against the best"));
    if (frame.executed) {
      const did = frame.executed.map((action, agent) => this.world.agents[agent].actions[action] || "nothing").join(", ");
      const chose = frame.chosen.map((action, agent) => this.world.agents[agent].actions[action]).join(", ");
      this.values.append(make("p", {}, this.run.does || "It does ", make("strong", {}, did), chose === did ? "" : " (it chose " + chose + ")"));
    }
    const thoughts = (frame.thoughts || []).map((thought, agent) => [thought, agent]).filter(([thought]) => thought);
    if (!thoughts.length) { this.values.append(make("span", { class: "muted" }, this.run.thoughtless || "No thought was recorded here.")); return; }
    for (const [thought, agent] of thoughts) this.bars(thought, thought.actions || this.world.agents[agent].actions, thought.actions ? thought.action : (frame.chosen || [])[agent]);
  }

  bars(thought, actions, chosen) {
    // What each action loses against the best one, and by which values: absolute values differ too little to be seen.
    const heads = this.world.channels.map((name, k) => k).filter((k) => thought.weights[k] !== 0);
    const total = (row) => row.reduce((sum, value) => sum + value, 0);
    const weighed = thought.q.map((row) => heads.map((k) => row[k] * thought.weights[k]));
    const usable = weighed.filter((_, a) => thought.available[a]);
    const best = usable.reduce((found, row) => (total(row) > total(found) ? row : found), usable[0]);
    const worth = weighed.map((row) => row.map((value, index) => value - best[index]));
    const open = worth.filter((_, a) => thought.available[a]);
    const most = Math.max(...open.map((row) => total(row.map((v) => Math.max(v, 0)))), 1e-9);
    const least = Math.min(...open.map((row) => total(row.map((v) => Math.min(v, 0)))), 0);
    const grid = make("div", { class: "bars" }), share = (value) => (100 * value) / (most - least);
    worth.forEach((row, action) => {
      if (!thought.available[action]) return;
      const track = make("div", { class: "track" }), zero = make("b", {});
      zero.style.left = share(-least) + "%";
      let up = -least, down = -least;
      row.forEach((value, index) => {
        const bar = make("i", {});
        bar.style.background = this.world.colours[heads[index]];
        bar.style.width = share(Math.abs(value)) + "%";
        if (value >= 0) { bar.style.left = share(up) + "%"; up += value; } else { down += value; bar.style.left = share(down) + "%"; }
        track.append(bar);
      });
      track.append(zero);
      const loss = total(row), said = Math.abs(loss) <= 1e-9 * Math.max(Math.abs(total(best)), 1) ? "best" : number(loss);
      grid.append(make("span", { class: action === chosen ? "chosen" : "" }, words(actions[action])), track,
        make("span", { class: action === chosen ? "chosen" : "" }, said));
    });
    const legend = make("div", { class: "legend" }, ...heads.map((k) => {
      const patch = make("i", {});
      patch.style.background = this.world.colours[k];
      return make("span", {}, patch, words(this.world.channels[k]));
    }));
    this.values.append(grid, legend);
    if (thought.instead) {
      const told = thought.decided.map((name, k) => "Without " + words(name) + (thought.instead[k] ? " it would plan to do " + words(thought.instead[k]) : " any action would do"));
      this.values.append(make("p", { class: "muted" }, told.length ? told.join(". ") + "." : "Without any one of its values it would do the same."));
    } else if (thought.decided.length) this.values.append(make("p", { class: "muted" }, "Without " + thought.decided.map(words).join(" or ") + " it would do something else, if it kept to its plan."));
    if (thought.rules) {
      this.values.append(make("h3", {}, "By which rules it expects this"), make("ul", { class: "rules" }, ...thought.rules.map(([text, overruled]) =>
        make("li", {}, text, overruled ? make("div", { class: "muted" }, "overruled: " + overruled) : ""))));
    }
  }
}
