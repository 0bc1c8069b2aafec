"use strict";
// The report: a section for each run or sweep. Needs player.js and sections.js.
const runs = JSON.parse(document.getElementById("data").textContent);
document.getElementById("page").append(...runs.map((each) => (each.kind === "sweep" ? sweepSection(each) : section(each))));
