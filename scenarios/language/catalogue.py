"""What every fault code means, at more length than a message has room for."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    # TC0: reading the file
    "TC001": "The file does not exist. Names of scenarios are paths below the library (`treacherous_turn/lab`); a "
    "file of your own is given by its path, with the ending `.yaml`.",
    "TC002": "The path leads to a folder, a device, a pipe or a socket. Only ordinary files are read, so that a "
    "scenario can never make the program wait or touch hardware.",
    "TC003": "The operating system refused to open the file, usually for want of permission.",
    "TC004": "The file is larger than a scenario may be. The limit keeps a hostile file from taking the machine's "
    "time; a real scenario has a few hundred lines. Draw large boards with `generate`.",
    "TC005": "The file is not UTF-8. Save it as UTF-8: every editor can, though some call it Unicode.",
    "TC006": "The text holds a character that no one can see: a control character, a NUL, a mark that reverses the "
    "order in which the line is shown, or half of a surrogate pair, whether typed or written as an escape "
    "in double quotes. It could make a file read otherwise than it looks.",
    "TC007": "The file holds no data: it is empty, or all of it is comments. `turncoat new` writes a file to start "
    "from.",
    "TC008": "YAML allows only spaces before the first character of a line, since a tab is as wide as each editor "
    "likes.",
    "TC009": "One file is one scenario. A line of three dashes starts a second document, which nothing would read.",
    "TC010": "This is not YAML. Frequent causes: a line that is not as far in as its neighbours, a glyph of the "
    "legend or a text with `: ` or ` #` in it that needs quotes, a bracket or quote that is never closed.",
    "TC011": "A mapping has the same key twice. Most YAML readers would silently forget the first.",
    "TC012": "Anchors (`&name`), aliases (`*name`) and merge keys (`<<`) are refused: a few lines of them can "
    "stand for billions. Share between files with `extends` and `uses`; a text that begins with `&` or "
    "`*` needs quotes.",
    "TC013": "Tags (`!name`) ask a reader to make objects, and a scenario is only data. A text that begins with "
    "`!` needs quotes.",
    "TC014": "Directives (`%YAML`, `%TAG`) change how a file is read. A scenario is always YAML 1.2.",
    "TC015": "A key is one word or text. It cannot be left out, and it cannot be a list or a mapping. Keys that "
    "look like numbers or truth values, as in a legend, are taken as they are written: `1` is the text "
    '"1".',
    "TC016": "Lists and mappings stand inside each other too deeply. No part of the language needs more than eight "
    "levels.",
    "TC017": "The file has more entries than a scenario may have. Draw large boards with `map` or `generate`.",
    "TC018": "The number is infinite, not a number, or has more digits than can be kept exactly.",
    "TC019": "Below a map stand comments that look like its rows. A map ends at the first line that is less far in "
    "than its first row; where such a row begins with `#`, YAML takes it for a comment, and the map "
    "silently loses it. Put every row as far in as the first. If it is a comment after all, put a space "
    "after its first `#`.",
    # TC1: guards, effects and measures
    "TC101": "A guard, effect or measure is there, but nothing is written in it.",
    "TC102": "A guard, effect or measure is one line of thought; this one is longer than any reader would follow. "
    "Keep parts of it in counters, which rules can set.",
    "TC103": "Parts stand inside parts too deeply. Each operator of a chain counts, since `a + b + c` means `(a + "
    "b) + c`.",
    "TC104": "The sign is not one of this language, though it may be of another. Conditions are joined by `and`, "
    "`or`, `not`; numbers by `+ - * / // % **`; compared by `== != < <= > >=`.",
    "TC105": "The word or sign belongs to the language, but nothing of its kind can stand here. The cure lists "
    "what can; docs/reference/grammar.md has the whole grammar.",
    "TC106": "The text ends where something more must come.",
    "TC107": "Each `(` needs its `)`.",
    "TC108": "A text in quotes ends with the quote that began it, on the same line.",
    "TC109": "Here only a word of the language can stand, and this is none.",
    "TC110": "Words that join or relate things (`and`, `on`, `meets`, `moved` and so on) cannot be names, in "
    "whatever letters they are written: sentences would become ambiguous to people.",
    "TC111": "Functions are `min max abs ln exp sqrt floor ceil` and `if(condition, then, otherwise)`; over the "
    "instances of a thing `any`, `all` and `count`; for places `cell(row, column)` and "
    "`zone_of(counter)`.",
    "TC112": "The function takes another number of arguments.",
    "TC113": "`1 < x < 3` is written as two comparisons, so that none can mistake what is compared with what.",
    "TC114": "A guard looks and changes nothing, so `=`, `+=` and `-=` stand only in effects. `==` compares.",
    "TC115": "`on`, `in`, `meets`, `sees`, `carries` and `near` relate places: a thing, an agent, a zone, "
    "`cell(row, column)` or `zone_of(counter)`. Only things and agents can have `moved`, be `facing` a "
    "direction, or do and choose actions.",
    "TC116": "Directions are `up`, `down`, `left` and `right`: rows count downwards, columns to the right.",
    "TC117": "A measure is one number about behaviour: `rate(event | condition)`, `share(condition)`, "
    "`count(event)`, `first(event)`, `return`, `value`, `performance` or `steps`.",
    "TC118": "Whole numbers have at most 18 digits, so that they fit 64 bits, and others stay below 1e308.",
    "TC601": "Walking the stage from its start met more states than `runs.max_states`, or a tick with more joint outcomes "
    "of chance than are enumerated (64). The message names what multiplies. The scenario still runs and trains by "
    "simulation; exact expectations are then not applicable.",
    "TC602": "An episode that is over before anything can be chosen shows nothing of behaviour.",
    "TC603": "In no reachable state, under no action and no chance, does the rule's guard hold. Often a zone is walled "
    "off, a counter cannot grow so far, or two conditions exclude each other. A param may change that.",
    "TC604": "`origin` states where the misalignment comes from, and enumeration of the training stage proves another. "
    "`learned`: weighted reward and performance agree on every reachable training transition. `given`: in some state a "
    "channel pays more for a harmful action than for every harmless one. `proxy`: they differ in any other way.",
    "TC605": "A recorded playthrough no longer comes out as written. Either the world changed by accident, or the record "
    "must be brought up to date.",
    "TC606": "A stage cannot be built: a table over its cells would not fit in memory, or a generated board has no room "
    "for what is to be placed on it.",
    "TC607": "With discount 1 and no horizon, values are finite only where every policy ends the episode sooner or later.",
    "TC608": "The plan that is best for the agent is as good as any for the hidden performance, so nothing can go wrong "
    "in this stage. In a control that is the point; in a scenario about misalignment it is a mistake.",
    "TC609": "The measure was computed over all policies, good and bad, and even its best end misses the bound, so the "
    "expectation would fail for any agent.",
}
"""Fault code -> a paragraph for `turncoat explain`."""
