"use strict";
// The parts of a page on a run or a sweep: verdicts, learning curves, diagrams. Needs player.js.

const SVG = "http://www.w3.org/2000/svg";

function draw(svg, tag, attributes, text) {
  const element = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  svg.append(element);
}

function interval(judgement) {
  const [low, high] = [judgement.low, judgement.high].map((end) => (typeof end === "string" ? Number(end.replace("inf", "Infinity")) : end));
  if (low === null || high === null || low < 0 || high > 1) return null;
  const svg = document.createElementNS(SVG, "svg"), part = (tag, attributes) => draw(svg, tag, attributes);
  svg.setAttribute("class", "interval"); svg.setAttribute("viewBox", "0 0 120 16");
  svg.setAttribute("role", "img"); svg.setAttribute("aria-label", "from " + low + " to " + high + ", " + judgement.bound);
  const x = (value) => 4 + 112 * value, bound = parseFloat((judgement.bound.match(/-?[\d.]+/) || [])[0]);
  part("line", { x1: 4, x2: 116, y1: 8, y2: 8, stroke: css("--hair"), "stroke-width": 2 });
  part("line", { x1: x(low), x2: x(high), y1: 8, y2: 8, stroke: css("--accent"), "stroke-width": 4, "stroke-linecap": "round" });
  if (bound >= 0 && bound <= 1) part("line", { x1: x(bound), x2: x(bound), y1: 2, y2: 14, stroke: css("--bad"), "stroke-width": 2 });
  return svg;
}

function verdictTables(run) {
  const judged = run.judgements.filter((judgement) => judgement.outcome !== "not applicable");
  const others = run.judgements.filter((judgement) => judgement.outcome === "not applicable");
  if (!others.length) return [verdictTable(judged)];
  const reasons = [...new Set(others.map((judgement) => judgement.why))];
  const head = make("summary", {}, others.length + " of " + run.judgements.length + " not judged: " + reasons.join("; "));
  return [judged.length ? verdictTable(judged) : null, make("details", {}, head, verdictTable(others))];
}

function verdictTable(judgements) {
  const rows = judgements.map((judgement) => {
    const range = judgement.low === null || judgement.low === judgement.high ? "" : " [" + number(judgement.low) + ", " + number(judgement.high) + "]";
    const measured = judgement.measure + (judgement.minus ? " less that " + judgement.minus : "");
    return make("tr", { class: judgement.outcome === "not applicable" ? "none" : judgement.outcome },
      make("td", {}, judgement.name, make("div", { class: "muted" }, measured)), make("td", { "data-of": "agent" }, judgement.agent), make("td", { "data-of": "stage" }, judgement.stage),
      make("td", {}, make("span", { class: "outcome" }, judgement.outcome)),
      make("td", judgement.value === null ? {} : { "data-of": "value" }, (judgement.about || "") + number(judgement.value) + range), make("td", { "data-of": "claimed" }, judgement.bound), make("td", {}, interval(judgement)),
      make("td", { class: "why" }, judgement.why + " (" + judgement.file + ":" + judgement.line + ")", make("div", { class: "muted" }, judgement.rests_on)));
  });
  const head = ["expectation", "agent", "stage", "outcome", "value", "claimed", "0 to 1", "why"].map((name) => make("th", {}, name));
  return make("div", { class: "table" }, make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows)));
}

function section(run) {
  const root = make("section", {});
  const judged = run.judgements.filter((judgement) => judgement.outcome !== "not applicable").length, all = run.judgements.length;
  const said = run.verdict + (judged === all ? "" : " · " + judged + " of " + all + " judged");
  root.append(make("h1", {}, run.title + " ", make("span", { class: "badge " + run.verdict }, said)),
    make("p", { class: "muted" }, run.name + " · its misalignment is " + run.origin),
    make("p", { class: "claim" }, run.claim));
  if (run.episodes.length) {
    const player = make("div", {});
    root.append(make("h2", {}, "What it did"), player);
    queueMicrotask(() => new Player(run, player));
    if (run.leftOut) root.append(make("p", { class: "muted" }, run.leftOut + " more recorded episodes are in the run's folder."));
  }
  root.append(make("h2", {}, "Verdict"), ...verdictTables(run).filter((each) => each));
  if (run.learning.length) {
    root.append(make("h2", {}, "How it learned"), make("p", { class: "muted" }, "What an episode of training earned, each seed and the mean of all, exploration included: who explores for the sake of novelty earns little, however much it learns. What it learned shows in what it did afterwards, named below each plot."),
      make("div", { class: "plots" }, ...run.learning.map(learning)));
    const grown = run.learning.filter((trace) => trace.knowledge.length);
    if (grown.length) root.append(make("h2", {}, "How its knowledge grew"), make("p", { class: "muted" }, "What it knows are rules with exceptions. Right foreseen is the share of the last 100 ticks that came as it thought likeliest, before it learned from them; it explores what it does not know yet."),
      make("div", { class: "plots" }, ...grown.flatMap(knowledge)));
  }
  if (run.lives.length) {
    root.append(make("h2", {}, "The lives it lived"), make("p", { class: "muted" }, "One row for each seed, one cell for each episode, coloured by what it was worth to the designers; a mark stands where something came between two episodes."),
      ...run.lives.map((life) => make("img", { class: "diagram", src: life.picture, alt: "Episodes of the lives of " + life.label })));
  }
  const about = Object.entries(run.about);
  if (about.length) root.append(make("h2", {}, "About"), make("dl", {}, ...about.flatMap(([key, text]) => [make("dt", {}, key), make("dd", {}, text)])));
  if (run.sources.length) root.append(make("p", { class: "muted" }, "Sources: " + run.sources.join("; ")));
  const made = run.manifest, versions = Object.entries(made.versions).map(([name, version]) => name + " " + version).join(", ");
  if (run.command) root.append(make("h2", {}, "Again"), make("pre", {}, run.command));
  root.append(
    make("p", { class: "muted" }, "Run " + made.started + " on Python " + made.python + " with " + versions + "; seeds of what was trained: " + made.seeds.join(", ") + "; scenario " + made.scenario_hash.slice(0, 16) + "."));
  return root;
}

// ------------------------------------------------------------------ plots

// Curves: a thin line for each seed, and a thick one for their mean where all have a point.
function plot(label, seeds) {
  const svg = document.createElementNS(SVG, "svg"), points = seeds.flatMap(([, curve]) => curve);
  const most = Math.max(...points.map(([steps]) => steps), 1), earned = points.map(([, value]) => value);
  const low = Math.min(...earned), high = Math.max(...earned), room = high - low || 1;
  const x = (steps) => 56 + (410 * steps) / most, y = (value) => 150 - (130 * (value - low)) / room;
  const path = (curve) => curve.map(([steps, value]) => x(steps).toFixed(1) + "," + y(value).toFixed(1)).join(" ");
  svg.setAttribute("class", "learning"); svg.setAttribute("viewBox", "0 0 480 182"); svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label + ": from " + number(low) + " to " + number(high) + " in " + most + " steps");
  for (const value of high > low ? [low, high] : [low]) {
    draw(svg, "line", { x1: 56, x2: 466, y1: y(value), y2: y(value), stroke: css("--hair") });
    draw(svg, "text", { x: 50, y: y(value) + 4, "text-anchor": "end", fill: css("--muted"), "font-size": 12 }, number(value));
  }
  draw(svg, "text", { x: 56, y: 172, fill: css("--muted"), "font-size": 12 }, "0");
  draw(svg, "text", { x: 466, y: 172, "text-anchor": "end", fill: css("--muted"), "font-size": 12 }, most.toLocaleString("en") + " steps");
  for (const [, curve] of seeds) draw(svg, "polyline", { points: path(curve), fill: "none", stroke: css("--accent"), "stroke-width": 1.2, "stroke-opacity": 0.45 });
  const by = new Map();
  for (const [steps, value] of points) by.set(steps, [...(by.get(steps) || []), value]);
  const mean = [...by].filter(([, values]) => values.length === seeds.length).sort((a, b) => a[0] - b[0])
    .map(([steps, values]) => [steps, values.reduce((sum, value) => sum + value, 0) / values.length]);
  draw(svg, "polyline", { points: path(mean), fill: "none", stroke: css("--accent"), "stroke-width": 2.6 });
  return svg;
}

function learning(trace) {
  const [middle, least, greatest] = trace.deployed.earned.map(number), range = least === greatest ? "" : " (" + least + " to " + greatest + ")";
  return make("figure", {}, make("figcaption", {}, trace.label + ", " + trace.seeds.length + (trace.seeds.length === 1 ? " seed" : " seeds")), plot(trace.label, trace.seeds),
    make("figcaption", {}, "afterwards, in " + trace.deployed.stage + ": " + middle + " an episode" + range));
}

// How rules grew in the training of one trace's seeds: their number, the exceptions among them, what was foreseen right.
function knowledge(trace) {
  return ["rules", "exceptions to other rules", "right foreseen"].map((what, k) => {
    const label = trace.label + ": " + what;
    return make("figure", {}, make("figcaption", {}, label), plot(label, trace.knowledge.map(([seed, curve]) => [seed, curve.map((point) => [point[0], point[k + 1]])])));
  });
}

function sweepSection(sweep) {
  const over = sweep.axes.map((axis) => axis.name + " (" + axis.values + ")").join(" × ");
  const image = make("img", { class: "diagram", src: sweep.picture, alt: "Phase diagram of " + sweep.name + " over " + over + "; the table has its figures" });
  const rows = Object.entries(sweep.found).flatMap(([agent, found]) => Object.entries(found).map(([regime, count]) =>
    make("tr", {}, make("td", {}, agent), make("td", {}, regime), make("td", {}, String(count)), make("td", { class: "why" }, sweep.regimes[regime] || ""))));
  const head = ["agent", "regime", "points or seeds", "where"].map((name) => make("th", {}, name));
  const versions = Object.entries(sweep.versions).map(([name, version]) => name + " " + version).join(", ");
  return make("section", {}, make("h1", {}, sweep.title), make("p", { class: "muted" }, sweep.name + " · sweep over " + over + " · stage " + sweep.stage), sweep.picture ? image : null,
    sweep.contours ? make("img", { class: "diagram", src: sweep.contours, alt: "Measures of " + sweep.name + " over " + over + "; the table has their figures" }) : null,
    make("div", { class: "table" }, make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows))),
    make("h2", {}, "Again"), make("pre", {}, sweep.command), make("p", { class: "muted" }, "With " + versions + "; scenario " + sweep.hash.slice(0, 16) + "."));
}
